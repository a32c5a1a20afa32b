"""McNemar's test between all pairs of systems of a table."""

from __future__ import annotations

from collections.abc import Sequence

from emotrace.evaluation.comparison import Pair
from emotrace.experiments.report import table as markdown_table
from emotrace.experiments.table.rows import Table
from emotrace.tables.writing import format_table


def pairs_page(table: Table) -> list[str]:
    """Lines of Markdown with a row and a column for each system: p above the diagonal, counts below."""
    pairs = table.pairs
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    cells = {(name, name): "" for name in names}
    for pair in pairs:
        cells[pair.first, pair.second] = probability(pair.mcnemar_holm)
        cells[pair.second, pair.first] = f"{pair.mcnemar.only_second} : {pair.mcnemar.only_first}"
    numbers = {name: f"{number} {name}" for number, name in enumerate(names, start=1)}
    rows = [[numbers[row], *(cells[row, column] for column in names)] for row in names]
    return [
        "## Each against each",
        "",
        *markdown_table(["system", *map(str, range(1, len(names) + 1))], rows),
        "",
        f"McNemar's exact test, two-sided{', on the first seed' if len(table.seeds) > 1 else ''}: above the "
        f"diagonal its p, corrected for {len(pairs)} pairs (Holm); below it the numbers of utterances that "
        "only the system of the row got right, and only that of the column.",
        "",
    ]


def pairs_csv(pairs: Sequence[Pair]) -> str:
    """CSV with one row per pair."""
    return format_table([pair_record(pair) for pair in pairs])


def pair_record(pair: Pair) -> dict[str, str | int | float]:
    """The values of a pair by name."""
    return {
        "first": pair.first,
        "second": pair.second,
        "only_first": pair.mcnemar.only_first,
        "only_second": pair.mcnemar.only_second,
        "mcnemar_p": pair.mcnemar.p,
        "mcnemar_p_holm": pair.mcnemar_holm,
    }


def probability(p: float | None) -> str:
    """A probability with three decimals.

    >>> probability(0.0123), probability(0.0004), probability(None)
    ('.012', '< .001', '–')
    """
    return "–" if p is None else "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")

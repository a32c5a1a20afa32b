"""A table of systems as Markdown, picture, CSV and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emotrace.evaluation.comparison import FEW_SPEAKERS, Comparison
from emotrace.evaluation.metrics import Interval, Spread
from emotrace.experiments.report import table as markdown_table
from emotrace.experiments.table.pairs import pair_record, pairs_csv, pairs_page, probability
from emotrace.experiments.table.plot import table_png
from emotrace.experiments.table.rows import Row, Table
from emotrace.system.files import write_bytes, write_text
from emotrace.tables.writing import format_table


def write_table(folder: Path, table: Table) -> str:
    """Write `table.md`, `table.csv`, `table.json` and `table.png`; the Markdown is returned.

    With three systems or more, `pairs.csv` compares all pairs.
    """
    page = table_page(table)
    write_text(folder / "table.md", page)
    write_text(folder / "table.csv", table_csv(table))
    write_text(folder / "table.json", json.dumps(as_dict(table), indent=2) + "\n")
    if len(table.rows) > 2:
        write_text(folder / "pairs.csv", pairs_csv(table.pairs))
    write_bytes(folder / "table.png", table_png(table))
    return page


def table_page(table: Table) -> str:
    """The table as Markdown: metrics, costs, tests of significance, and explanations."""
    seeds = f"seed{'s' if len(table.seeds) > 1 else ''} {', '.join(map(str, table.seeds))}"
    paper = any(row.published for row in table.rows)
    head = ["system"]
    for name in ("UA", "WA"):
        head += [name, "95 % interval", *_spread_heads(table), *([f"paper's {name}"] if paper else [])]
    figures = [[row.system, *_figures(row, "ua", paper), *_figures(row, "wa", paper)] for row in table.rows]
    costs = [
        [
            row.system,
            f"{row.parameters:,}",
            "–" if row.training_s is None else f"{row.training_s:.0f}",
            f"{1000 * row.inference:.1f}",
        ]
        for row in table.rows
    ]
    many = len(table.rows) > 1
    lines = [
        f"# {table.protocol}: {len(table.rows)} system{'s' if many else ''}",
        "",
        f"Recipe: {' + '.join(table.recipes)}. Folds: {', '.join(table.folds)}; {seeds}. "
        f"{table.utterances} utterances of {table.speakers} speakers, each classified by models that were "
        f"not trained on the speaker. emotrace {table.version}.",
        "",
        *markdown_table(head, figures),
        "",
        "Fractions. UA and WA pool all test speakers; their intervals resample speakers"
        + (", and are too narrow for so few." if table.speakers < FEW_SPEAKERS else ".")
        + (" The paper's figures are those of Table 5 of Zhao et al. (2021)." if paper else ""),
        "",
        *markdown_table(["system", "parameters", "training, s a fold", "inference, ms a second"], costs),
        "",
        "Training: mean seconds of all stages of a fold. Systems with the same front train it once; its time "
        "counts in each of their rows. Inference: on one thread, for one second of audio of the corpus, "
        "log-Mel included, with PyTorch.",
        "",
    ]
    if many:
        lines += _significance(table)
    if len(table.rows) > 2:  # for two systems the table above is complete
        lines += pairs_page(table)
    return "\n".join(lines)


def _significance(table: Table) -> list[str]:
    head = ["system", "UA less the reference's", "95 % interval", "p", "WA: z", "p", "right alone", "p"]
    rows = [
        [
            row.system,
            "–" if c.ua is None else f"{c.ua.value:+.3f}",
            "–" if c.ua is None else _interval(c.ua.interval),
            probability(c.ua_holm),
            f"{c.z.z:.2f}",
            probability(c.z_holm),
            f"{c.mcnemar.only_second} : {c.mcnemar.only_first}",
            probability(c.mcnemar_holm),
        ]
        for row in table.rows
        if (c := row.comparison) is not None
    ]
    return [
        f"## Against {table.reference}",
        "",
        *markdown_table(head, rows),
        "",
        f"Each p is corrected for {len(rows)} comparison{'s' if len(rows) > 1 else ''} (Holm). UA: "
        "two-sided, by a bootstrap over speakers; the interval is of one comparison. WA: the paper's "
        "one-tailed z-test, whose p is small where the reference is better; it assumes independent "
        "utterances, and other utterances for each system. Right alone: utterances that only this system got "
        "right, and only the "
        f"reference; McNemar's exact test, two-sided{', on the first seed' if len(table.seeds) > 1 else ''}.",
        "",
    ]


def table_csv(table: Table) -> str:
    """CSV with one row per system; missing values are empty."""
    return format_table([record(row) for row in table.rows])


def as_dict(table: Table) -> dict[str, Any]:
    """The table as JSON values."""
    common = {key: value for key, value in vars(table).items() if key not in ("rows", "pairs")}
    pairs = [pair_record(pair) for pair in table.pairs]
    return {**common, "rows": [record(row) for row in table.rows], "pairs": pairs}


def record(row: Row) -> dict[str, Any]:
    """The values of a row by name; those from `ua_difference` on compare it with the reference."""
    scores = row.scores
    return {
        "system": row.system,
        "ua": scores.ua,
        **_ends("ua", scores.ua_interval),
        **_spread(row.over_folds, "ua", "folds"),
        **_spread(row.over_seeds, "ua", "seeds"),
        "ua_paper": _paper(row, "ua"),
        "wa": scores.wa,
        **_ends("wa", scores.wa_interval),
        **_spread(row.over_folds, "wa", "folds"),
        **_spread(row.over_seeds, "wa", "seeds"),
        "wa_paper": _paper(row, "wa"),
        "parameters": row.parameters,
        "training_s_per_fold": row.training_s,
        "inference_s_per_s": row.inference,
        **_difference(row.comparison),
        **_tests(row.comparison),
    }


def _difference(c: Comparison | None) -> dict[str, float | None]:
    ua = None if c is None else c.ua
    return {
        "ua_difference": None if ua is None else ua.value,
        **_ends("ua_difference", None if ua is None else ua.interval),
        "ua_p": None if ua is None else ua.p,
        "ua_p_holm": None if c is None else c.ua_holm,
    }


def _tests(c: Comparison | None) -> dict[str, float | None]:
    return {
        "z": None if c is None else c.z.z,
        "z_p": None if c is None else c.z.p,
        "z_p_holm": None if c is None else c.z_holm,
        "mcnemar_only_reference": None if c is None else c.mcnemar.only_first,
        "mcnemar_only_this": None if c is None else c.mcnemar.only_second,
        "mcnemar_p": None if c is None else c.mcnemar.p,
        "mcnemar_p_holm": None if c is None else c.mcnemar_holm,
    }


def _paper(row: Row, name: str) -> float | None:
    return None if row.published is None else vars(row.published)[name]


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": low, f"{name}_high": high}


def _spread(spread: Spread | None, name: str, over: str) -> dict[str, float | None]:
    values = {} if spread is None else vars(spread)
    return {f"{name}_{kind}_over_{over}": values.get(f"{name}_{kind}") for kind in ("mean", "sd")}


def _spread_heads(table: Table) -> list[str]:
    return [
        f"mean ± SD over {over}" for over in ("folds", "seeds") if over == "folds" or len(table.seeds) > 1
    ]


def _spreads(row: Row, name: str) -> list[str]:
    cells = []
    for spread in (row.over_folds, row.over_seeds):
        if spread is not None:
            mean, deviation = vars(spread)[f"{name}_mean"], vars(spread)[f"{name}_sd"]
            cells.append(f"{mean:.3f}" + ("" if deviation is None else f" ± {deviation:.3f}"))
    return cells


def _figures(row: Row, name: str, paper: bool) -> list[str]:
    value, interval = getattr(row.scores, name), getattr(row.scores, f"{name}_interval")
    cells = [_fraction(_paper(row, name))] if paper else []
    return [f"{value:.3f}", _interval(interval), *_spreads(row, name), *cells]


def _interval(interval: Interval | None) -> str:
    return "–" if interval is None else str(interval)


def _fraction(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

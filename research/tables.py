"""A table of results as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotrace.system.files import write_text
from emotrace.tables.writing import format_table


def write_table(folder: Path, rows: Sequence[Mapping[str, str]], note: str = "") -> str:
    """Write `table.csv` and `report.md` into a folder, and return the text of the report.

    Args:
        folder: created if it does not exist
        rows: cells by column; the first row has all columns, in order
        note: text above the table
    """
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([row.get(column, "") for column in columns] for row in rows)]
    text = "\n".join([*([note] if note else []), *("| " + " | ".join(line) + " |" for line in lines), ""])
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "table.csv", format_table(rows))
    write_text(folder / "report.md", text)
    return text

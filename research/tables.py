"""A table of results as two files, for people and for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotrace.system.files import write_text


def write_table(output: Path, rows: Sequence[Mapping[str, str]]) -> str:
    """Write OUTPUT.csv and OUTPUT.md; the latter's text. The first row's keys head the columns."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    lines = (
        "| " + " | ".join(cells) + " |"
        for cells in [rows[0].keys(), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    )
    text = "\n".join(lines) + "\n"
    write_text(output.with_suffix(".csv"), file.getvalue())
    write_text(output.with_suffix(".md"), text)
    return text

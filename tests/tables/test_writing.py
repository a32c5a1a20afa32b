"""Written tables are read back unchanged, and hold no formulas."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from emotrace.tables.writing import format_table, restore

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
# `csv` takes an empty line for no row; a table of programs has more than one column.
ROWS = st.lists(st.fixed_dictionaries({"name": TEXTS, "other": TEXTS}), min_size=1, max_size=4)


@given(ROWS)
def test_a_table_is_read_back_unchanged(rows: list[dict[str, str]]) -> None:
    read = csv.DictReader(io.StringIO(format_table(rows), newline=""))
    assert [{key: restore(cell) for key, cell in row.items()} for row in read] == rows


@given(ROWS)
def test_no_cell_begins_as_a_formula(rows: list[dict[str, str]]) -> None:
    for row in csv.reader(io.StringIO(format_table(rows), newline="")):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r")) or cell.strip("+-.0123456789e") == ""

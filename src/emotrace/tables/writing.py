"""Writing of CSV tables, which programs read back unchanged and spreadsheets do not take for formulas."""

import re
from collections.abc import Iterable, Mapping, Sequence

_QUOTED = re.compile('[,"\n\r]')
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")  # a spreadsheet may run what begins so
_MARKED = re.compile("'+[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[-+]?\d*\.?\d*(?:e[-+]?\d+)?")


def format_row(values: Iterable[object]) -> str:
    r"""One row with a line break at its end; None is an empty cell.

    Cells with a line break of any kind are quoted: `csv` leaves a lone carriage return as it is before Python
    3.13, and readers end the row there.

    >>> format_row(["a, b", "x\ry", None, 0.5])
    '"a, b","x\ry",,0.5\n'
    >>> format_row(["=1+2.wav", "-0.5"])
    "'=1+2.wav,-0.5\n"
    """
    return ",".join(_format_cell(value) for value in values) + "\n"


def format_table(rows: Sequence[Mapping[str, object]]) -> str:
    """A header, which is the keys of the first row, and the rows; a key that a row lacks is an empty cell.

    >>> format_table([{"system": "pcn", "ua": 0.5}, {"system": "-pcn"}])
    "system,ua\\npcn,0.5\\n'-pcn,\\n"
    """
    columns = list(rows[0])
    return format_row(columns) + "".join(format_row(map(row.get, columns)) for row in rows)


def _format_cell(value: object) -> str:
    text = "" if value is None else str(value)
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def restore(cell: str) -> str:
    """The text of a cell that `format_row` wrote, without the apostrophe that prevents a formula.

    >>> restore("'=1+2.wav"), restore("'t Hooft.wav")
    ('=1+2.wav', "'t Hooft.wav")
    """
    return cell[1:] if _MARKED.match(cell) else cell

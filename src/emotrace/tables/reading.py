"""Reading of CSV tables that people, spreadsheets and programs write.

Names of columns may be in capitals, other columns are ignored (such as the index that pandas writes), and the
column of recordings may have one of its usual names.
"""

import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emotrace.errors import TableError
from emotrace.tables.writing import restore

FILE = "file"
_NAMES_OF_FILE = (
    "filename", "file_name", "filepath", "file_path", "path", "audio_filepath", "audio_path", "audio_file",
    "audio", "recording", "wav",
)  # fmt: skip
_LIKELY = {
    "start": ("start_s", "start_time", "begin", "onset", "from", "tmin", "xmin"),
    "end": ("end_s", "end_time", "stop", "to", "tmax", "xmax"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table.

    Attributes:
        required: columns that must be there
        optional: columns that may be there
        decisive: optional columns without which the table means something else; names that are nearly theirs
            are refused
        layout: the columns as documentation shows them
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    decisive: tuple[str, ...]
    layout: str

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.required, *self.optional)


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the header.

    Attributes:
        line: the line of the file where it starts, from 1
        fields: text by column, without spaces around it; only known columns that the table has
        other: the same of the other columns
    """

    line: int
    fields: dict[str, str]
    other: dict[str, str] = field(default_factory=dict)


def read_rows(text: str, columns: Columns) -> Iterator[Row]:
    """The rows of a CSV table below its header. Rows without text are left out.

    >>> columns = Columns(("file", "emotion"), ("end",), ("end",), "file,emotion[,end]")
    >>> [row.fields for row in read_rows(",Filename,EMOTION,sex\\n0,a.wav, anger ,f\\n", columns)]
    [{'file': 'a.wav', 'emotion': 'anger'}]

    Raises:
        TableError: if the text is no CSV, a column is missing, misnamed or there twice, or a row does not
            match the header; the message begins with the line
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for values in reader:
            cells = [restore(value).strip() for value in values]
            if any(cells):
                if header is None:
                    header = _read_header(cells, columns, line)
                else:
                    yield _make_row(header, cells, columns, line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"line {line}: found no CSV ({error}), expected {columns.layout}") from None
    if header is None:
        raise TableError(f"found no header, expected the columns {columns.layout}")


def _read_header(cells: Sequence[str], columns: Columns, line: int) -> list[str]:
    """The names of the columns in lower case; the column of recordings is called `file`."""
    names = [cell.lower() for cell in cells]
    if FILE in columns.names and FILE not in names:
        usual = next((name for name in _NAMES_OF_FILE if name in names), None)
        names = [FILE if name == usual else name for name in names]
    for name in columns.names:
        if names.count(name) > 1:
            raise TableError(
                f"line {line}: found the column {name!r} twice, expected it once; remove one of them"
            )
        if name not in names and name in (*columns.required, *columns.decisive):
            near = _nearly(name, [other for other in names if other not in columns.names])
            if near is not None:
                raise TableError(
                    f"line {line}: found the column {near!r}, expected {columns.layout}; "
                    f"if {near!r} is {name!r}, rename it, otherwise give it a name that differs more"
                )
    for name in columns.required:
        if name not in names:
            found = ",".join(cells)
            found = repr(found) if len(found) <= 60 else f"{found[:60]!r}..."
            hint = "; put commas between them" if len(names) == 1 else f"; add the column {name!r}"
            raise TableError(
                f"line {line}: found no column {name!r} in {found}, expected {columns.layout}{hint}"
            )
    return names


def _nearly(name: str, others: Sequence[str]) -> str | None:
    """The one of other columns that is probably meant to be `name`."""
    likely = [other for other in others if other in _LIKELY.get(name, ())]
    short = [other for other in others if len(other) <= 2 * len(name)]
    return next(iter(likely or difflib.get_close_matches(name, short, n=1, cutoff=0.8)), None)


def _make_row(header: Sequence[str], cells: list[str], columns: Columns, line: int) -> Row:
    while len(cells) > len(header) and not cells[-1]:
        cells.pop()  # spreadsheets write commas for empty cells beside the table
    if len(cells) != len(header):
        raise TableError(
            f"line {line}: found {len(cells)} fields, expected {len(header)} as in the header; "
            "put a field that contains a comma in double quotes"
        )
    fields: dict[str, str] = {}
    other: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=True):
        (fields if name in columns.names else other)[name] = cell
    return Row(line, fields, other)

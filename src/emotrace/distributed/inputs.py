"""The inputs of a bulk prediction: recordings on any file system that fsspec knows, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emotrace.errors import EmotraceError, MissingExtraError, TableError
from emotrace.system.text_encoding import decode_text
from emotrace.tables.reading import Columns, read_rows

BATCH_S = 300.0  # audio of a batch: a few seconds of work
BATCH_FILES = 128

_COLUMNS = Columns(("file",), ("duration",), (), "file[,duration]")
# Bytes of a second, to estimate durations: 16 kHz and 16 bit without compression, half of it in FLAC, and
# 64 kbit/s else.
_BYTES_PER_S = {".wav": 32_000, ".flac": 16_000}
_OTHER_BYTES_PER_S = 8_000
_UNKNOWN_S = 10.0


@dataclass(frozen=True, slots=True)
class Input:
    """A recording.

    Attributes:
        file: its path or URL, as results name it
        seconds: estimate of its duration, by its size or by a manifest
    """

    file: str
    seconds: float


def find_inputs(source: str) -> list[Input]:
    """The recordings that a pattern, a folder or a manifest names, each once, in order.

    Args:
        source: a path or URL: of a CSV file with a column `file` and perhaps `duration` in seconds, whose
            relative paths start in its folder; of a folder; or with wildcards, such as `s3://calls/**/*.wav`

    Raises:
        MissingExtraError: if the package for this kind of URL is not installed
        EmotraceError: if there is nothing, or the manifest is damaged
    """
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(source)
        if source.lower().endswith(".csv"):
            found = list(_read_manifest(source, system.cat_file(path)))
        else:
            found = list(_search(system, path))
    except ImportError as error:
        raise MissingExtraError(f"--input {source}: {error}") from None
    except (OSError, ValueError) as error:
        raise EmotraceError(f"--input {source}: found nothing that can be read ({error}); check it") from None
    if not found:
        raise EmotraceError(
            f"--input {source}: found no recording; expected a folder, a pattern such as 'calls/**/*.wav' in "
            "quotes, or a CSV file with a column file"
        )
    return found


def _search(system, path: str) -> Iterator[Input]:  # type: ignore[no-untyped-def]
    from emotrace.audio.reading import readable_suffixes

    listed = system.glob(path, detail=True) if "*" in path or "?" in path else system.find(path, detail=True)
    suffixes = readable_suffixes()
    for name in sorted(listed):
        if listed[name].get("type") != "directory" and _suffix(name) in suffixes:
            url = name if "file" in _protocols(system) else system.unstrip_protocol(name)
            yield Input(url, _estimate_s(name, listed[name].get("size")))


def _protocols(system) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


def _read_manifest(source: str, content: bytes) -> Iterator[Input]:
    seen: dict[str, int] = {}
    folder = source.rpartition("/")[0]
    try:
        for row in read_rows(decode_text(content), _COLUMNS):
            file = row.fields["file"]
            if "://" not in file and not file.startswith("/") and folder:
                file = f"{folder}/{file}"
            if file in seen:
                raise TableError(
                    f"line {row.line}: found {file}, which line {seen[file]} lists too; remove one of them"
                )
            seen[file] = row.line
            yield Input(file, _duration_s(row.fields.get("duration", ""), row.line) or _UNKNOWN_S)
    except TableError as error:
        raise EmotraceError(f"{source}: {error}") from None


def _duration_s(text: str, line: int) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise TableError(f"line {line}: duration is {text!r}; expected seconds, such as 12.5")
    return seconds


def _estimate_s(name: str, size: int | None) -> float:
    return _UNKNOWN_S if size is None else size / _BYTES_PER_S.get(_suffix(name), _OTHER_BYTES_PER_S)


def _suffix(name: str) -> str:
    dot = name.rpartition("/")[2].rpartition(".")
    return f".{dot[2].lower()}" if dot[1] else ""


def make_batches(inputs: Sequence[Input]) -> list[tuple[Input, ...]]:
    """Batches of about `BATCH_S` seconds and at most `BATCH_FILES` files, those with the longest audio first.

    >>> [[i.file for i in batch] for batch in make_batches([Input("a", 5), Input("b", 900), Input("c", 5)])]
    [['b'], ['a', 'c']]
    """
    batches: list[tuple[Input, ...]] = []
    batch: list[Input] = []
    seconds = 0.0
    for one in sorted(inputs, key=lambda one: -min(one.seconds, 1e9) if one.seconds > BATCH_S else 0.0):
        if batch and (seconds + one.seconds > BATCH_S or len(batch) == BATCH_FILES):
            batches.append(tuple(batch))
            batch, seconds = [], 0.0
        batch.append(one)
        seconds += one.seconds
    return [*batches, tuple(batch)] if batch else batches

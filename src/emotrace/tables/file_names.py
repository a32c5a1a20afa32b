"""Names of recordings in tables: file systems differ in Unicode normal forms and in separators."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path


def normalise(name: str) -> str:
    """A name in Unicode form NFC, which tables of other systems may not use.

    >>> len(normalise("a\\u0308.wav"))
    5
    """
    return unicodedata.normalize("NFC", name)


def spellings(name: str) -> Iterator[str]:
    r"""A name as it is written, then with forward slashes for the backslashes of Windows.

    >>> list(spellings("calls\\a.wav")), list(spellings("calls/a.wav"))
    (['calls\\a.wav', 'calls/a.wav'], ['calls/a.wav'])
    """
    yield name
    if "\\" in name:
        yield name.replace("\\", "/")


class FileFinder:
    """Finds the files that a table names by their paths relative to a folder.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "Gespr\\u00e4ch.wav").touch()
    >>> name, path = FileFinder(folder).find(".\\\\Gespra\\u0308ch.wav")
    >>> name == path.name == "Gespr\\u00e4ch.wav"
    True
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> tuple[str, Path | None]:
        """The name with forward slashes in form NFC, and the file; None if there is no such file."""
        for spelling in spellings(name):
            path = self._folder / spelling
            for candidate in (path, Path(normalise(str(path))), self._by_listing(spelling)):
                if candidate is not None and _is_file(candidate):
                    return _standard(spelling), candidate
        return _standard(spelling), None

    def _by_listing(self, spelling: str) -> Path | None:
        """The path whose parts are equal to those of `spelling` in form NFC."""
        path = self._folder
        for part in Path(os.path.normpath(spelling)).parts:
            actual = part if part in (os.sep, os.pardir) else self._listing(path).get(normalise(part))
            if actual is None:
                return None
            path = path / actual
        return path

    def _listing(self, folder: Path) -> dict[str, str]:
        if folder not in self._listings:
            try:
                names = [path.name for path in folder.iterdir()]
            except (OSError, ValueError):
                names = []
            self._listings[folder] = {normalise(name): name for name in names}
        return self._listings[folder]


def _standard(spelling: str) -> str:
    return normalise(Path(os.path.normpath(spelling)).as_posix())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a null character
        return False

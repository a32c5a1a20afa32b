"""Reads corpora whose files are named by emotion and speaker."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from emotrace.audio.reading import readable_suffixes
from emotrace.corpora import listing
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError


@dataclass(frozen=True)
class Label:
    """The label in a file name.

    Attributes:
        code: the corpus's own code for the emotion
        speaker: identifies the speaker within the corpus
        sex: "female" or "male", if known
    """

    code: str
    speaker: str
    sex: str | None = None


Parser: TypeAlias = Callable[[str], Label | None]
"""Finds the label in a path below the root without suffix, such as `wav/03a01Wa`; None if there is none."""


def any_labelled(root: Path, paths: Iterable[Path], parse: Parser) -> bool:
    """Whether one of the paths is an audio file with a label in its name."""
    suffixes = readable_suffixes()
    return any(path.suffix.lower() in suffixes and parse(_stem(root, path)) is not None for path in paths)


def read_named_files(
    corpus: str,
    root: Path,
    paths: Iterable[Path],
    parse: Parser,
    emotions: Mapping[str, str],
    example: str,
) -> list[Utterance]:
    """The utterances of some files, ordered by name. Files of all readable formats count.

    Files without a label are left out with a warning.

    Args:
        corpus: name of the corpus, for the warning
        root: folder of the corpus
        paths: files below it
        parse: finds the label in a path
        emotions: the corpus's codes and the nouns for them
        example: a name, for the warning

    Raises:
        CorpusError: an utterance is there in two formats
    """
    suffixes = readable_suffixes()
    found: dict[str, Utterance] = {}
    unknown: list[str] = []
    for path in paths:
        name, stem = path.relative_to(root).as_posix(), _stem(root, path)
        label = parse(stem) if path.suffix.lower() in suffixes else None
        if label is None:
            unknown.append(name)
            continue
        if stem in found:
            raise CorpusError(
                f"{root} holds an utterance twice, as {found[stem].name} and {name}; remove one of them"
            )
        found[stem] = Utterance(name, path, emotions[label.code], label.code, label.speaker, sex=label.sex)
    listing.warn_about_unknown_files(corpus, unknown, example)
    return sorted(found.values(), key=lambda utterance: utterance.name)


def _stem(root: Path, path: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()

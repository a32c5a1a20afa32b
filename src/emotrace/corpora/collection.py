"""A collection: a TOML file that names several corpora, which are read as one."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotrace.corpora.base import Corpus, OpenCorpus, protocol_name
from emotrace.corpora.labels import select_labels
from emotrace.corpora.protocols import collection_folds
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError
from emotrace.recipes import parse_toml
from emotrace.system.text_encoding import read_bounded

NAME = "collection"
FILE_NAME = "collection.toml"
LIMIT = 1 << 20  # bytes of a file
MEMBER_NAME = re.compile(r"[\w.-]+")


class Member(BaseModel):
    """One corpus of a collection. Other keys are options of its loader.

    Attributes:
        corpus: name of the loader; by default the name of the member
        root: folder of the corpus, absolute or relative to the TOML file, with environment variables
        label_map: new names of emotions
        emotions: emotions to keep, by their new names
        weight: how much the corpus counts in training, relative to the others
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    corpus: str | None = None
    root: str | None = None
    label_map: Annotated[dict[str, str], Field(alias="map")] = {}
    emotions: list[str] | None = None
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class Collection(BaseModel):
    """The content of the TOML file.

    Attributes:
        corpora: the corpora by name
        emotions: emotions to keep, by their new names; each corpus has some of them
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    corpora: dict[str, Member]
    emotions: list[str] | None = None


def read_collection(path: Path) -> Collection:
    """The content of a TOML file.

    Raises:
        CorpusError: it is no TOML file, or has other keys or values
    """
    try:
        found = Collection.model_validate(parse_toml(read_bounded(path, LIMIT).decode("utf-8")))
    except ValidationError as error:
        raise CorpusError(f"{path}: {_describe(error.errors()[0])}") from None
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise CorpusError(f"{path} is not a TOML file: {error}") from None
    if len(found.corpora) < 2:
        raise CorpusError(
            f"{path}: found {len(found.corpora)} of the tables [corpora.NAME], expected two or more"
        )
    for name in found.corpora:
        if not MEMBER_NAME.fullmatch(name):
            raise CorpusError(f"{path}: found the name {name!r}, expected letters, digits, . _ and -")
    return found


def _describe(problem: Any) -> str:
    """What is wrong with a key of the file, in one line."""
    place = problem["loc"]
    key = ".".join(map(str, place))
    if problem["type"] == "missing":
        return "found no corpus, expected two or more tables [corpora.NAME]; add one for each corpus"
    if problem["type"] == "extra_forbidden":
        return f"found the key {key}, expected {' and '.join(Collection.model_fields)}; remove or correct it"
    expected = "a table" if len(place) == 2 and place[0] == "corpora" else _EXPECTED[place[2:3] or place[:1]]
    return f"{key} is {repr(problem['input'])[:60]}, expected {expected}; correct it"


_EXPECTED = {
    ("corpora",): "two or more tables [corpora.NAME]",
    ("corpus",): "the name of a corpus",
    ("root",): "a folder",
    ("map",): 'new names, such as { exc = "happiness" }',
    ("emotions",): 'a list, such as ["anger", "neutral"]',
    ("weight",): "a number above 0",
}


def _read(root: Path) -> list[Utterance]:
    """The utterances of all corpora; names, speakers and sessions have the corpus before them."""
    path = _toml_file(root)
    collection = read_collection(path)
    opened = {name: _open(path, name, member) for name, member in collection.corpora.items()}
    _refuse_shared_corpora(path, opened)
    if collection.emotions is not None:
        opened = _restrict(path, opened, collection.emotions)
    utterances = [
        replace(
            utterance,
            name=f"{name}/{utterance.name}",
            speaker=f"{name}/{utterance.speaker}",
            session=None if utterance.session is None else f"{name}/{utterance.session}",
            corpus=name,
            corpus_weight=collection.corpora[name].weight,
        )
        for name, corpus in opened.items()
        for utterance in corpus.utterances
    ]
    return sorted(utterances, key=lambda utterance: utterance.name)


def _open(path: Path, name: str, member: Member) -> OpenCorpus:
    from emotrace.corpora.registry import open_corpus  # late, since the registry lists collections

    loader = member.corpus or name
    if loader == NAME:
        raise CorpusError(f"{path}: {name} is a collection itself; name its corpora instead")
    _check_name(path, name, loader)
    root = None if member.root is None else path.parent / os.path.expandvars(member.root)
    try:
        return open_corpus(
            loader,
            root,
            label_map=member.label_map,
            emotions=member.emotions,
            **(member.model_extra or {}),
        )
    except CorpusError as error:
        raise CorpusError(f"{path}: {name}: {error}") from error


def _check_name(path: Path, name: str, loader: str) -> None:
    """Refuse names that would state another corpus in the card of a model."""
    from emotrace.corpora.registry import CORPORA

    for known, other in ((loader, name), (name, loader)):
        if known in CORPORA and CORPORA[known].emotions and known != other:
            raise CorpusError(f"{path}: {name} has the corpus {loader}; name it [corpora.{loader}]")


def _refuse_shared_corpora(path: Path, opened: Mapping[str, OpenCorpus]) -> None:
    """Refuse the same recordings under two names, whose speakers would train and test."""
    for (one, first), (other, second) in combinations(opened.items(), 2):
        same_loader = first.corpus.recognise is second.corpus.recognise and first.corpus.emotions
        if same_loader or not _files(first).isdisjoint(_files(second)):
            raise CorpusError(
                f"{path}: {one} and {other} are the same corpus, so its speakers would count as different "
                "ones; name it once"
            )


def _files(opened: OpenCorpus) -> set[Path]:
    return {utterance.audio.resolve() for utterance in opened.utterances if isinstance(utterance.audio, Path)}


def _restrict(path: Path, opened: Mapping[str, OpenCorpus], emotions: Sequence[str]) -> dict[str, OpenCorpus]:
    known = {emotion for corpus in opened.values() for emotion in corpus.emotions}
    if missing := [emotion for emotion in emotions if emotion not in known]:
        raise CorpusError(f"{path}: no corpus has the emotion {', '.join(missing)}; correct `emotions`")
    restricted = {}
    for name, corpus in opened.items():
        shared = [emotion for emotion in emotions if emotion in corpus.emotions]
        if not shared:
            raise CorpusError(f"{path}: {name} has none of the emotions {', '.join(emotions)}; leave it out")
        restricted[name] = select_labels(corpus, emotions=shared)
    return restricted


def _toml_file(root: Path) -> Path:
    return root if root.is_file() else root / FILE_NAME


def _recognise(root: Path) -> bool:
    path = _toml_file(root)
    return path.is_file() and path.suffix.lower() == ".toml"


def _protocol(utterances: Sequence[Utterance]) -> str:
    corpora = {utterance.corpus for utterance in utterances}
    return protocol_name(NAME, utterances, f"{len(collection_folds(utterances))}fold-{len(corpora)}corpora")


COLLECTION = Corpus(
    name=NAME,
    title="several corpora, listed in a TOML file",
    citation="see the corpora",
    license="see the corpora",
    emotions={},
    layout=f"{FILE_NAME} (or another TOML file that --root names) with tables such as [corpora.emodb]",
    recognise=_recognise,
    read=_read,
    folds=collection_folds,
    protocol=_protocol,
)

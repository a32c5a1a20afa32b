"""Cross-validation protocols that several corpora share: the folds, and the name of the protocol."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from emotrace.corpora.base import OpenCorpus, protocol_name
from emotrace.corpora.splits import (
    Fold,
    corpus_scheme,
    leave_one_speaker_out,
    list_speakers,
    session_groups,
    speaker_groups,
)
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

LEAVE_ONE_CORPUS_OUT = "leave-one-corpus-out"
COLLECTION_FOLDS = 5
VALIDATION = 2  # speakers of each corpus at most, and a quarter of its speakers at most


def speaker_folds(utterances: Sequence[Utterance], validation: int = 2) -> list[Fold]:
    """One fold per speaker; the next `validation` speakers validate."""
    return leave_one_speaker_out(list_speakers(utterances), validation)


def speaker_protocol(corpus: str, utterances: Sequence[Utterance]) -> str:
    """The name of `speaker_folds`, such as `emodb-4-loso10`."""
    return protocol_name(corpus, utterances, f"loso{len(list_speakers(utterances))}")


def actor_folds(utterances: Sequence[Utterance], n: int) -> list[Fold]:
    """`n` groups of consecutive actors."""
    return speaker_groups(list_speakers(utterances), n)


def actor_protocol(corpus: str, utterances: Sequence[Utterance], n: int) -> str:
    """The name of `actor_folds`, such as `ravdess-8-6fold-24actors`."""
    return protocol_name(corpus, utterances, f"{n}fold-{len(list_speakers(utterances))}actors")


def default_protocol(corpus: str, utterances: Sequence[Utterance]) -> str:
    """The name of `corpus_folds`, which fits speakers and sessions of users."""
    return protocol_name(corpus, utterances, corpus_scheme(utterances))


def choose_protocol(opened: OpenCorpus, protocol: str | None) -> OpenCorpus:
    """A corpus with another protocol than its own; None keeps its own.

    Raises:
        CorpusError: the protocol is unknown, or is for collections and this is one corpus
    """
    if protocol is None:
        return opened
    if protocol != LEAVE_ONE_CORPUS_OUT:
        raise CorpusError(f"unknown protocol {protocol}; expected {LEAVE_ONE_CORPUS_OUT}")
    name = opened.corpus.name
    if any(utterance.corpus is None for utterance in opened.utterances):
        raise CorpusError(f"{protocol} is for --corpus collection, and {name} is one corpus; name several")
    scheme = partial(corpus_out_protocol, name)
    return replace(opened, corpus=replace(opened.corpus, folds=corpus_out_folds, protocol=scheme))


def corpus_out_protocol(collection: str, utterances: Sequence[Utterance]) -> str:
    """The name of `corpus_out_folds`, such as `collection-4-loco5`."""
    return protocol_name(collection, utterances, f"loco{len(_groups_by_corpus(utterances))}")


def corpus_out_folds(utterances: Sequence[Utterance]) -> list[Fold]:
    """One fold per corpus of a collection: all its speakers test, and those of the others train.

    Up to two speakers of each other corpus validate, but no more than a quarter of them.

    Raises:
        CorpusError: there are too few speakers
    """
    groups = _groups_by_corpus(utterances)
    folds = []
    for tested, test in groups.items():
        others = {name: found for name, found in groups.items() if name != tested}
        validation = [s for found in others.values() for s in _first_speakers(found, _join(found))]
        if not validation and others:  # only tiny corpora
            validation = list(max(others.values(), key=len)[0])
        train = [s for found in others.values() for s in _join(found) if s not in validation]
        fold = Fold(tested, tuple(train), tuple(validation), tuple(_join(test)))
        refuse_trained_corpora(fold, utterances)
        folds.append(fold)
    return folds


def refuse_trained_corpora(fold: Fold, utterances: Sequence[Utterance]) -> None:
    """Check that no corpus is on both sides of a fold.

    Raises:
        CorpusError: one is tested, and trains or validates
    """
    corpus_of = {utterance.speaker: utterance.corpus for utterance in utterances}
    known = {corpus_of[speaker] for speaker in (*fold.train, *fold.validation)}
    if both := known.intersection(corpus_of[speaker] for speaker in fold.test):
        raise CorpusError(f"fold {fold.name} trains on {', '.join(map(str, both))} and tests it too")


def collection_folds(utterances: Sequence[Utterance]) -> list[Fold]:
    """Five folds, or fewer of few speakers: in each, a part of the speakers of every corpus tests.

    Up to two speakers of each corpus in the next fold's part validate. A corpus of fewer speakers than folds
    is not in every test.

    Raises:
        CorpusError: there are too few speakers
    """
    groups = _groups_by_corpus(utterances)
    n = min(COLLECTION_FOLDS, max(map(len, groups.values())))
    if n < 3:
        raise CorpusError("found no corpus of three speakers; training, validation and test need as many")
    parts: list[list[str]] = [[] for _ in range(n)]
    candidates: list[list[str]] = [[] for _ in range(n)]
    for found in groups.values():
        for i in range(n):
            part = [group for position, group in enumerate(found) if position * n // len(found) == i]
            parts[i] += _join(part)
            candidates[i] += _first_speakers(part, _join(found))
    folds = []
    for i, test in enumerate(parts):
        validation = candidates[(i + 1) % n] or parts[(i + 1) % n]
        train = [s for part in parts for s in part if s not in test and s not in validation]
        folds.append(Fold(str(i + 1), tuple(train), tuple(validation), tuple(test)))
    return folds


def _groups_by_corpus(utterances: Sequence[Utterance]) -> dict[str, list[tuple[str, ...]]]:
    """Groups of speakers who share no session, by corpus, sorted."""
    by_corpus: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_corpus.setdefault(utterance.corpus or "", []).append(utterance)
    return {name: session_groups(by_corpus[name]) for name in sorted(by_corpus)}


def _join(groups: Sequence[tuple[str, ...]]) -> list[str]:
    return [speaker for group in groups for speaker in group]


def _first_speakers(groups: Sequence[tuple[str, ...]], speakers: Sequence[str]) -> list[str]:
    """Speakers of the first groups: `VALIDATION` and at most a quarter of a corpus's speakers."""
    wanted = min(VALIDATION, len(speakers) // 4)
    found: list[str] = []
    for group in groups:
        if len(found) < wanted:
            found += group
    return found

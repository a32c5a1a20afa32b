"""Folds: which speakers train, validate and test. No speaker is in two parts of a fold."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError


@dataclass(frozen=True)
class Fold:
    """One split of a corpus's speakers; its parts are disjoint and not empty.

    Raises:
        CorpusError: a part is empty, or a speaker is in two parts or twice in one

    >>> Fold("03", train=("09", "10"), validation=("08",), test=("03",)).test
    ('03',)
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        part_by_speaker: dict[str, str] = {}
        for part in ("train", "validation", "test"):
            speakers: tuple[str, ...] = getattr(self, part)
            if not speakers:
                raise CorpusError(f"fold {self.name} has no speaker in {part}; each part needs at least one")
            for speaker in speakers:
                if speaker in part_by_speaker:
                    raise CorpusError(
                        f"fold {self.name} has speaker {speaker} in {part_by_speaker[speaker]} and again in "
                        f"{part}; every speaker belongs to exactly one part"
                    )
                part_by_speaker[speaker] = part


def list_speakers(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """The speakers of the utterances, each once, sorted."""
    return tuple(sorted({utterance.speaker for utterance in utterances}))


def session_groups(utterances: Iterable[Utterance]) -> list[tuple[str, ...]]:
    """The speakers in groups that share no session, such as the pairs of a corpus of dialogues, sorted.

    Without sessions each speaker is a group. So it is if sessions link all speakers, as times of day do.

    >>> from pathlib import Path
    >>> pairs = {"a": "1", "b": "1", "c": "2", "d": "2"}
    >>> session_groups(Utterance(s, Path(s), "anger", "W", s, session=pairs[s]) for s in pairs)
    [('a', 'b'), ('c', 'd')]
    """
    groups: dict[str, set[str]] = {}
    first: dict[str, str] = {}  # speaker by session
    for utterance in utterances:
        own = groups.setdefault(utterance.speaker, {utterance.speaker})
        if utterance.session is None:
            continue
        other = groups[first.setdefault(utterance.session, utterance.speaker)]
        if other is not own:
            own |= other
            groups.update(dict.fromkeys(own, own))
    found = sorted({tuple(sorted(group)) for group in groups.values()})
    return found if len(found) > 1 else [(speaker,) for group in found for speaker in group]


def speakers_in_sessions_of(speakers: Iterable[str], utterances: Iterable[Utterance]) -> frozenset[str]:
    """The speakers and all who share a session with one of them: nothing may learn from them in a test."""
    wanted = set(speakers)
    return frozenset(
        speaker for group in session_groups(utterances) if wanted.intersection(group) for speaker in group
    )


def refuse_trained_sessions(
    name: str, train: Iterable[str], test: Sequence[str], utterances: Iterable[Utterance]
) -> None:
    """Refuse a split that trains on a session that it tests.

    Raises:
        CorpusError: a speaker who trains shares a session with another who tests
    """
    both = sorted(speakers_in_sessions_of(test, utterances).intersection(train).difference(test))
    if both:
        raise CorpusError(
            f"{name} trains on {', '.join(both)}, who shares a session with a speaker that it tests; a "
            "session that is tested may not train"
        )


def leave_one_speaker_out(speakers: Sequence[str], validation: int = 2) -> list[Fold]:
    """One fold per speaker: the speaker tests, the next `validation` speakers (cyclically) validate.

    Raises:
        CorpusError: no speaker is left to train on

    >>> [fold.validation for fold in leave_one_speaker_out(["a", "b", "c", "d"])]
    [('b', 'c'), ('c', 'd'), ('d', 'a'), ('a', 'b')]
    """
    _require(speakers, validation + 2, f"to test on one, validate on {validation} and train on the others")
    following = [*speakers, *speakers]
    return [
        _fold(speaker, speakers, following[i + 1 : i + 1 + validation], [speaker])
        for i, speaker in enumerate(speakers)
    ]


def speaker_groups(speakers: Sequence[str], n: int, validation: int = 2) -> list[Fold]:
    """`n` folds: groups of consecutive speakers, equally large where possible, test in turn.

    The first `validation` speakers of the next group validate.

    Raises:
        CorpusError: `n` is below 3, or there are fewer speakers than folds

    >>> [(fold.name, fold.validation) for fold in speaker_groups(["1", "2", "3", "4", "5", "6", "7"], 3)]
    [('1-3', ('4', '5')), ('4-5', ('6', '7')), ('6-7', ('1', '2'))]
    """
    if n < 3:
        raise CorpusError(f"found {n} folds; training, validation and test need at least 3")
    _require(speakers, n, f"for {n} folds")
    size, larger = divmod(len(speakers), n)
    starts = [i * size + min(i, larger) for i in range(n + 1)]
    groups = [speakers[start:end] for start, end in itertools.pairwise(starts)]
    return [
        _fold(_group_name(group), speakers, groups[(i + 1) % n][:validation], group)
        for i, group in enumerate(groups)
    ]


def default_folds(speakers: Sequence[str], most: int = 10) -> list[Fold]:
    """Folds for a corpus without a protocol: one speaker per fold, or `most` groups of more speakers.

    Raises:
        CorpusError: there are too few speakers

    >>> len(default_folds(["a", "b", "c", "d"])), len(default_folds([str(i) for i in range(23)]))
    (4, 10)
    """
    return speaker_groups(speakers, most) if len(speakers) > most else leave_one_speaker_out(speakers)


def corpus_folds(utterances: Sequence[Utterance], most: int = 10) -> list[Fold]:
    """`default_folds`, or one fold per group of speakers who share sessions; at most `most`.

    Raises:
        CorpusError: there are too few speakers
    """
    groups = session_groups(utterances)
    if not _divided_by_session(groups):
        return default_folds(list_speakers(utterances), most)
    count = min(most, len(groups))
    tests = [sum(groups[i * len(groups) // count : (i + 1) * len(groups) // count], ()) for i in range(count)]
    folds = []
    for i, test in enumerate(tests):
        others = [speaker for part in (*tests[i + 1 :], *tests[:i]) for speaker in part]
        _require(others, 2, f"beside those who share a session with {test[0]}")
        folds.append(_fold(_group_name(test), [*test, *others], others[: min(2, len(others) - 1)], test))
    return folds


def corpus_scheme(utterances: Sequence[Utterance], most: int = 10) -> str:
    """The name of what `corpus_folds` does, as the end of a protocol's name."""
    groups = session_groups(utterances)
    if _divided_by_session(groups):
        return f"{min(most, len(groups))}fold-{len(groups)}sessions"
    return default_scheme(list_speakers(utterances), most)


def _divided_by_session(groups: Sequence[Sequence[str]]) -> bool:
    return any(len(group) > 1 for group in groups)


def default_scheme(speakers: Sequence[str], most: int = 10) -> str:
    """The name of what `default_folds` does, as the end of a protocol's name.

    >>> default_scheme(["a", "b", "c", "d"]), default_scheme([str(i) for i in range(23)])
    ('loso4', '10fold-23speakers')
    """
    return f"{most}fold-{len(speakers)}speakers" if len(speakers) > most else f"loso{len(speakers)}"


def _fold(name: str, speakers: Sequence[str], validation: Sequence[str], test: Sequence[str]) -> Fold:
    held_out = {*validation, *test}
    train = tuple(speaker for speaker in speakers if speaker not in held_out)
    return Fold(name, train, tuple(validation), tuple(test))


def _group_name(group: Sequence[str]) -> str:
    return group[0] if len(group) == 1 else f"{group[0]}-{group[-1]}"


def _require(speakers: Sequence[str], least: int, purpose: str) -> None:
    if len(set(speakers)) != len(speakers):
        raise CorpusError("a speaker is listed twice; folds need each speaker once")
    if len(speakers) < least:
        raise CorpusError(
            f"found {len(speakers)} speaker{'' if len(speakers) == 1 else 's'} ({', '.join(speakers)}); "
            f"training, validation and test need disjoint speakers, at least {least} {purpose}"
        )

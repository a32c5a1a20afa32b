"""Which speakers train, validate and test: no speaker is ever in two parts of a fold."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError


@dataclass(frozen=True)
class Fold:
    """One way to share the speakers out: the parts are disjoint and none is empty.

    Raises CorpusError where they are not.

    >>> Fold("03", train=("09", "10"), validation=("08",), test=("03",)).test
    ('03',)
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        part_of: dict[str, str] = {}
        for part in ("train", "validation", "test"):
            speakers: tuple[str, ...] = getattr(self, part)
            if not speakers:
                raise CorpusError(f"fold {self.name} has no speaker in {part}; each part needs at least one")
            for speaker in speakers:
                if speaker in part_of:
                    raise CorpusError(
                        f"fold {self.name} has speaker {speaker} in {part_of[speaker]} and again in {part}; "
                        "every speaker belongs to exactly one part"
                    )
                part_of[speaker] = part


@dataclass(frozen=True)
class Split:
    """The utterances of a corpus as one fold shares them out."""

    train: tuple[Utterance, ...]
    validation: tuple[Utterance, ...]
    test: tuple[Utterance, ...]


def speakers_of(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """The speakers, each once, in order of their names."""
    return tuple(sorted({utterance.speaker for utterance in utterances}))


def leave_one_speaker_out(speakers: Sequence[str], validation: int = 2) -> list[Fold]:
    """One fold per speaker, who is its test; the next `validation` speakers, cyclically, validate it.

    Raises CorpusError where that leaves nobody to train on.

    >>> [fold.validation for fold in leave_one_speaker_out(["a", "b", "c", "d"])]
    [('b', 'c'), ('c', 'd'), ('d', 'a'), ('a', 'b')]
    """
    _need(speakers, validation + 2, f"to leave one out, validate on {validation} and train on the others")
    following = [*speakers, *speakers]
    return [
        _fold(speaker, speakers, following[i + 1 : i + 1 + validation], [speaker])
        for i, speaker in enumerate(speakers)
    ]


def speaker_groups(speakers: Sequence[str], n: int, validation: int = 2) -> list[Fold]:
    """`n` folds of neighbouring speakers, as even as can be; the next fold's first `validation` validate.

    Raises CorpusError for fewer than three folds or fewer speakers than folds.

    >>> [(fold.name, fold.validation) for fold in speaker_groups(["1", "2", "3", "4", "5", "6", "7"], 3)]
    [('1-3', ('4', '5')), ('4-5', ('6', '7')), ('6-7', ('1', '2'))]
    """
    if n < 3:
        raise CorpusError(f"{n} folds were asked for; training, validation and test need at least 3")
    _need(speakers, n, f"for {n} folds")
    each, over = divmod(len(speakers), n)
    starts = [i * each + min(i, over) for i in range(n + 1)]
    groups = [speakers[start:end] for start, end in itertools.pairwise(starts)]
    return [
        _fold(_name(group), speakers, groups[(i + 1) % n][:validation], group)
        for i, group in enumerate(groups)
    ]


def leave_out(speakers: Sequence[str], most: int = 10) -> list[Fold]:
    """For a corpus without a protocol of its own: one speaker a fold, or `most` groups where there are more.

    Raises CorpusError where there are too few.

    >>> len(leave_out(["a", "b", "c", "d"])), len(leave_out([str(i) for i in range(23)]))
    (4, 10)
    """
    return speaker_groups(speakers, most) if len(speakers) > most else leave_one_speaker_out(speakers)


def leave_out_scheme(speakers: Sequence[str], most: int = 10) -> str:
    """What `leave_out` does, as the end of a protocol's name.

    >>> leave_out_scheme(["a", "b", "c", "d"]), leave_out_scheme([str(i) for i in range(23)])
    ('loso4', '10fold-23speakers')
    """
    return f"{most}fold-{len(speakers)}speakers" if len(speakers) > most else f"loso{len(speakers)}"


def split(utterances: Iterable[Utterance], fold: Fold) -> Split:
    """Shares the utterances out as `fold` says: each lands in exactly one part.

    Raises CorpusError for a speaker whom the fold does not know, and for a part without an utterance.
    """
    part_of = {speaker: part for part in ("train", "validation", "test") for speaker in getattr(fold, part)}
    parts: dict[str, list[Utterance]] = {"train": [], "validation": [], "test": []}
    for utterance in utterances:
        if utterance.speaker not in part_of:
            raise CorpusError(
                f"{utterance.name} is by speaker {utterance.speaker}, who is in no part of fold {fold.name}; "
                "make the folds from the utterances that are to be split"
            )
        parts[part_of[utterance.speaker]].append(utterance)
    for part, members in parts.items():
        if not members:
            raise CorpusError(f"fold {fold.name} leaves no utterance for {part}; its speakers have none here")
    return Split(tuple(parts["train"]), tuple(parts["validation"]), tuple(parts["test"]))


def _fold(name: str, speakers: Sequence[str], validation: Sequence[str], test: Sequence[str]) -> Fold:
    held_out = {*validation, *test}
    train = tuple(speaker for speaker in speakers if speaker not in held_out)
    return Fold(name, train, tuple(validation), tuple(test))


def _name(group: Sequence[str]) -> str:
    return group[0] if len(group) == 1 else f"{group[0]}-{group[-1]}"


def _need(speakers: Sequence[str], least: int, purpose: str) -> None:
    if len(set(speakers)) != len(speakers):
        raise CorpusError("a speaker is listed twice; folds need each speaker once")
    if len(speakers) < least:
        raise CorpusError(
            f"{len(speakers)} speaker{'' if len(speakers) == 1 else 's'} ({', '.join(speakers)}) cannot be "
            f"shared out: training, validation and test need disjoint speakers, at least {least} {purpose}"
        )

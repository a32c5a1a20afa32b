"""What there is to know about a corpus, and a corpus once it is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotrace.corpora.splits import Fold, speakers_of
from emotrace.corpora.utterance import Utterance, emotions_in_order


@dataclass(frozen=True)
class Published:
    """The counts that the authors of a corpus published, to hold what lies on disk against."""

    by_emotion: Mapping[str, int]
    speakers: int
    by_session: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of_sessions(cls, by_session: Mapping[str, Mapping[str, int]], speakers: int) -> "Published":
        """What was published session by session, with the sums.

        >>> Published.of_sessions({"1": {"anger": 62}, "2": {"anger": 22}}, speakers=4).by_emotion
        {'anger': 84}
        """
        emotions = emotions_in_order(emotion for counts in by_session.values() for emotion in counts)
        return cls(
            {emotion: sum(counts.get(emotion, 0) for counts in by_session.values()) for emotion in emotions},
            speakers,
            by_session,
        )


@dataclass(frozen=True)
class Corpus:
    """The facts about a corpus and the few functions that differ from one to the next.

    `emotions` maps its own codes to English nouns, and is empty where the user names them. `layout` says in
    words what lies under its root, and `recognise` whether it does. `read` gives its utterances, ordered by
    name; a corpus that needs no root disregards it. `options` are the keywords beside the root that `read`
    leaves to the user. `folds` shares its speakers out, and `protocol` says how, in full and for these
    utterances: corpus, number of emotions, kind and number of folds. `language` is its code in ISO 639-1, and
    `speech` what kind of speech it is; both are empty where it differs from user to user.
    """

    name: str
    title: str
    citation: str
    license: str
    emotions: Mapping[str, str]
    layout: str
    recognise: Callable[[Path], bool]
    read: Callable[..., list[Utterance]]
    folds: Callable[[Sequence[Utterance]], list[Fold]]
    protocol: Callable[[Sequence[Utterance]], str]
    options: tuple[str, ...] = ()
    published: Published | None = None
    needs_root: bool = True
    language: str = ""
    speech: str = ""


@dataclass(frozen=True)
class OpenCorpus:
    """A corpus that has been read: its facts, and its utterances ordered by name."""

    corpus: Corpus
    utterances: tuple[Utterance, ...]

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions that occur, in the order that models and tables list them."""
        return emotions_in_order(utterance.emotion for utterance in self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers that occur, in order."""
        return speakers_of(self.utterances)

    @property
    def protocol(self) -> str:
        """The name of the way to cross-validate on these utterances, as in `emodb-4-loso10`."""
        return self.corpus.protocol(self.utterances)

    def folds(self) -> list[Fold]:
        """The folds of the corpus's protocol; raises CorpusError where there are too few speakers."""
        return self.corpus.folds(self.utterances)


def protocol_name(corpus: str, utterances: Sequence[Utterance], scheme: str) -> str:
    """A protocol's name, with the number of emotions that occur.

    >>> protocol_name("emodb", [Utterance("a.wav", Path("a.wav"), "anger", "W", "03")], "loso10")
    'emodb-1-loso10'
    """
    return f"{corpus}-{len({utterance.emotion for utterance in utterances})}-{scheme}"

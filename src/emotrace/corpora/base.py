"""The description of a corpus, and a corpus whose utterances have been read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotrace.corpora.splits import Fold, list_speakers, refuse_trained_sessions
from emotrace.corpora.utterance import Utterance, emotions_in_order


@dataclass(frozen=True)
class PublishedCounts:
    """Numbers of utterances and speakers that the authors of a corpus published."""

    by_emotion: Mapping[str, int]
    speakers: int
    by_session: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def from_sessions(cls, by_session: Mapping[str, Mapping[str, int]], speakers: int) -> "PublishedCounts":
        """Counts by session, and their sums by emotion.

        >>> PublishedCounts.from_sessions({"1": {"anger": 62}, "2": {"anger": 22}}, speakers=4).by_emotion
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
    """A corpus: facts about it, and the functions that read it and split its speakers.

    Attributes:
        name: the name on the command line
        title: the full name
        citation: the publication to cite
        license: the terms of use
        emotions: the corpus's own codes and the English nouns for them; empty if users choose their labels
        layout: description of the files under the root, for error messages
        recognise: whether a folder (or file) holds this corpus
        read: reads the utterances under a root, ordered by name; a corpus without files ignores the root
        folds: splits the speakers of some utterances into the folds of the corpus's protocol
        protocol: name of the protocol on some utterances: corpus, number of emotions, kind of folds
        options: keywords of `read` that users may set
        published: counts to compare with the files on disk
        needs_root: whether the corpus consists of files
        language: code in ISO 639-1; empty if it depends on the user's recordings
        speech: the kind of speech; empty if it depends on the user's recordings
        any_layout: whether folders of other corpora look like this one, so that those are looked for first
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
    published: PublishedCounts | None = None
    needs_root: bool = True
    language: str = ""
    speech: str = ""
    any_layout: bool = False


@dataclass(frozen=True)
class OpenCorpus:
    """A corpus and its utterances, ordered by name.

    Attributes:
        label_map: the labels that were renamed, as `select_labels` does
    """

    corpus: Corpus
    utterances: tuple[Utterance, ...]
    label_map: Mapping[str, str] = field(default_factory=dict)

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions of the utterances, in the order of models and tables."""
        return emotions_in_order(utterance.emotion for utterance in self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers of the utterances, sorted."""
        return list_speakers(self.utterances)

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the corpora of a collection, sorted; empty outside collections."""
        return tuple(sorted({u.corpus for u in self.utterances if u.corpus is not None}))

    @property
    def protocol(self) -> str:
        """The name of the cross-validation protocol on these utterances, as in `emodb-4-loso10`."""
        return self.corpus.protocol(self.utterances)

    def folds(self) -> list[Fold]:
        """The folds of the corpus's protocol.

        Raises:
            CorpusError: the corpus has too few speakers, or a fold would train on a session that it tests
        """
        folds = self.corpus.folds(self.utterances)
        for fold in folds:
            refuse_trained_sessions(f"fold {fold.name}", fold.train, fold.test, self.utterances)
        return folds


def protocol_name(corpus: str, utterances: Sequence[Utterance], scheme: str) -> str:
    """The name of a protocol: corpus, number of emotions in the utterances, and kind of folds.

    >>> protocol_name("emodb", [Utterance("a.wav", Path("a.wav"), "anger", "W", "03")], "loso10")
    'emodb-1-loso10'
    """
    return f"{corpus}-{len({utterance.emotion for utterance in utterances})}-{scheme}"

"""Renames the labels of a corpus, and restricts it to some emotions."""

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from emotrace.corpora.base import OpenCorpus, PublishedCounts
from emotrace.corpora.utterance import EMOTIONS, emotions_in_order
from emotrace.errors import CorpusError

NO_MAP: Mapping[str, str] = MappingProxyType({})
SIMILARITY = 0.8  # of two names that may be the same, as `difflib` measures it

# Other common names of emotions.
SYNONYMS = {
    "ang": "anger", "angry": "anger", "rage": "anger",
    "hap": "happiness", "happy": "happiness", "joy": "happiness",
    "sad": "sadness",
    "neu": "neutral", "neutrality": "neutral",
    "afraid": "fear", "fearful": "fear", "fea": "fear", "scared": "fear",
    "dis": "disgust", "disgusted": "disgust",
    "bored": "boredom",
    "sur": "surprise", "surprised": "surprise",
    "calmness": "calm",
    "exc": "excitement", "excited": "excitement",
    "fru": "frustration", "frustrated": "frustration",
}  # fmt: skip

logger = logging.getLogger(__name__)


def near_name(label: str) -> str | None:
    """The known emotion that a label probably names in another way; None if there is none.

    >>> near_name("Happy"), near_name("sadnes"), near_name("anger"), near_name("awe")
    ('happiness', 'sadness', None, None)
    """
    name = label.strip().lower()
    if label in EMOTIONS:
        return None
    if name in SYNONYMS or name in EMOTIONS:
        return SYNONYMS.get(name, name)
    similar = difflib.get_close_matches(name, EMOTIONS, n=1, cutoff=SIMILARITY)
    return similar[0] if similar else None


def warn_about_near_names(corpus: str, emotions: Iterable[str]) -> None:
    """Log the labels that models and tables know by another name."""
    near = {label: noun for label in emotions if (noun := near_name(label)) is not None}
    if near:
        names = ", ".join(f"{label} for {noun}" for label, noun in near.items())
        option = ",".join(f"{label}={noun}" for label, noun in near.items())
        logger.warning("%s: found %s; to rename, add --map %s", corpus, names, option)


def select_labels(
    opened: OpenCorpus, label_map: Mapping[str, str] | None = None, emotions: Sequence[str] | None = None
) -> OpenCorpus:
    """A corpus with some labels renamed, and then only the utterances of some emotions.

    Args:
        opened: the corpus
        label_map: new names of emotions, by their names or by the corpus's codes for them; several may get
            one name
        emotions: the emotions to keep, by their new names; None keeps all

    Raises:
        CorpusError: the corpus has no such label or emotion

    >>> from emotrace.corpora import open_corpus
    >>> select_labels(open_corpus("synthetic"), {"happiness": "joy"}, ["anger", "joy"]).emotions
    ('anger', 'joy')
    """
    label_map = label_map or NO_MAP
    if label_map:
        opened = _rename(opened, label_map)
    if emotions is not None:
        opened = _restrict(opened, emotions)
    return opened


def _rename(opened: OpenCorpus, label_map: Mapping[str, str]) -> OpenCorpus:
    known = {utterance.emotion for utterance in opened.utterances}
    codes = {utterance.code for utterance in opened.utterances}
    for label, noun in label_map.items():
        if label not in known | codes:
            raise CorpusError(
                f"{opened.corpus.name} has no label {label} to rename; expected one of "
                f"{', '.join(emotions_in_order(known))}, or a code of the corpus"
            )
        if not noun.strip():
            raise CorpusError(f"the new name of {label} is empty; expected a noun such as anger")
    renamed = tuple(
        replace(utterance, emotion=label_map.get(utterance.emotion) or label_map[utterance.code])
        if utterance.emotion in label_map or utterance.code in label_map
        else utterance
        for utterance in opened.utterances
    )
    corpus = replace(opened.corpus, published=None)  # the counts of other labels
    return replace(
        opened, corpus=corpus, utterances=renamed, label_map={**opened.label_map, **dict(label_map)}
    )


def _restrict(opened: OpenCorpus, emotions: Sequence[str]) -> OpenCorpus:
    if isinstance(emotions, str):
        raise CorpusError(f"found the emotion {emotions!r} alone, expected a list, such as [{emotions!r}]")
    for emotion in emotions:
        if emotion not in opened.emotions:
            raise CorpusError(
                f"{opened.corpus.name} has no emotion {emotion}; "
                f"expected some of {', '.join(opened.emotions)}"
            )
    if not emotions:
        raise CorpusError(f"no emotion is chosen; expected some of {', '.join(opened.emotions)}")
    published = opened.corpus.published
    if published is not None:
        published = _restrict_counts(published, emotions)
    return replace(
        opened,
        corpus=replace(opened.corpus, published=published),
        utterances=tuple(utterance for utterance in opened.utterances if utterance.emotion in emotions),
    )


def _restrict_counts(published: PublishedCounts, emotions: Sequence[str]) -> PublishedCounts:
    def restrict(counts: Mapping[str, int]) -> dict[str, int]:
        return {emotion: count for emotion, count in counts.items() if emotion in emotions}

    by_session = {session: restrict(counts) for session, counts in published.by_session.items()}
    return PublishedCounts(restrict(published.by_emotion), published.speakers, by_session)

"""Speech corpora: their facts, their layouts on disk, and how their speakers are split."""

from emotrace.corpora.base import Corpus, OpenCorpus, PublishedCounts
from emotrace.corpora.registry import CORPORA, open_corpus
from emotrace.corpora.splits import Fold, leave_one_speaker_out, list_speakers, speaker_groups
from emotrace.corpora.utterance import EMOTIONS, AudioSource, Utterance, emotions_in_order

__all__ = [
    "CORPORA",
    "EMOTIONS",
    "AudioSource",
    "Corpus",
    "Fold",
    "OpenCorpus",
    "PublishedCounts",
    "Utterance",
    "emotions_in_order",
    "leave_one_speaker_out",
    "list_speakers",
    "open_corpus",
    "speaker_groups",
]

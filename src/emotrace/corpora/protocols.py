"""Cross-validation protocols that several corpora share: the folds, and the name of the protocol."""

from collections.abc import Sequence

from emotrace.corpora.base import protocol_name
from emotrace.corpora.splits import (
    Fold,
    corpus_scheme,
    leave_one_speaker_out,
    list_speakers,
    speaker_groups,
)
from emotrace.corpora.utterance import Utterance


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

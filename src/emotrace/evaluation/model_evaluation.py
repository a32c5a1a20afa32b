"""A model folder measured on a corpus, through the same runtime that users run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emotrace.corpora import OpenCorpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import AudioError, CorpusError
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import Prediction
from emotrace.inference.recogniser import Recogniser


@dataclass(frozen=True)
class Measured:
    """How well a model did, what must be said about it, and how many utterances could not be read."""

    scores: Metrics
    predictions: tuple[Prediction, ...]
    remarks: tuple[str, ...]
    failed: int


def measure(recogniser: Recogniser, corpus: OpenCorpus) -> Measured:
    """Recognise each utterance whose emotion the model knows, as one of the emotions that both have.

    What is outside that, in the corpus or in the model, is among the remarks.

    Raises:
        CorpusError: the model knows none of the corpus's emotions, or no utterance could be read.
    """
    shared = [label for label in recogniser.labels if label in corpus.emotions]
    if not shared:
        raise CorpusError(
            f"the model knows {', '.join(recogniser.labels)}, and {corpus.corpus.name} has "
            f"{', '.join(corpus.emotions)}: none in common; choose another model or corpus"
        )
    known = [utterance for utterance in corpus.utterances if utterance.emotion in shared]
    remarks, predictions = [], []
    if strange := [emotion for emotion in corpus.emotions if emotion not in shared]:
        remarks.append(
            f"{len(corpus.utterances) - len(known)} utterances are left out: the model does not know "
            f"{', '.join(strange)}"
        )
    failed = silent = rejected = outside = 0
    for utterance in known:
        try:
            audio = read_utterance(utterance)
        except AudioError as error:
            remarks.append(str(error))
            failed += 1
            continue
        result = recogniser.recognise_audio(replace(audio, name=utterance.name))
        if result.scores is None:
            silent += 1
            continue
        rejected += result.label is None
        scores = among(shared, result.scores)
        label = max(scores, key=scores.__getitem__)
        outside += label != max(result.scores, key=result.scores.__getitem__)
        about = utterance.name, utterance.speaker, 0, 0, utterance.emotion
        predictions.append(Prediction(*about, label, scores))
    if silent:
        remarks.append(f"{silent} utterances are left out: they are silent")
    if not predictions:
        raise CorpusError(f"none of the {len(known)} utterances could be recognised; {remarks[0]}")
    if rejected:
        remarks.append(f"{rejected} utterances count by their best score: no emotion was found in them")
    if unasked := [label for label in recogniser.labels if label not in shared]:
        remarks.append(
            f"the model chose among {', '.join(shared)}: {corpus.corpus.name} has no {', '.join(unasked)}, "
            f"which it would have named {outside} times of {len(predictions)}"
        )
    return Measured(score_predictions(predictions), tuple(predictions), tuple(remarks), failed)


def among(labels: Sequence[str], scores: Mapping[str, float]) -> dict[str, float]:
    """The scores if nothing but `labels` could be.

    >>> among(["anger", "sadness"], {"anger": 0.125, "calm": 0.5, "sadness": 0.375})
    {'anger': 0.25, 'sadness': 0.75}
    """
    total = sum(scores[label] for label in labels)
    return {label: scores[label] / total if total else 1 / len(labels) for label in labels}

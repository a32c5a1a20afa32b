"""A model folder measured on a corpus, through the same runtime that users run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from emotrace.corpora import OpenCorpus
from emotrace.errors import AudioError, CorpusError
from emotrace.recogniser import Recogniser
from emotrace.training.clips import sound_of
from emotrace.training.evaluation import Scores, score_predictions
from emotrace.training.predictions import Prediction


@dataclass(frozen=True)
class Measured:
    """How well a model did, what must be said about it, and how many utterances could not be read."""

    scores: Scores
    predictions: tuple[Prediction, ...]
    remarks: tuple[str, ...]
    failed: int


def measure(recogniser: Recogniser, corpus: OpenCorpus) -> Measured:
    """Recognise each utterance whose emotion the model knows.

    Raises:
        CorpusError: the model knows none of the corpus's emotions, or no utterance could be read.
    """
    known = [utterance for utterance in corpus.utterances if utterance.emotion in recogniser.labels]
    if not known:
        raise CorpusError(
            f"the model knows {', '.join(recogniser.labels)}, and {corpus.corpus.name} has "
            f"{', '.join(corpus.emotions)}: none in common; choose another model or corpus"
        )
    remarks, predictions = [], []
    if others := len(corpus.utterances) - len(known):
        remarks.append(f"{others} utterances are left out: the model does not know their emotions")
    failed = silent = 0
    for utterance in known:
        try:
            audio = sound_of(utterance)
        except AudioError as error:
            remarks.append(str(error))
            failed += 1
            continue
        result = recogniser.from_audio(replace(audio, name=utterance.name))
        if result.label is None or result.scores is None:
            silent += 1
            continue
        predictions.append(
            Prediction(
                utterance.name, utterance.speaker, 0, 0, utterance.emotion, result.label, dict(result.scores)
            )
        )
    if silent:
        remarks.append(f"{silent} utterances are left out: they are silent")
    if not predictions:
        raise CorpusError(f"none of the {len(known)} utterances could be recognised; {remarks[0]}")
    return Measured(score_predictions(predictions), tuple(predictions), tuple(remarks), failed)

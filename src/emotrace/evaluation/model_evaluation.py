"""Evaluates a model on a corpus, with the inference code that users run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from emotrace.corpora import OpenCorpus, Utterance, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import AudioError, CorpusError
from emotrace.evaluation.metrics import Metrics, score_by_corpus, score_predictions
from emotrace.evaluation.predictions import Prediction
from emotrace.inference.recogniser import Recogniser, load
from emotrace.inference.result import renormalise


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    Attributes:
        metrics: WA, UA, macro-F1, their intervals and the confusion matrix
        predictions: one prediction per utterance, in the corpus's order
        remarks: one sentence for each restriction that a reader of the metrics should know
        failed: number of utterances whose audio could not be read; each has a remark
        by_corpus: the metrics of each corpus of a collection; empty outside collections
    """

    metrics: Metrics
    predictions: tuple[Prediction, ...]
    remarks: tuple[str, ...]
    failed: int
    by_corpus: Mapping[str, Metrics] = field(default_factory=dict)


def evaluate(
    model: Recogniser | str | Path | None,
    corpus: str | OpenCorpus,
    root: str | Path | None = None,
    *,
    corpus_options: Mapping[str, str | bool] | None = None,
    label_map: Mapping[str, str] | None = None,
    emotions: Sequence[str] | None = None,
) -> Evaluation:
    """Recognise each utterance of a corpus and compare the labels with the true ones.

    Only emotions that both the model and the corpus have count: utterances of other emotions are left out,
    and the model chooses among the shared emotions. Silent utterances are left out. Where the model rejects
    an utterance, its best score counts. The remarks give the numbers.

    Args:
        model: a recogniser, a model folder (or what else `emotrace.load` accepts); None is the shipped model
        corpus: name of a corpus, or a corpus that is open already
        root: folder of the corpus, where `corpus` is a name
        corpus_options: options of the corpus by name, as in `{"allow_missing": True}`
        label_map: new names of emotions, such as {"angry": "anger"}; codes of the corpus may be renamed too
        emotions: the emotions to keep, by their new names; None keeps all

    Raises:
        CorpusError: the corpus cannot be read, has no emotion in common with the model, or none of its
            utterances could be recognised
        ModelError: the model folder is incomplete, damaged or altered

    >>> from dataclasses import replace
    >>> from emotrace.corpora import open_corpus
    >>> corpus = open_corpus("synthetic")
    >>> evaluation = evaluate(None, replace(corpus, utterances=corpus.utterances[:3]))
    >>> evaluation.metrics.n, evaluation.metrics.labels
    (3, ('anger',))
    """
    recogniser = model if isinstance(model, Recogniser) else load(model)
    opened = open_corpus(corpus, root, label_map=label_map, emotions=emotions, **corpus_options or {})
    shared = [label for label in recogniser.labels if label in opened.emotions]
    if not shared:
        raise CorpusError(
            f"the model has the labels {', '.join(recogniser.labels)}, and {opened.corpus.name} has "
            f"{', '.join(opened.emotions)}: none in common; choose another model or corpus"
        )
    utterances = [utterance for utterance in opened.utterances if utterance.emotion in shared]
    recognised = _recognise_all(recogniser, utterances, shared)
    if not recognised.predictions:
        reason = recognised.failures[0] if recognised.failures else "all of them are silent"
        raise CorpusError(f"none of the {len(utterances)} utterances could be recognised; {reason}")
    corpora = {u.name: u.corpus for u in utterances if u.corpus is not None}
    return Evaluation(
        metrics=score_predictions(recognised.predictions),
        predictions=tuple(recognised.predictions),
        remarks=tuple(_remarks(recogniser, opened, shared, recognised)),
        failed=len(recognised.failures),
        by_corpus=score_by_corpus(recognised.predictions, corpora) if corpora else {},
    )


@dataclass(frozen=True)
class _Recognised:
    """Predictions, failures, and how many utterances were silent, rejected or got a label not in `shared`."""

    predictions: list[Prediction]
    failures: list[str]
    silent: int
    rejected: int
    outside: int


def _recognise_all(
    recogniser: Recogniser, utterances: Sequence[Utterance], shared: Sequence[str]
) -> _Recognised:
    predictions, failures = [], []
    silent = rejected = outside = 0
    for utterance in utterances:
        try:
            audio = read_utterance(utterance)
        except AudioError as error:
            failures.append(str(error))
            continue
        result = recogniser.recognise_audio(replace(audio, name=utterance.name))
        if result.scores is None:
            silent += 1
            continue
        rejected += result.label is None
        scores = renormalise(result.scores, shared)
        label = max(scores, key=scores.__getitem__)
        outside += label != max(result.scores, key=result.scores.__getitem__)
        predictions.append(
            Prediction(utterance.name, utterance.speaker, 0, 0, utterance.emotion, label, scores)
        )
    return _Recognised(predictions, failures, silent, rejected, outside)


def _remarks(
    recogniser: Recogniser, opened: OpenCorpus, shared: Sequence[str], recognised: _Recognised
) -> list[str]:
    remarks = []
    if missing := [emotion for emotion in opened.emotions if emotion not in shared]:
        left_out = sum(utterance.emotion in missing for utterance in opened.utterances)
        remarks.append(f"{left_out} utterances are left out: the model has no label {', '.join(missing)}")
    remarks += recognised.failures
    if recognised.silent:
        remarks.append(f"{recognised.silent} utterances are left out: they are silent")
    if recognised.rejected:
        remarks.append(
            f"the model rejected {recognised.rejected} utterances as having no emotional speech; "
            "their best scores count"
        )
    if unused := [label for label in recogniser.labels if label not in shared]:
        remarks.append(
            f"the model chose among {', '.join(shared)}: {opened.corpus.name} has no {', '.join(unused)}, "
            f"the best label of {recognised.outside} of {len(recognised.predictions)} utterances"
        )
    return remarks

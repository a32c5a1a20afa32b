"""The rows of a trained table: metrics and costs of each system, and its comparison with a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotrace.corpora import OpenCorpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.evaluation.comparison import Comparison, Pair, compare_pairs, compare_to
from emotrace.evaluation.metrics import Metrics, Spread, score_predictions, spread
from emotrace.evaluation.predictions import read_predictions
from emotrace.experiments.cost import real_time_factor, stage_seconds
from emotrace.experiments.table.plan import Plan
from emotrace.experiments.table.published import PublishedResult, published
from emotrace.models.architectures import find_system
from emotrace.training.run_folder import PREDICTIONS_FILE, read_run
from emotrace.training.two_stage import FRONT_STAGE

REFERENCE = "pcnse-sadrn-ctc"
TIMED_UTTERANCES = 5


@dataclass(frozen=True)
class Row:
    """A system of the table.

    Attributes:
        training_s: mean seconds of a fold, with those of a shared front; None where they were not recorded
        inference: seconds of one thread for one second of speech, log-Mel included
        published: results in the paper
        comparison: with the reference; None for the reference itself
    """

    system: str
    scores: Metrics
    over_folds: Spread
    over_seeds: Spread | None
    published: PublishedResult | None
    parameters: int
    training_s: float | None
    inference: float
    comparison: Comparison | None


@dataclass(frozen=True)
class Table:
    """Systems on the same utterances, the settings of their training, and comparisons of all pairs."""

    protocol: str
    recipes: tuple[str, ...]
    folds: tuple[str, ...]
    seeds: tuple[int, ...]
    utterances: int
    speakers: int
    emotions: int
    version: str
    reference: str
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]


def measure_table(plan: Plan, recipes: Sequence[str]) -> Table:
    """Measure the systems that `train_table` trained; `recipes` are the names of their recipes."""
    corpus = plan.experiment.corpus
    predictions_by_run = {
        name: read_predictions(plan.output / name / PREDICTIONS_FILE) for name in plan.systems
    }
    scores = {name: score_predictions(predictions) for name, predictions in predictions_by_run.items()}
    reference = (
        REFERENCE if REFERENCE in predictions_by_run else max(plan.systems, key=lambda name: scores[name].ua)
    )
    others = [name for name in plan.systems if name != reference]
    compared = dict(
        zip(
            others,
            compare_to(predictions_by_run[reference], [predictions_by_run[name] for name in others]),
            strict=True,
        )
    )
    recordings, rows = recordings_to_time(corpus), []
    for name in plan.systems:
        _, recipe, network = read_run(plan.folder(name, *plan.jobs[0]))
        rows.append(
            Row(
                system=name,
                scores=scores[name],
                over_folds=spread(predictions_by_run[name], "fold"),
                over_seeds=spread(predictions_by_run[name], "seed") if len(plan.seeds) > 1 else None,
                published=published(corpus.corpus.name, name),
                parameters=sum(parameter.numel() for parameter in network.parameters()),
                training_s=training_seconds(plan, name),
                inference=real_time_factor(network, recordings, find_system(name).max_frames(recipe)),
                comparison=compared.get(name),
            )
        )
    return Table(
        protocol=corpus.protocol,
        recipes=tuple(recipes),
        folds=tuple(plan.fold(number).name for number in plan.folds),
        seeds=plan.seeds,
        utterances=len({p.file for p in predictions_by_run[reference]}),
        speakers=scores[reference].speakers,
        emotions=len(corpus.emotions),
        version=plan.experiment.version,
        reference=reference,
        rows=tuple(rows),
        pairs=tuple(compare_pairs(predictions_by_run)),
    )


def training_seconds(plan: Plan, name: str) -> float | None:
    """Mean seconds of a fold: the stages in the system's folder, and its front in the owner's folder."""
    front = f"{FRONT_STAGE}{find_system(name).front}"
    total_s = 0.0
    for job in plan.jobs:
        stages = stage_seconds(plan.folder(name, *job))
        owner_stages = stage_seconds(plan.front_folder(name, *job))
        front_stages = {stage: s for stage, s in owner_stages.items() if stage.startswith(front)}
        if not stages and not front_stages:
            return None
        total_s += sum({**front_stages, **stages}.values())
    return total_s / len(plan.jobs)


def recordings_to_time(corpus: OpenCorpus) -> list[npt.NDArray[np.float32]]:
    """A few utterances, evenly spaced over the corpus."""
    step = max(1, len(corpus.utterances) // TIMED_UTTERANCES)
    return [read_utterance(utterance).samples for utterance in corpus.utterances[::step][:TIMED_UTTERANCES]]

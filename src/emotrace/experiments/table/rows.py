"""What a trained table says: a row per system with its figures, its cost, and how it does beside another."""

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
TIMED_CLIPS = 5


@dataclass(frozen=True)
class Row:
    """A system of the table.

    Attributes:
        training_s: mean seconds of a fold, a shared front's among them; None where they were not kept
        inference: seconds of one thread for a second of speech, log-Mel included
        published: what the paper says
        comparison: against the reference; None for the reference itself
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
    """Systems on the same utterances, how they came about, and each held against each."""

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
    """The table of what `train_table` trained; `recipes` are the names to print of those that made it."""
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
    sounds, rows = sounds_to_time(corpus), []
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
                inference=real_time_factor(network, sounds, find_system(name).max_frames(recipe)),
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
    """Mean seconds of a fold: a system's own stages, and its front's wherever that was trained."""
    owner, front = plan.fronts.get(name, name), f"{FRONT_STAGE}{find_system(name).front}"
    total_s = 0.0
    for job in plan.jobs:
        own = stage_seconds(plan.folder(name, *job))
        owners = stage_seconds(plan.folder(owner, *job))
        of_front = {stage: seconds for stage, seconds in owners.items() if stage.startswith(front)}
        if not own and not of_front:
            return None
        total_s += sum({**of_front, **own}.values())
    return total_s / len(plan.jobs)


def sounds_to_time(corpus: OpenCorpus) -> list[npt.NDArray[np.float32]]:
    """A few clips from all over the corpus."""
    step = max(1, len(corpus.utterances) // TIMED_CLIPS)
    return [read_utterance(utterance).samples for utterance in corpus.utterances[::step][:TIMED_CLIPS]]

"""Model folders of training runs: in float32, in int8, or with the figures of a cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from emotrace.corpora import open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.decoding.ctc import class_scores
from emotrace.errors import RunError
from emotrace.evaluation.calibration import calibration_error
from emotrace.evaluation.confusion import confusion_text
from emotrace.evaluation.metrics import Interval, Metrics, score_predictions
from emotrace.evaluation.model_evaluation import evaluate
from emotrace.evaluation.predictions import Prediction, read_predictions
from emotrace.export.model_card import CARD_FILE, Provenance, write_card
from emotrace.export.onnx import NOTICE_FILE, describe_model, export_model
from emotrace.inference.model_config import Figure, ModelConfig
from emotrace.inference.model_folder import CONFIG_FILE, MODEL_FILE, write_config
from emotrace.models.emotion_model import EmotionModel
from emotrace.recipe import Recipe
from emotrace.system.files import list_files
from emotrace.training.pretrained_weights import MODEL_WEIGHTS_FILE
from emotrace.training.run_folder import (
    PREDICTIONS_FILE,
    RUN_FILE,
    VALIDATION_FILE,
    Run,
    read_run,
    same_experiment,
)
from emotrace.training.scoring import best_temperature, log_loss

MIN_SCORE = 1e-12  # of an emotion, before the logarithm
CALIBRATION_UTTERANCES = 48  # spread over the corpus
MODEL_FILES = {CONFIG_FILE, MODEL_FILE, MODEL_WEIGHTS_FILE, CARD_FILE, NOTICE_FILE}


def export_run(run_folder: Path, output: Path) -> ModelConfig:
    """Write the model folder of a finished run.

    Raises:
        RunError: the folder is not a finished run, or `output` contains other files.
    """
    _refuse_other_files(output)
    _, network, provenance, _ = _read_finished_run(run_folder)
    return export_model(network, provenance, output)


def export_released(
    run_folder: Path, output: Path, *, name: str, licence: str, limits: str = ""
) -> ModelConfig:
    """Write the model folder of a finished run, without weights for PyTorch.

    Its figures are those of the run's validation speakers.

    Args:
        name: name of the model
        licence: licence of the model, by the name that the Hugging Face hub gives it
        limits: limits of this model alone, for its card

    Raises:
        RunError: the folder is not a finished run, or `output` contains other files.
    """
    _refuse_other_files(output)
    _, network, provenance, _ = _read_finished_run(run_folder)
    provenance = replace(provenance, name=name, license=licence, limits=limits)
    return export_model(network, provenance, output, weights=False)


def export_run_in_int8(
    run_folder: Path, output: Path, root: Path | None = None, **options: str | bool
) -> ModelConfig:
    """Write the model folder of a finished run in int8, without weights for PyTorch.

    The quantisation is calibrated on utterances of the training speakers. The int8 model is measured on the
    speakers that the run was measured on.

    Args:
        root: folder of the run's corpus
        options: options of `open_corpus`

    Raises:
        RunError: the folder is not a finished run, `output` contains other files, or it is another corpus.
        CorpusError: the corpus is missing or damaged.
    """
    _refuse_other_files(output)
    run, network, provenance, metrics = _read_finished_run(run_folder)
    corpus = open_corpus(run.corpus, root, label_map=run.label_map, emotions=run.emotions, **options)
    speakers = run.test or run.validation
    if missing := {*run.train, *speakers} - {utterance.speaker for utterance in corpus.utterances}:
        raise RunError(f"{root} has no speaker {', '.join(sorted(missing))} of the run; check --root")
    training = [utterance for utterance in corpus.utterances if utterance.speaker in run.train]
    selected = training[:: -(-len(training) // CALIBRATION_UTTERANCES)]
    window = describe_model(network, provenance).window_samples
    calibration = [read_utterance(utterance).samples[:window] for utterance in selected]
    unmeasured = replace(provenance, figures=None)
    config = export_model(network, unmeasured, output, weights=False, calibration=calibration)
    measured = tuple(utterance for utterance in corpus.utterances if utterance.speaker in speakers)
    in_int8 = evaluate(output, replace(corpus, utterances=measured)).metrics
    subset = _measured_subset(run)
    loss = Figure(value=metrics.ua - in_int8.ua)
    figures = {**_figures(subset, in_int8), f"{subset} UA lost by int8": loss}
    provenance = replace(
        provenance,
        figures=figures,
        measured=f"Measured in int8. {provenance.measured}".strip(),
        confusion=confusion_text(in_int8.labels, in_int8.confusion),
    )
    config = config.model_copy(update={"figures": figures})
    write_card(output, provenance, config)
    return write_config(output, config)


def export_crossvalidated(
    run_folder: Path, crossval_folder: Path, output: Path, *, name: str, licence: str, limits: str = ""
) -> ModelConfig:
    """Write the model folder of a run without test speakers, with figures of its recipe's cross-validation.

    Weights for PyTorch are left out.

    Args:
        name: name of the model
        licence: licence of the model, by the name that the Hugging Face hub gives it
        limits: limits of this model alone, for its card

    Raises:
        RunError: the run is a fold, the two folders differ in corpus, system or recipe, the cross-validation
            is incomplete, or `output` contains other files.
    """
    run, recipe, network = read_run(run_folder)
    _refuse_other_files(output)
    if run.test:
        raise RunError(
            f"{run_folder} is a fold that held {', '.join(run.test)} out; give a run of `emotrace train`"
        )
    utterances = same_experiment(run_folder, crossval_folder)["utterances"]
    predictions = read_predictions(crossval_folder / PREDICTIONS_FILE)
    tested = len({p.file for p in predictions})
    if tested != utterances:
        raise RunError(
            f"{crossval_folder} tests {tested} of {utterances} utterances; run all folds of its protocol"
        )
    metrics = score_predictions(predictions)
    networks = _describe_networks(predictions)
    temperature = pooled_temperature(crossval_folder)
    provenance = Provenance(
        name=name,
        system=run.system,
        recipe=recipe,
        emotions=run.emotions,
        corpus=run.corpora,
        protocol=f"{run.protocol}: {networks}, each tested on the speakers that its fold leaves out; "
        "this model learnt from all speakers",
        version=run.version,
        temperature=run.temperature if temperature is None else temperature,
        speakers=_describe_speakers(run, recipe, pooled=temperature is not None),
        earlier_corpora=run.earlier_corpora,
        training_speakers=run.training_speakers,
        license=licence,
        figures={
            **_figures("cross-validated", metrics),
            "cross-validated ECE": Figure(value=calibration_error(predictions)),
        },
        measured="This model learnt from all speakers, so none are left to test it on. The figures "
        f"are those of\na cross-validation with the same recipe: {networks}, each tested on\nthe speakers "
        f"that its fold leaves out. They made {metrics.n} predictions for {metrics.speakers} speakers.\n"
        "Expect lower figures on another corpus. ECE is the expected calibration error, in 15 bins.",
        confusion=confusion_text(metrics.labels, metrics.confusion),
        limits=limits,
    )
    return export_model(network, provenance, output, weights=False)


def _describe_networks(predictions: Sequence[Prediction]) -> str:
    """How many networks made the predictions of a cross-validation."""
    folds, seeds = len({p.fold for p in predictions}), len({p.seed for p in predictions})
    networks = len({(p.fold, p.seed) for p in predictions})
    return f"{networks} networks, one for each of {folds} folds" + (
        f" and {seeds} seeds" if seeds > 1 else ""
    )


def pooled_temperature(crossval_folder: Path) -> float | None:
    """The temperature that calibrates the validation predictions of all folds together.

    Each fold's scores are its log-scores divided by the fold's temperature. The result is the geometric mean
    of these temperatures, times the one that the pooled scores still need.

    Returns:
        None where the folder has no run folders of folds with validation predictions
    """
    folds = [path.parent for path in sorted(crossval_folder.glob(f"seed-*/fold-*/{VALIDATION_FILE}"))]
    if not folds:
        return None
    log_temperatures, logs, labels = [], [], []
    for fold in folds:
        run = Run.model_validate_json((fold / RUN_FILE).read_text(encoding="utf-8"))
        log_temperatures.append(math.log(run.temperature))
        for prediction in read_predictions(fold / VALIDATION_FILE):
            scores = np.array([prediction.scores[emotion] for emotion in run.emotions])
            logs.append(np.log(np.maximum(scores, MIN_SCORE)))
            labels.append(run.emotions.index(prediction.truth))
    remaining = best_temperature(lambda t: log_loss(class_scores(np.stack(logs), t), labels))
    return math.exp(sum(log_temperatures) / len(folds)) * remaining


def _read_finished_run(run_folder: Path) -> tuple[Run, EmotionModel, Provenance, Metrics]:
    """A finished run, its network, the provenance of the model, and its metrics."""
    run, recipe, network = read_run(run_folder)
    metrics = score_predictions(read_predictions(run_folder / PREDICTIONS_FILE))
    subset = _measured_subset(run)
    measured = f"The figures are optimistic: the validation speakers also {recipe.validation_role}."
    provenance = Provenance(
        name=f"emotrace-{run.corpus}-{run.seed}",
        system=run.system,
        recipe=recipe,
        emotions=run.emotions,
        corpus=run.corpora,
        protocol=f"{run.protocol}, one split: {subset} speakers {', '.join(run.test or run.validation)}",
        version=run.version,
        temperature=run.temperature,
        speakers=_describe_speakers(run, recipe),
        earlier_corpora=run.earlier_corpora,
        training_speakers=run.training_speakers,
        figures=_figures(subset, metrics),
        measured="" if run.test else measured,
        confusion=confusion_text(metrics.labels, metrics.confusion),
    )
    return run, network, provenance, metrics


def _measured_subset(run: Run) -> str:
    """The speakers that a run was measured on."""
    return "test" if run.test else "validation"


def _figures(subset: str, metrics: Metrics) -> dict[str, Figure]:
    return {
        f"{subset} WA": Figure(value=metrics.wa, interval=_bounds(metrics.wa_interval)),
        f"{subset} UA": Figure(value=metrics.ua, interval=_bounds(metrics.ua_interval)),
    }


def _describe_speakers(run: Run, recipe: Recipe, *, pooled: bool = False) -> str:
    """Which speakers did what; `pooled`: those of a cross-validation set the temperature."""
    role, later = recipe.validation_role, ""
    if pooled:
        role = "were left out of it"
    if recipe.refit_on_validation and not run.test:
        later = "; the final training includes them"
    elif recipe.functionals_l2:
        later = "; the final training of the functionals includes them"
    if pooled:
        later += "; the validation speakers of a cross-validation set the temperature"
    return f"{len(run.train)} for training; {len(run.validation)} ({', '.join(run.validation)}) {role}{later}"


def _refuse_other_files(output: Path) -> None:
    if any(file.name not in MODEL_FILES for file in list_files(output)):
        raise RunError(f"{output} holds other files than a model's; choose an empty --output")


def _bounds(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (interval.low, interval.high)

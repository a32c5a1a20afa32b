"""A trained network → a model folder: one ONNX graph from the waveform on, config, weights and card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save

from emotrace.audio.quality import Samples
from emotrace.audio.windowing import FRAME_HOP_SAMPLES, samples_in
from emotrace.corpora import open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import RunError
from emotrace.evaluation.calibration import calibration_error
from emotrace.evaluation.confusion import confusion_text
from emotrace.evaluation.metrics import Interval, Metrics, score_predictions
from emotrace.evaluation.model_evaluation import evaluate
from emotrace.evaluation.predictions import read_predictions
from emotrace.export.graph import onnx_bytes
from emotrace.export.model_card import Provenance, card
from emotrace.export.optimise import optimise_for_inference
from emotrace.export.quantise import quantised
from emotrace.inference.model_config import Calibration, Figure, ModelConfig, label_maps
from emotrace.inference.model_folder import CONFIG_FILE, MODEL_FILE, write_config
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel
from emotrace.recipe import Recipe
from emotrace.system.files import list_files, write_bytes, write_text
from emotrace.training.pretrained_weights import MODEL_WEIGHTS_FILE
from emotrace.training.run_folder import PREDICTIONS_FILE, Run, read_run, same_experiment

CARD_FILE = "README.md"
CALIBRATED_BY = 48  # utterances, spread over the corpus
REJECTION_THRESHOLD = 0.3  # of the empty sequence's likelihood; by validation speakers: results/README.md
MODEL_FILES = {CONFIG_FILE, MODEL_FILE, MODEL_WEIGHTS_FILE, CARD_FILE}


def export_model(
    network: EmotionModel,
    provenance: Provenance,
    folder: Path,
    *,
    weights: bool = True,
    calibration: Sequence[Samples] = (),
) -> ModelConfig:
    """Write a model folder that runs without torch; `weights` for torch lie in it too unless declined.

    Where windows of speech are given for `calibration`, convolutions compute in int8.

    Returns:
        the config as written
    """
    network = network.eval().to("cpu")
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(network, provenance)
    graph = onnx_bytes(optimise_for_inference(network, points=not calibration), config)
    if calibration:
        graph, config = quantised(graph, calibration), config.model_copy(update={"precision": "int8"})
    write_bytes(folder / MODEL_FILE, graph)
    if weights:
        tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
        write_bytes(folder / MODEL_WEIGHTS_FILE, save(tensors))
    else:
        (folder / MODEL_WEIGHTS_FILE).unlink(missing_ok=True)
    write_text(folder / CARD_FILE, card(provenance, config))
    return write_config(folder, config)


def config_of(network: EmotionModel, provenance: Provenance) -> ModelConfig:
    """What `config.json` says, but for the hashes."""
    recipe, system = provenance.recipe, find_system(provenance.system)
    objective, per_frame = network.objective, network.objective.is_per_frame
    longest, frame = system.max_frames(recipe), network.spectrum.frame_samples
    return ModelConfig(
        name=provenance.name,
        version=provenance.version,
        system=provenance.system,
        output=objective.output_name,
        **label_maps(provenance.emotions),
        window_samples=samples_in(longest, frame),
        hop_samples=longest // 2 * FRAME_HOP_SAMPLES,
        frame_samples=frame,
        frame_first_s=network.first_step_s if per_frame else None,
        frame_step_s=network.step_s if per_frame else None,
        decoding=objective.decoding,
        functionals=per_frame and network.functionals is not None,
        calibration=Calibration(
            temperature=provenance.temperature,
            rejection_threshold=REJECTION_THRESHOLD
            if per_frame and recipe.non_speech_per_utterance
            else None,
        ),
        recipe=recipe.model_dump(mode="json"),
        corpus=provenance.corpus,
        earlier_corpora=tuple(provenance.earlier_corpora),
        protocol=provenance.protocol,
        figures=dict(provenance.figures or {}),
    )


def export_run(run_folder: Path, output: Path) -> ModelConfig:
    """The model folder of a finished run.

    Raises:
        RunError: the folder is not a finished run, or `output` holds something else.
    """
    _refuse_other_files(output)
    _, network, provenance, _ = _finished(run_folder)
    return export_model(network, provenance, output)


def export_run_in_int8(
    run_folder: Path, output: Path, root: Path | None = None, **options: str | bool
) -> ModelConfig:
    """The model folder of a finished run in int8, without weights for torch.

    The run's corpus in `root` is read as `open_corpus` says: utterances of training speakers tell how far
    values reach, those that the run was measured on tell what int8 loses.

    Raises:
        RunError: the folder is not a finished run, `output` holds something else, or the corpus is another.
        CorpusError: the corpus is not there.
    """
    _refuse_other_files(output)
    run, network, provenance, scores = _finished(run_folder)
    corpus = open_corpus(run.corpus, root, **options)
    speakers = run.test or run.validation
    if missing := {*run.train, *speakers} - {utterance.speaker for utterance in corpus.utterances}:
        raise RunError(f"{root} has no speaker {', '.join(sorted(missing))} of the run; check --root")
    training_utterances = [utterance for utterance in corpus.utterances if utterance.speaker in run.train]
    chosen = training_utterances[:: -(-len(training_utterances) // CALIBRATED_BY)]
    longest = config_of(network, provenance).window_samples
    calibration = [read_utterance(utterance).samples[:longest] for utterance in chosen]
    unmeasured = replace(provenance, figures=None)
    config = export_model(network, unmeasured, output, weights=False, calibration=calibration)
    measured_utterances = tuple(utterance for utterance in corpus.utterances if utterance.speaker in speakers)
    own = evaluate(output, replace(corpus, utterances=measured_utterances)).metrics
    on = _part(run)
    figures = {**_figures(on, own), f"{on} UA lost by int8": Figure(value=scores.ua - own.ua)}
    provenance = replace(
        provenance,
        figures=figures,
        measured=f"Measured in int8. {provenance.measured}".strip(),
        confusion=confusion_text(own.labels, own.confusion),
    )
    config = config.model_copy(update={"figures": figures})
    write_text(output / CARD_FILE, card(provenance, config))
    return write_config(output, config)


def _finished(run_folder: Path) -> tuple[Run, EmotionModel, Provenance, Metrics]:
    """A finished run, its network, where that comes from, and how it was measured."""
    run, recipe, network = read_run(run_folder)
    scores = score_predictions(read_predictions(run_folder / PREDICTIONS_FILE))
    on = _part(run)
    provenance = Provenance(
        name=f"emotrace-{run.corpus}-{run.seed}",
        system=run.system,
        recipe=recipe,
        emotions=run.emotions,
        corpus=run.corpus,
        protocol=f"{run.protocol}, one split: {on} speakers {', '.join(run.test or run.validation)}",
        version=run.version,
        temperature=run.temperature,
        speakers=_speakers(run, recipe),
        earlier_corpora=run.earlier_corpora,
        figures=_figures(on, scores),
        measured=""
        if run.test
        else f"The validation speakers also {recipe.validation_role}, so their figures flatter.",
        confusion=confusion_text(scores.labels, scores.confusion),
    )
    return run, network, provenance, scores


def _part(run: Run) -> str:
    """Which speakers a run was measured on."""
    return "test" if run.test else "validation"


def export_crossvalidated(
    run_folder: Path, crossval_folder: Path, output: Path, *, name: str, licence: str
) -> ModelConfig:
    """The model folder of a run that held nobody out, with the figures of its recipe's cross-validation.

    Weights for torch are left out. `licence` is the model's, by the hub's name for it.

    Raises:
        RunError: the run is a fold, the two differ in corpus, system or recipe, the cross-validation lacks
            utterances, or `output` holds something else.
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
    scores = score_predictions(predictions)
    networks = len({(p.fold, p.seed) for p in predictions})
    provenance = Provenance(
        name=name,
        system=run.system,
        recipe=recipe,
        emotions=run.emotions,
        corpus=run.corpus,
        protocol=f"{run.protocol}, of {networks} other networks of the same recipe",
        version=run.version,
        temperature=run.temperature,
        speakers=_speakers(run, recipe),
        earlier_corpora=run.earlier_corpora,
        license=licence,
        figures={
            **_figures("cross-validated", scores),
            "cross-validated ECE": Figure(value=calibration_error(predictions)),
        },
        measured="These figures are not of this network, from which nobody was held out, but of "
        f"{networks} others of the same\nrecipe, each tested on speakers that it never heard: {scores.n} "
        f"predictions for {scores.speakers} speakers. On another corpus\nexpect less. ECE is the expected "
        "calibration error, in 15 bins.",
        confusion=confusion_text(scores.labels, scores.confusion),
    )
    return export_model(network, provenance, output, weights=False)


def _figures(of: str, scores: Metrics) -> dict[str, Figure]:
    return {
        f"{of} WA": Figure(value=scores.wa, interval=_ends(scores.wa_interval)),
        f"{of} UA": Figure(value=scores.ua, interval=_ends(scores.ua_interval)),
    }


def _speakers(run: Run, recipe: Recipe) -> str:
    after = ""
    if recipe.refit_on_validation and not run.test:
        after = ", then trained too"
    elif recipe.functionals_l2:
        after = ", then functionals learnt from them too"
    return f"{len(run.train)}, and {len(run.validation)} ({', '.join(run.validation)}) {recipe.validation_role}{after}"


def _refuse_other_files(output: Path) -> None:
    if any(file.name not in MODEL_FILES for file in list_files(output)):
        raise RunError(f"{output} holds other files than a model's; choose an empty --output")


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (interval.low, interval.high)

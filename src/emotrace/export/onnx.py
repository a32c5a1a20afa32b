"""A trained network → a model folder: ONNX graph, config, weights and model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save

from emotrace.audio.quality import Samples
from emotrace.audio.windowing import samples_in
from emotrace.export.graph import build_graph
from emotrace.export.half_precision import store_in_half_precision
from emotrace.export.model_card import Provenance, write_card
from emotrace.export.optimise import optimise_for_inference
from emotrace.export.quantise import quantise
from emotrace.inference.model_config import Adaptation, Calibration, ModelConfig, label_maps
from emotrace.inference.model_folder import MODEL_FILE, write_config
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel
from emotrace.models.encoder_features import EncoderFeatures
from emotrace.models.encoders.files import find_encoder
from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.system.files import write_bytes, write_text
from emotrace.training.pretrained_weights import MODEL_WEIGHTS_FILE

# Windows are rejected above this probability of the empty label sequence; chosen on validation speakers.
REJECTION_THRESHOLD = 0.3

NOTICE_FILE = "NOTICE.txt"  # of the encoder, which its license asks for

# Names in the graph of the tensors that `emotrace adapt` replaces.
ADAPTATION = Adaptation(
    mean="scores/network.functionals.mean",
    scale="scores/network.functionals.scale",
)


def export_model(
    network: EmotionModel,
    provenance: Provenance,
    folder: Path,
    *,
    weights: bool = True,
    calibration: Sequence[Samples] = (),
) -> ModelConfig:
    """Write a model folder, which runs without PyTorch.

    Args:
        weights: whether to write `model.safetensors` too, from which PyTorch can fine-tune the model
        calibration: windows of speech; where there are any, convolutions are quantised to int8

    Returns:
        the config as written
    """
    network = network.eval().to("cpu")
    folder.mkdir(parents=True, exist_ok=True)
    config = describe_model(network, provenance)
    graph = build_graph(optimise_for_inference(network, fft=not calibration), config)
    if calibration:
        graph, config = quantise(graph, calibration), config.model_copy(update={"precision": "int8"})
    if isinstance(network.spectrum, EncoderFeatures):
        adapted = () if config.adaptation is None else config.adaptation.tensors
        graph = store_in_half_precision(graph, keep=adapted)
        encoder = find_encoder(provenance.recipe.front.encoder)
        write_text(folder / NOTICE_FILE, encoder.notice_text)
    write_bytes(folder / MODEL_FILE, graph)
    if weights:
        tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
        write_bytes(folder / MODEL_WEIGHTS_FILE, save(tensors))
    else:
        (folder / MODEL_WEIGHTS_FILE).unlink(missing_ok=True)
    write_card(folder, provenance, config)
    return write_config(folder, config)


def describe_model(network: EmotionModel, provenance: Provenance) -> ModelConfig:
    """The content of `config.json` except the hashes."""
    recipe, system = provenance.recipe, find_system(provenance.system)
    objective, per_frame = network.objective, network.objective.is_per_frame
    max_frames, frame = system.max_frames(recipe), network.spectrum.frame_samples
    hop = network.spectrum.hop_samples
    rejects = per_frame and recipe.non_speech_per_utterance > 0
    return ModelConfig(
        name=provenance.name,
        version=provenance.version,
        system=provenance.system,
        output=objective.output_name,
        **label_maps(provenance.emotions),
        window_samples=samples_in(max_frames, frame, hop),
        hop_samples=max_frames // 2 * hop,
        frame_samples=frame,
        frame_hop_samples=hop,
        frame_first_s=network.first_step_s if per_frame else None,
        frame_step_s=network.step_s if per_frame else None,
        decoding=objective.decoding,
        functionals=per_frame and network.functionals is not None,
        adaptation=ADAPTATION if per_frame and isinstance(network.functionals, PooledClassifier) else None,
        calibration=Calibration(
            temperature=provenance.temperature,
            rejection_threshold=REJECTION_THRESHOLD if rejects else None,
        ),
        recipe=recipe.model_dump(mode="json"),
        corpus=provenance.corpus,
        earlier_corpora=tuple(provenance.earlier_corpora),
        training_speakers=dict(provenance.training_speakers or {}),
        protocol=provenance.protocol,
        license=provenance.license,
        figures=dict(provenance.figures or {}),
    )

"""A trained network → a model folder: one ONNX graph from the waveform on, config, weights and card."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from safetensors.torch import save
from torch import Tensor, nn

from emotrace.errors import RunError
from emotrace.files import files_in, write_bytes, write_text
from emotrace.model.systems import Network, find_system
from emotrace.model_folder import (
    CONFIG_FILE,
    MODEL_FILE,
    Calibration,
    Figure,
    ModelConfig,
    labels_both_ways,
    network_metadata,
    write_config,
)
from emotrace.recipe import Recipe
from emotrace.training.evaluation import Interval, score_predictions
from emotrace.training.predictions import read_predictions
from emotrace.training.runs import PREDICTIONS_FILE, read_run
from emotrace.windows import FRAME_HOP_SAMPLES, samples_in

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
MODEL_FILES = {CONFIG_FILE, MODEL_FILE, WEIGHTS_FILE, CARD_FILE}


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from, for its config and card."""

    name: str
    system: str
    recipe: Recipe
    emotions: Sequence[str]
    corpus: str
    protocol: str
    version: str
    temperature: float = 1.0
    figures: Mapping[str, Figure] | None = None
    limits: str = ""


class Exported(nn.Module):
    """What the graph computes: a CTC system's frames and their number, or a classifier's log-scores."""

    def __init__(self, network: Network, ctc: bool):
        super().__init__()
        self.network, self.ctc = network, ctc

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """(batch, sample), (batch,) → the outputs by which the model folder names them."""
        output, steps = self.network(waveform, lengths)
        return (output, steps) if self.ctc else (output,)


def export_model(network: Network, provenance: Provenance, folder: Path) -> ModelConfig:
    """Write a model folder that runs without torch.

    Returns:
        the config as written
    """
    network = network.eval().to("cpu")
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(network, provenance)
    write_bytes(folder / MODEL_FILE, onnx_bytes(network, config))
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    write_bytes(folder / WEIGHTS_FILE, save(tensors))
    write_text(folder / CARD_FILE, card(provenance, config))
    return write_config(folder, config)


def config_of(network: Network, provenance: Provenance) -> ModelConfig:
    """What `config.json` says, but for the hashes."""
    recipe, system = provenance.recipe, find_system(provenance.system)
    ctc, longest, frame = system.loss == "ctc", system.longest_frames(recipe), network.spectrum.frame_samples
    return ModelConfig(
        name=provenance.name,
        version=provenance.version,
        system=provenance.system,
        output="log_posteriors" if ctc else "log_scores",
        **labels_both_ways(provenance.emotions),
        window_samples=samples_in(longest, frame),
        hop_samples=longest // 2 * FRAME_HOP_SAMPLES,
        frame_samples=frame,
        frame_first_s=network.first_step_s if ctc else None,
        frame_step_s=network.step_s if ctc else None,
        decoding=system.decoding(recipe) if ctc else "likelihood",
        calibration=Calibration(temperature=provenance.temperature),
        recipe=recipe.model_dump(mode="json"),
        corpus=provenance.corpus,
        protocol=provenance.protocol,
        figures=dict(provenance.figures or {}),
    )


def onnx_bytes(network: Network, config: ModelConfig) -> bytes:
    """The network as an ONNX graph with any batch and any length, and labels and rate in its metadata."""
    ctc = config.output == "log_posteriors"
    batch, sample = torch.export.Dim("batch"), torch.export.Dim("sample", min=config.minimum_samples)
    # A batch of one would freeze that axis.
    example = torch.zeros(2, 24_000), torch.tensor([24_000, 20_000])
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            Exported(network, ctc).eval(),
            example,
            dynamo=True,
            verbose=False,
            input_names=["waveform", "lengths"],
            output_names=["log_posteriors", "frame_lengths"] if ctc else ["log_scores"],
            dynamic_shapes=({0: batch, 1: sample}, {0: batch}),
        )
    assert program is not None  # only a call that names a file gives none
    model = program.model_proto
    for key, value in network_metadata(config).items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def card(provenance: Provenance, config: ModelConfig) -> str:
    """The model card: what the model is, what it was trained on, how well it does, what it is not for."""
    figures = "".join(
        f"| {name} | {figure.value:.3f} | "
        + ("" if figure.interval is None else "{:.3f} to {:.3f}".format(*figure.interval))
        + " |\n"
        for name, figure in config.figures.items()
    )
    where = ", and where in time they show" if config.frame_step_s else ""
    return (
        f"""---
pipeline_tag: audio-classification
library_name: emotrace
tags: [speech-emotion-recognition, onnx]
---

# {config.name}

Recognises {", ".join(config.labels)} in speech{where}.

- system: `{config.system}`
- trained on: {config.corpus}
- protocol: {config.protocol}
- input: mono speech at {config.sampling_rate} Hz, at least {config.minimum_samples / config.sampling_rate} s

| figure | value | 95 % interval |
|---|---|---|
{figures or "| none measured | | |" + chr(10)}
Run it with `emotrace predict --model FOLDER AUDIO`, or `model.onnx` with any ONNX runtime; `config.json`
has the labels in order, the rate and the time of each output frame.

{provenance.limits}
""".rstrip()
        + "\n"
    )


def export_run(run_folder: Path, output: Path) -> ModelConfig:
    """The model folder of a finished run.

    Raises:
        RunError: the folder is not a finished run, or `output` holds something else.
    """
    run, recipe, network = read_run(run_folder)
    if any(file.name not in MODEL_FILES for file in files_in(output)):
        raise RunError(f"{output} holds other files than a model's; choose an empty --output")
    scores = score_predictions(read_predictions(run_folder / PREDICTIONS_FILE))
    on = "test" if run.test else "validation"
    provenance = Provenance(
        name=f"emotrace-{run.corpus}-{run.seed}",
        system=run.system,
        recipe=recipe,
        emotions=run.emotions,
        corpus=run.corpus,
        protocol=f"{run.protocol}, one split: {on} speakers {', '.join(run.test or run.validation)}",
        version=run.version,
        temperature=run.temperature,
        figures={
            f"{on} WA": Figure(value=scores.wa, interval=_ends(scores.wa_interval)),
            f"{on} UA": Figure(value=scores.ua, interval=_ends(scores.ua_interval)),
        },
    )
    return export_model(network, provenance, output)


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (interval.low, interval.high)

"""A network from the waveform on as one ONNX graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import onnx
import onnx.compose
import torch
from torch import Tensor, nn

from emotrace.inference.model_config import ModelConfig, network_metadata
from emotrace.models.emotion_model import EmotionModel
from emotrace.models.functionals.segments import SEGMENT_HOP_FRAMES


class FeatureGraph(nn.Module):
    """The first half of the graph: what the network starts from, and what functionals hear beside it."""

    def __init__(self, network: EmotionModel):
        super().__init__()
        self.spectrum, self.periods = network.spectrum, network.functionals is not None

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """(batch, sample), (batch,) → static bands, their number of frames, and for functionals periods."""
        if not self.periods:
            return self.spectrum(waveform, lengths)
        static, periods, frames = self.spectrum.with_autocorrelation(waveform, lengths)
        return static, frames, periods


class ScoreGraph(nn.Module):
    """The second half: a CTC system's frames and their number, or a classifier's log-scores.

    Functionals' log-scores are added to a classifier's; a CTC system gives them apart.
    """

    def __init__(self, network: EmotionModel, ctc: bool):
        super().__init__()
        self.network, self.ctc = network, ctc

    def forward(self, static: Tensor, frames: Tensor, periods: Tensor | None = None) -> tuple[Tensor, ...]:
        """What `FeatureGraph` gives → the outputs by which the model folder names them."""
        if periods is None:
            output, steps = self.network.from_static(static, frames)
            return (output, steps) if self.ctc else (output,)
        spectra = static, periods, frames
        output, steps, scores = self.network.from_spectra(spectra)
        if not self.ctc:
            return (output + scores[:, :-1],)
        return output, steps, scores, self.network.step_scores(spectra, output.shape[1])


def onnx_bytes(network: EmotionModel, config: ModelConfig) -> bytes:
    """The network as an ONNX graph with any batch and any length, and labels and rate in its metadata.

    It is exported in two halves that are joined then: to the exporter a number of frames is one unknown, but
    as an expression of the number of samples it takes minutes.
    """
    features, scores = (
        FeatureGraph(network).eval(),
        ScoreGraph(network, config.output == "log_posteriors").eval(),
    )
    batch, sample = torch.export.Dim("batch"), torch.export.Dim("sample", min=config.minimum_samples)
    # Of clips with one stretch alone the exporter would make an exception; what it writes holds for them too.
    frame = torch.export.Dim("frame", min=SEGMENT_HOP_FRAMES + 1)
    # A batch of one would freeze that axis.
    example = torch.zeros(2, 24_000), torch.tensor([24_000, 20_000])
    with torch.inference_mode():
        spectra = features(*example)
    names = ["static", "frames", "periods"][: len(spectra)]
    inner_names = [f"heard_{name}" for name in names]
    shapes = ({0: batch, 2: frame}, {0: batch}, {0: batch, 2: frame})[: len(spectra)]
    first = exported(features, example, ["waveform", "lengths"], names, ({0: batch, 1: sample}, {0: batch}))
    second = exported(scores, spectra, inner_names, list(config.outputs), shapes)
    model = onnx.compose.merge_models(
        onnx.compose.add_prefix(first, "hearing/", rename_inputs=False, rename_outputs=False),
        onnx.compose.add_prefix(second, "saying/", rename_inputs=False, rename_outputs=False),
        list(zip(names, inner_names, strict=True)),
    )
    del model.opset_import[len(first.opset_import) :]  # both halves' are there, and they are the same
    _forget_source(model)
    for key, value in network_metadata(config).items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def exported(
    module: nn.Module,
    example: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    shapes: Sequence[dict[int, Any]],
) -> onnx.ModelProto:
    """A module as a graph, of whose inputs `shapes` says by axis which sizes stay open.

    Raises:
        AssertionError: one of them cannot, since the module makes an exception for some of its values.
    """
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            tuple(example),
            dynamo=True,
            verbose=False,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=tuple(shapes),
        )
    assert program is not None  # only a call that names a file gives none
    model = program.model_proto
    # The exporter makes what cannot stay open as long as it is in the example, and says nothing.
    for value, own in zip(model.graph.input, shapes, strict=True):
        sizes = value.type.tensor_type.shape.dim
        assert all(sizes[axis].dim_param for axis in own), f"{value.name} was exported with a fixed size"
    return model


def _forget_source(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes of the code that it followed, paths of this machine among it."""
    graph = model.graph
    del graph.value_info[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]

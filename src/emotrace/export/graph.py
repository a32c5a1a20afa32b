"""A network, from the waveform on, as one ONNX graph."""

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
from emotrace.models.encoder_features import EncoderFeatures
from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.models.functionals.segments import SEGMENT_HOP_FRAMES


class FeatureGraph(nn.Module):
    """The first half of the graph: static bands, and for functionals the autocorrelation."""

    def __init__(self, network: EmotionModel):
        super().__init__()
        self.spectrum, self.has_functionals = network.spectrum, network.functionals is not None

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Waveform (batch, sample), (batch,) lengths → static bands, lengths in frames, autocorrelation."""
        if not self.has_functionals or isinstance(self.spectrum, EncoderFeatures):
            return self.spectrum(waveform, lengths)
        static, autocorrelation, frames = self.spectrum.with_autocorrelation(waveform, lengths)
        return static, frames, autocorrelation


class ScoreGraph(nn.Module):
    """The second half of the graph: log-posteriors of frames and their number, or log-scores of utterances.

    With outputs of utterances, the scores of functionals are added to them. With outputs of frames, they are
    two more outputs.
    """

    def __init__(self, network: EmotionModel):
        super().__init__()
        self.network, self.per_frame = network, network.objective.is_per_frame

    def forward(
        self, static: Tensor, frames: Tensor, autocorrelation: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Outputs of `FeatureGraph` → `ModelConfig.outputs` in their order."""
        if self.network.functionals is None:
            output, steps = self.network.from_static(static, frames)
            return (output, steps) if self.per_frame else (output,)
        spectra = (static, frames) if autocorrelation is None else (static, autocorrelation, frames)
        output, steps, scores = self.network.from_spectra(spectra)
        if not self.per_frame:
            return (output + scores[:, :-1],)
        outputs = output, steps, scores, self.network.step_scores(spectra, output.shape[1])
        classifier = self.network.functionals
        if isinstance(classifier, PooledClassifier):
            return *outputs, classifier.statistics(static, frames)
        return outputs


def build_graph(network: EmotionModel, config: ModelConfig) -> bytes:
    """The network as an ONNX graph for any batch and length, with labels and rate in its metadata.

    Two halves are exported and then joined. To the exporter the number of frames between them is one unknown;
    as an expression of the number of samples the export would take minutes.
    """
    features, scores = FeatureGraph(network).eval(), ScoreGraph(network).eval()
    batch, sample = torch.export.Dim("batch"), torch.export.Dim("sample", min=config.minimum_samples)
    # The exporter would add a special case for clips of one segment; the graph is correct for them too.
    segmented = network.functionals is not None and not isinstance(network.spectrum, EncoderFeatures)
    frame = torch.export.Dim("frame", min=SEGMENT_HOP_FRAMES + 1 if segmented else 2)
    # A batch of one would fix the size of that axis.
    example = torch.zeros(2, 24_000), torch.tensor([24_000, 20_000])
    with torch.inference_mode():
        spectra = features(*example)
    names = ["static", "frames", "autocorrelation"][: len(spectra)]
    input_names = [f"input_{name}" for name in names]
    axes = ({0: batch, 2: frame}, {0: batch}, {0: batch, 2: frame})[: len(spectra)]
    first = export_module(
        features, example, ["waveform", "lengths"], names, ({0: batch, 1: sample}, {0: batch})
    )
    second = export_module(scores, spectra, input_names, list(config.graph_outputs), axes)
    model = onnx.compose.merge_models(
        onnx.compose.add_prefix(first, "features/", rename_inputs=False, rename_outputs=False),
        onnx.compose.add_prefix(second, "scores/", rename_inputs=False, rename_outputs=False),
        list(zip(names, input_names, strict=True)),
    )
    del model.opset_import[len(first.opset_import) :]  # the merge lists the operator sets of both halves
    _remove_source_locations(model)
    for key, value in network_metadata(config).items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def export_module(
    module: nn.Module,
    example: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Sequence[dict[int, Any]],
) -> onnx.ModelProto:
    """A module as an ONNX graph.

    Args:
        example: one value for each input
        inputs, outputs: their names
        axes: for each input the axes whose size is variable

    Raises:
        AssertionError: the exporter fixed the size of one of these axes, because the module treats some sizes
            as a special case.
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
            dynamic_shapes=tuple(axes),
        )
    assert program is not None  # it is None only when a file is given
    model = program.model_proto
    # The exporter fixes the size of an axis that cannot vary without any warning.
    for value, variable in zip(model.graph.input, axes, strict=True):
        sizes = value.type.tensor_type.shape.dim
        assert all(sizes[axis].dim_param for axis in variable), f"{value.name} was exported with a fixed size"
    return model


def _remove_source_locations(model: onnx.ModelProto) -> None:
    """Remove the source locations that the exporter records; they contain paths of this machine."""
    graph = model.graph
    del graph.value_info[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]

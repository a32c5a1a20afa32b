"""Quantisation of an exported network to int8: an approximation that is faster on CPUs with int8 products."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from emotrace.audio.quality import Samples
from emotrace.errors import RunError

SPECTROGRAM_CHANNELS = 3  # at most: the input channels of the first convolutions


def quantise(graph: bytes, clips: Sequence[Samples]) -> bytes:
    """The same graph with convolutions in int8.

    Each channel of the weights has its own scale. The scale of activations covers their range on `clips`.
    Features, functionals and the convolutions that read the spectrogram stay in float32, since int8 does not
    make them faster.

    Args:
        graph: an ONNX graph
        clips: windows of speech for calibration

    Raises:
        RunError: there is no other convolution.
    """
    model = onnx.load_from_string(graph)
    channels = {tensor.name: tensor.dims[1] for tensor in model.graph.initializer if len(tensor.dims) > 2}
    selected = [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv"
        and len(node.input) > 2  # convolutions of functionals have no bias
        and channels.get(node.input[1], 0) > SPECTROGRAM_CHANNELS
    ]
    if not selected:
        raise RunError("the network has no convolutions that int8 makes faster; export it without --int8")
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "int8.onnx")
        quantize_static(
            model,
            path,
            _ClipReader(clips),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=selected,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return path.read_bytes()


class _ClipReader(CalibrationDataReader):  # type: ignore[misc]
    """Clips one by one as inputs of the graph."""

    def __init__(self, clips: Sequence[Samples]):
        self.clips = iter(clips)

    def get_next(self) -> dict[str, npt.NDArray[np.generic]] | None:
        """The next clip; None after the last."""
        clip = next(self.clips, None)
        if clip is None:
            return None
        return {"waveform": clip[None].astype(np.float32), "lengths": np.array([len(clip)], dtype=np.int64)}

"""Networks that do not match their folder, though inputs, outputs and metadata have the right names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Numbers = np.ndarray


def constant_network(session: bytes, log_posteriors: Numbers, frame_lengths: Numbers) -> bytes:
    """A network that gives these arrays for any input, with the metadata of another."""
    outputs = {"log_posteriors": log_posteriors, "frame_lengths": frame_lengths}
    inputs = [
        helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["batch", "sample"]),
        helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
            for name, value in outputs.items()
        ],
        "constant",
        inputs,
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in outputs.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    model.metadata_props.extend(onnx.load_from_string(session).metadata_props)
    content: bytes = model.SerializeToString()
    return content


def _floats(*shape: int, value: float = -1.0) -> Numbers:
    return np.full(shape, value, dtype=np.float32)


_SURE = np.log(_floats(1, 13, 3, value=1 / 3))
_FRAMES = np.array([13])
INVALID_OUTPUTS: dict[str, tuple[Numbers, Numbers]] = {  # of two emotions; a clip of 0.4 s has 13 frames
    "no axes": (_floats(), _FRAMES),
    "one axis": (_floats(3), _FRAMES),
    "two axes": (_floats(13, 3), _FRAMES),
    "four axes": (_floats(1, 13, 3, 3), _FRAMES),
    "no clip": (_floats(0, 13, 3), _FRAMES),
    "no frame": (_floats(1, 0, 3), np.array([0])),
    "another class": (np.log(_floats(1, 13, 4, value=0.25)), _FRAMES),
    "not a number": (_floats(1, 13, 3, value=np.nan), _FRAMES),
    "infinite": (_floats(1, 13, 3, value=np.inf), _FRAMES),
    "impossible": (_floats(1, 13, 3, value=-np.inf), _FRAMES),
    "no posteriors": (_floats(1, 13, 3, value=5.0), _FRAMES),
    "words": (np.array([["anger"]], dtype=object), _FRAMES),
    "whole numbers": (np.zeros((1, 13, 3), dtype=np.int64), _FRAMES),
    "negative length": (_SURE, np.array([-5])),
    "more frames than there are": (_SURE, np.array([10**12])),
    "no lengths": (_SURE, np.array([], dtype=np.int64)),
    "one length without an axis": (_SURE, np.array(13)),
    "lengths that are no whole numbers": (_SURE, np.array([np.nan], dtype=np.float32)),
    "many more frames than the audio has": (np.log(_floats(1, 5_000, 3, value=1 / 3)), np.array([5_000])),
}


def with_outside_weights(session: bytes, location: str) -> bytes:
    """The network, with its first weights stored in another file."""
    model = onnx.load_from_string(session)
    weights = model.graph.initializer[0]
    size = len(weights.raw_data)
    onnx.external_data_helper.set_external_data(weights, location, offset=0, length=size)
    weights.ClearField("raw_data")
    content: bytes = model.SerializeToString()
    return content


def without_metadata(session: bytes) -> bytes:
    """The network without its labels and rate."""
    model = onnx.load_from_string(session)
    model.ClearField("metadata_props")
    content: bytes = model.SerializeToString()
    return content


def other_networks(folder: Path) -> dict[str, Callable[[], bytes]]:
    """Ways to make another network for a folder, by name."""
    session = (folder / "model.onnx").read_bytes()
    ways: dict[str, Callable[[], bytes]] = {
        name: (lambda arrays=arrays: constant_network(session, *arrays))
        for name, arrays in INVALID_OUTPUTS.items()
    }
    ways["without metadata"] = lambda: without_metadata(session)
    for location in ("README.md", "../outside.bin", "/etc/hostname", "nowhere"):
        ways[f"weights in {location}"] = lambda location=location: with_outside_weights(session, location)
    return ways

"""Tiny models without training: they classify by loudness."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrace.inference.model_config import ModelConfig, label_maps, network_metadata
from emotrace.inference.model_folder import write_config

LABELS = ("anger", "sadness")


def tiny_network(output: str, metadata: dict[str, str]) -> bytes:
    """A network that classifies by loudness: loud is anger, soft is sadness, very soft is blank.

    Its frames are those of the real network: 2800 samples each, with a hop of 320.
    """
    onnx = pytest.importorskip("onnx")
    helper, numbers = onnx.helper, onnx.numpy_helper.from_array
    ctc = output == "log_posteriors"
    slopes, offsets = np.array([200.0, 0.0, -800.0]), np.array([-20.0, 0.0, 10.0])
    classes = 3 if ctc else 2
    weights = np.repeat(slopes[:classes, None, None] / 2800, 2800, axis=2).astype(np.float32)
    constants = [
        numbers(weights, "weights"),
        numbers(offsets[:classes].astype(np.float32), "offsets"),
        numbers(np.array([1], dtype=np.int64), "one"),
        numbers(np.array([-1], dtype=np.int64), "last"),
        numbers(np.array(2800, dtype=np.int64), "window"),
        numbers(np.array(320, dtype=np.int64), "hop"),
    ]
    nodes = [
        helper.make_node("Abs", ["waveform"], ["loudness"]),
        helper.make_node("Unsqueeze", ["loudness", "one"], ["channelled"]),
        helper.make_node("Conv", ["channelled", "weights", "offsets"], ["logits"], strides=[320]),
        helper.make_node("Sub", ["lengths", "window"], ["beyond"]),
        helper.make_node("Div", ["beyond", "hop"], ["steps"]),
        helper.make_node("Add", ["steps", "one"], ["frame_lengths"]),
    ]
    int64, float32 = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    inputs = [
        helper.make_tensor_value_info("waveform", float32, ["batch", "sample"]),
        helper.make_tensor_value_info("lengths", int64, ["batch"]),
    ]
    if ctc:
        nodes += [
            helper.make_node("Transpose", ["logits"], ["by_frame"], perm=[0, 2, 1]),
            helper.make_node("LogSoftmax", ["by_frame"], ["log_posteriors"], axis=-1),
        ]
        outputs = [
            helper.make_tensor_value_info("log_posteriors", float32, ["batch", "frame", classes]),
            helper.make_tensor_value_info("frame_lengths", int64, ["batch"]),
        ]
    else:
        nodes = [
            *nodes[:3],
            helper.make_node("ReduceMean", ["logits", "last"], ["clip"], keepdims=0),
            helper.make_node("LogSoftmax", ["clip"], ["log_scores"], axis=-1),
        ]
        outputs = [helper.make_tensor_value_info("log_scores", float32, ["batch", classes])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata)
    content: bytes = model.SerializeToString()
    return content


def with_endless_loop(network: bytes) -> bytes:
    """The same network, which never gets past its first node."""
    onnx = pytest.importorskip("onnx")
    helper, numbers = onnx.helper, onnx.numpy_helper.from_array
    model = onnx.load_from_string(network)
    first = model.graph.node[0]
    (result,) = first.output
    first.output[0] = "before"
    bool_, float32, int64 = onnx.TensorProto.BOOL, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_again"]),
            helper.make_node("Neg", ["state"], ["next_state"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("number", int64, []),
            helper.make_tensor_value_info("go_on", bool_, []),
            helper.make_tensor_value_info("state", float32, None),
        ],
        [
            helper.make_tensor_value_info("go_on_again", bool_, []),
            helper.make_tensor_value_info("next_state", float32, None),
        ],
    )
    model.graph.initializer.append(numbers(np.array(np.iinfo(np.int64).max), "most"))
    model.graph.initializer.append(numbers(np.array(True), "true"))
    model.graph.node.insert(1, helper.make_node("Loop", ["most", "true", "before"], [result], body=body))
    content: bytes = model.SerializeToString()
    return content


def write_tiny_model(
    folder: Path, output: str = "log_posteriors", metadata: dict[str, str] | None = None, **changes: Any
) -> Path:
    """Write a model folder with `tiny_network`; `changes` override its config, `metadata` the network's."""
    frames = {"frame_first_s": 0.0875, "frame_step_s": 0.02} if output == "log_posteriors" else {}
    facts = {"name": "tiny", "version": "1", "system": "blstm-ctc", "output": output}
    config = ModelConfig.model_validate({**facts, **label_maps(LABELS), **frames, **changes})
    folder.mkdir(parents=True, exist_ok=True)
    network = tiny_network(output, {**network_metadata(config), **(metadata or {})})
    (folder / "model.onnx").write_bytes(network)
    (folder / "README.md").write_text("A model of loudness.\n")
    write_config(folder, config)
    return folder

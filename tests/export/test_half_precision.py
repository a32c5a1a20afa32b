"""Weights that half precision holds exactly take half the space, and the outputs are equal."""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from emotrace.export.half_precision import store_in_half_precision


def graph(weight: np.ndarray) -> bytes:
    """x @ weight as an ONNX model."""
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "product",
        [value("x", onnx.TensorProto.FLOAT, ["n", len(weight)])],
        [value("y", onnx.TensorProto.FLOAT, ["n", weight.shape[1]])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def outputs(model: bytes) -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    return onnxruntime.InferenceSession(model).run(None, {"x": x})[0]


def test_exact_weights_are_halved_and_outputs_are_equal() -> None:
    weight = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float16).astype(np.float32)
    before = graph(weight)
    after = store_in_half_precision(before)
    assert len(after) < 0.6 * len(before)
    np.testing.assert_array_equal(outputs(after), outputs(before))


def test_other_weights_and_kept_ones_stay() -> None:
    weight = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float32)
    exact = weight.astype(np.float16).astype(np.float32)
    assert len(store_in_half_precision(graph(weight))) >= len(graph(weight)) - 100
    kept = onnx.load_from_string(store_in_half_precision(graph(exact), keep=("weight",)))
    assert [tensor.name for tensor in kept.graph.initializer] == ["weight"]

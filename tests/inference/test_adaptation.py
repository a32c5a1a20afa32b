"""Adaptation without labels: the statistics it writes, and where it is refused."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import emotrace
from emotrace.inference.adaptation import PRIOR_WINDOWS, adapted_card, adapted_tensors
from emotrace.inference.model_config import Adaptation
from emotrace.inference.onnx_tensors import read_tensors, replace_tensors

NAMES = Adaptation(mean="m", scale="s")


def model(**tensors: list[float]) -> bytes:
    made = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "identity",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
        [numpy_helper.from_array(np.array(v, np.float32), name) for name, v in tensors.items()],
    )
    return bytes(helper.make_model(made).SerializeToString())


def test_tensors_are_replaced_in_place() -> None:
    before = model(a=[1.0, 2.0], b=[3.0])
    after = replace_tensors(before, {"a": np.array([5.0, 6.0])})
    arrays = {
        t.name: numpy_helper.to_array(t).tolist() for t in onnx.load_from_string(after).graph.initializer
    }
    assert arrays == {"a": [5.0, 6.0], "b": [3.0]}
    assert read_tensors(after, ("b", "a"))["a"].tolist() == [5.0, 6.0]
    with pytest.raises(ValueError, match="found no tensor c"):
        read_tensors(after, ("c",))
    with pytest.raises(ValueError, match="found 1 values in tensor b, expected 2"):
        replace_tensors(after, {"b": np.zeros(2)})


def test_many_recordings_give_their_own_mean_and_deviation() -> None:
    random = np.random.default_rng(0)
    rows = random.normal([5.0, 3.0], [2.0, 0.5], (4000, 2))
    old = {"m": np.zeros(2), "s": np.ones(2)}
    found = adapted_tensors(rows, old, NAMES)
    np.testing.assert_allclose(found["m"], rows.mean(0), rtol=0.02)
    np.testing.assert_allclose(1 / found["s"], rows.std(0), rtol=0.02)


def test_few_recordings_change_little() -> None:
    rows = np.full((1, 2), 11.0)
    old = {"m": np.zeros(2), "s": np.ones(2)}
    found = adapted_tensors(rows, old, NAMES)
    np.testing.assert_allclose(found["m"], 11.0 / (1 + PRIOR_WINDOWS))


def test_models_without_an_encoder_are_refused(tmp_path) -> None:
    with pytest.raises(emotrace.ModelError, match="cannot be adapted; expected a model with a pretrained"):
        emotrace.load("emotrace-emodb-1").adapt([], tmp_path / "adapted")
    assert not (tmp_path / "adapted").exists()


def test_the_card_states_the_adaptation() -> None:
    card = adapted_card("---\nlicense: mit\n---\n\n# One\n", "one", 20, 30)
    assert card.startswith("---\nlicense: mit\n---\n\n# one-adapted\n")
    assert "20 recordings (30 windows)" in card
    assert card.endswith("# One\n")

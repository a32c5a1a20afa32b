import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotrace.errors import ModelError
from emotrace.inference.model_folder import write_config
from emotrace.inference.recogniser import load

onnx = pytest.importorskip("onnx")

RATE_HZ = 16_000


@pytest.mark.parametrize("seconds", [0.5, 4.0])
def test_a_network_that_returns_surplus_rows_is_an_error_of_one_line(
    tiny_classifier: Path, speech_like: Callable[..., np.ndarray], tmp_path: Path, seconds: float
) -> None:
    folder = Path(shutil.copytree(tiny_classifier, tmp_path / "model"))
    network = onnx.load(folder / "model.onnx")
    network.graph.node[-1].output[0] = "once"
    network.graph.node.append(onnx.helper.make_node("Concat", ["once", "once"], ["log_scores"], axis=0))
    onnx.save(network, folder / "model.onnx")
    write_config(folder, load(tiny_classifier).config)
    with pytest.raises(ModelError, match=r"gave float32 of shape \(\d+, 2\), expected logarithms") as error:
        load(folder, threads=1)((speech_like(seconds), RATE_HZ))
    assert "\n" not in str(error.value)

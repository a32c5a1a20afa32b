"""A model in int8 is smaller and nearly as accurate, and its config records the loss."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from emotrace.errors import CorpusError, RunError
from emotrace.export.quantise import quantise
from emotrace.export.run_export import export_run_in_int8
from emotrace.inference.recogniser import load


def functionals_outputs(model: Path) -> np.ndarray:
    """Scores of functionals for a whole clip and for its steps."""
    sound = np.random.default_rng(0).normal(scale=0.1, size=(1, 24_000)).astype(np.float32)
    session = onnxruntime.InferenceSession(model / "model.onnx", providers=["CPUExecutionProvider"])
    feeds = {"waveform": sound, "lengths": np.array([24_000])}
    whole, steps = session.run(["label_scores", "step_scores"], feeds)
    return np.concatenate([whole, steps[0]])


@pytest.mark.slow
def test_a_run_in_int8_has_nearly_the_same_scores_and_records_the_loss(
    finished_run: Path, finished_model: Path, corpus_root: Path, tmp_path: Path
) -> None:
    config = export_run_in_int8(finished_run, tmp_path, corpus_root)
    exact, approximate = load(finished_model), load(tmp_path)
    assert (exact.config.precision, approximate.config.precision) == ("float32", "int8")
    assert approximate.config == config
    assert set(config.figures) == {"validation WA", "validation UA", "validation UA lost by int8"}
    lost = exact.config.figures["validation UA"].value - config.figures["validation UA"].value
    assert config.figures["validation UA lost by int8"].value == pytest.approx(lost)
    assert "Measured in int8." in (tmp_path / "README.md").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "config.json", "README.md"}
    assert (tmp_path / "model.onnx").stat().st_size < (finished_model / "model.onnx").stat().st_size
    nodes = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert "QuantizeLinear" in nodes
    assert functionals_outputs(tmp_path) == pytest.approx(functionals_outputs(finished_model), abs=1e-4)
    for file in sorted(corpus_root.rglob("*.wav"))[:8]:
        one, other = exact(file).scores, approximate(file).scores
        assert one is not None
        assert other is not None
        assert np.allclose(list(one.values()), list(other.values()), atol=0.05)


def test_int8_needs_the_corpus_and_an_empty_folder(finished_run: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="needs a root"):
        export_run_in_int8(finished_run, tmp_path)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="holds other files"):
        export_run_in_int8(finished_run, tmp_path)


def test_int8_needs_the_corpus_of_the_run(finished_run: Path, corpus_root: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus_root, tmp_path / "corpus")
    manifest = tmp_path / "corpus" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",cem", ",zoe"))
    with pytest.raises(RunError, match="has no speaker cem"):
        export_run_in_int8(finished_run, tmp_path / "model", tmp_path / "corpus")


def test_a_network_without_convolutions_cannot_be_quantised(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "none", [value], [result])
    with pytest.raises(RunError, match="without --int8"):
        quantise(onnx.helper.make_model(graph).SerializeToString(), [np.zeros(1, dtype=np.float32)])

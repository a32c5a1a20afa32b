"""An exported model equals the network in any batch and at any length."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from emotrace.decoding.ctc import class_log_likelihoods, class_scores
from emotrace.errors import ModelError, RunError
from emotrace.export.model_card import Provenance
from emotrace.export.onnx import export_model
from emotrace.export.run_export import export_run
from emotrace.inference.model_config import Figure
from emotrace.inference.recogniser import load
from emotrace.models.architectures import SYSTEMS
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.recipe import Recipe

LABELS = ("anger", "happiness", "sadness")
LENGTHS = (2_800, 2_801, 9_999, 40_001, 80_240)
# An export takes many seconds, and other tests need that of the first system.
ONE_FAST_SYSTEM = [
    "pcnse-sadrn-ctc",
    *(pytest.param(name, marks=pytest.mark.slow) for name in SYSTEMS if name != "pcnse-sadrn-ctc"),
]
FLOOR = -10.0  # posteriors below e^-10 are noise
# Systems exported with functionals: both heads, one with a step per frame, one with the linear spectrogram.
WITH_FUNCTIONALS = ("pcnse-sadrn-ctc", "sadrn-ctc", "pcnse-sablstm", "cnn-gru")

Exported = tuple[EmotionModel, Path]
Floats = npt.NDArray[np.float32]


def randomise(network: EmotionModel) -> EmotionModel:
    """Set random weights and statistics, so that outputs differ between inputs."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("running_mean", "normalise.mean")):
                value.copy_(torch.randn(value.shape, generator=random))
            elif name.endswith(("running_var", "normalise.scale")):
                value.copy_(0.3 + torch.rand(value.shape, generator=random))
            elif name.endswith("output.weight"):
                value.mul_(5)
            # With equal components Fisher vectors would be zero, and only rounding errors would be compared.
            elif name in ("functionals.weight", "functionals.mean", "functionals.fisher.means"):
                value.copy_(torch.randn(value.shape, generator=random))
            elif name == "functionals.scale":
                value.copy_(0.1 * torch.rand(value.shape, generator=random))
            elif name == "functionals.fusion_weight":
                value.fill_(2)
    return network.eval()


@pytest.fixture(scope="module")
def exported(tiny_recipe: Recipe, shared_folder: Callable[..., Path]) -> Callable[..., Exported]:
    """A system with random weights, and its model folder; each is exported once for all workers."""

    def export(system: str, masked: bool = True) -> Exported:
        torch.manual_seed(1)
        changes = {} if system in WITH_FUNCTIONALS else {"functionals_l2": 0.0}
        recipe = tiny_recipe.model_copy(update={"masked": masked, **changes})
        network = randomise(build(recipe, system, len(LABELS)))
        provenance = Provenance(
            name=f"a-{system}", system=system, recipe=recipe, emotions=LABELS, corpus="a corpus",
            protocol="a protocol", version="7", temperature=2.5,
            figures={"test UA": Figure(value=0.75, interval=(0.5, 1.0))}, limits="Of no use.",
        )  # fmt: skip
        name = f"exported-{system}" + ("" if masked else "-unmasked")
        return network, shared_folder(name, lambda folder: export_model(network, provenance, folder))

    return export


def noise_batch(lengths: tuple[int, ...]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Noise of growing level, with noise beyond the true lengths."""
    batch = np.random.default_rng(0).uniform(-0.5, 0.5, (len(lengths), max(lengths)))
    batch *= np.linspace(0.05, 1, max(lengths))
    return batch.astype(np.float32), np.array(lengths, dtype=np.int64)


def run_onnx(folder: Path, waveform: Floats, lengths: npt.NDArray[np.int64]) -> list[npt.NDArray[np.generic]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])
    found: list[npt.NDArray[np.generic]] = session.run(None, {"waveform": waveform, "lengths": lengths})
    return found


def utterance_rows(outputs: list[npt.NDArray[np.generic]]) -> list[Floats]:
    """The output of each utterance, without steps beyond its length."""
    if len(outputs) == 1:
        return list(outputs[0])
    return [row[:steps] for row, steps in zip(*outputs[:2], strict=True)]


def assert_same(found: Floats, expected: Floats) -> None:
    assert found.shape == expected.shape
    assert np.abs(np.maximum(found, FLOOR) - np.maximum(expected, FLOOR)).max() < 1e-4


@pytest.mark.parametrize("system", ONE_FAST_SYSTEM)
def test_the_graph_equals_the_network_alone_and_in_a_batch(
    exported: Callable[..., Exported], system: str
) -> None:
    network, folder = exported(system)
    waveform, lengths = noise_batch(LENGTHS)
    inputs = torch.from_numpy(waveform), torch.from_numpy(lengths)
    ctc, step_scores = SYSTEMS[system].head == "ctc", None
    with torch.inference_mode():
        output, steps = network(*inputs)
        outputs = (output, steps) if ctc else (output,)
        if system in WITH_FUNCTIONALS:
            same, _, scores, spectra = network.forward_with_functionals(*inputs)
            assert_same(same.numpy(), output.numpy())
            step_scores = network.step_scores(spectra, output.shape[1]) if ctc else None
            outputs = (output, steps, scores, step_scores) if ctc else (output + scores[:, :-1],)
            assert scores.std() > 0.05
    expected = utterance_rows([output.numpy() for output in outputs])
    found = run_onnx(folder, waveform, lengths)
    assert len(found) == len(outputs)
    together = utterance_rows(found)
    for index, length in enumerate(LENGTHS):
        assert_same(together[index], expected[index])
        one = run_onnx(folder, waveform[index : index + 1, :length], lengths[index : index + 1])
        assert_same(utterance_rows(one)[0], expected[index])
        if step_scores is not None:
            assert_same(one[2][0], scores[index].numpy())
            assert_same(found[2][index], scores[index].numpy())
            assert_same(one[3][0], step_scores[index, : steps[index]].numpy())
            assert_same(found[3][index], step_scores[index].numpy())
    assert (
        max(np.ptp(row.reshape(-1, row.shape[-1]), axis=-1).max() for row in expected) > 0.1
    )  # outputs differ


@pytest.mark.slow
def test_the_graph_of_the_keras_reading_equals_the_network(exported: Callable[..., Exported]) -> None:
    network, folder = exported("pcnse-sadrn-ctc", masked=False)
    waveform, lengths = noise_batch((40_001, 80_240))
    with torch.inference_mode():
        expected, steps = network(torch.from_numpy(waveform), torch.from_numpy(lengths))
    assert steps.tolist() == [243, 243]
    for found, row in zip(utterance_rows(run_onnx(folder, waveform, lengths)), expected.numpy(), strict=True):
        assert_same(found, row)


def test_a_model_folder_describes_the_model(exported: Callable[..., Exported]) -> None:
    network, folder = exported("pcnse-sadrn-ctc")
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx", "config.json", "README.md", "model.safetensors",
    }  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "anger", "1": "happiness", "2": "sadness"}
    assert config["sampling_rate"] == 16_000
    assert (config["window_samples"], config["hop_samples"]) == (80_240, 40_000)
    assert (config["frame_first_s"], config["frame_step_s"]) == (network.first_step_s, network.step_s)
    assert config["calibration"] == {"temperature": 2.5, "rejection_threshold": None}
    assert config["functionals"] is True
    assert config["recipe"]["back"]["dilations"] == [1, 2]
    assert set(config["sha256"]) == {"model.onnx", "README.md", "model.safetensors"}
    metadata = onnxruntime.InferenceSession(folder / "model.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(metadata["labels"]) == list(LABELS)
    assert metadata["sampling_rate"] == "16000"


def test_the_graph_contains_no_path_of_the_exporting_machine(exported: Callable[..., Exported]) -> None:
    content = (exported("pcnse-sadrn-ctc")[1] / "model.onnx").read_bytes()
    assert b'File "' not in content
    assert b"site-packages" not in content


def test_a_graph_joined_from_halves_lists_each_operator_set_once(
    exported: Callable[..., Exported],
) -> None:
    graph = onnx.load(exported("pcnse-sadrn-ctc")[1] / "model.onnx")
    assert [operators.domain for operators in graph.opset_import] == [""]


@pytest.mark.slow
def test_windows_have_the_length_of_the_system(exported: Callable[..., Exported]) -> None:
    config = json.loads((exported("cnn-blstm")[1] / "config.json").read_text())
    assert (config["window_samples"], config["hop_samples"]) == (48_000, 148 * 160)
    assert (config["frame_samples"], config["frame_hop_samples"]) == (640, 160)
    assert (config["frame_first_s"], config["decoding"]) == (None, "likelihood")
    config = json.loads((exported("blstm-ctc")[1] / "config.json").read_text())
    assert (config["window_samples"], config["frame_samples"]) == (80_240, 400)
    assert (config["frame_first_s"], config["frame_step_s"]) == (0.0125, 0.01)
    assert config["decoding"] == "vote"


def test_the_card_has_front_matter_and_measured_figures(exported: Callable[..., Exported]) -> None:
    text = (exported("pcnse-sadrn-ctc")[1] / "README.md").read_text()
    opening, front, body = text.split("---\n", 2)
    assert opening == ""
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    assert fields["pipeline_tag"] == "audio-classification"
    assert fields["library_name"] == "emotrace"
    assert "Recognises anger, happiness, sadness in speech and locates them in time." in body
    assert "| test UA | 0.750 | 0.500 to 1.000 |" in body
    assert "a protocol" in body
    assert "Of no use." in body.split("## Limits")[1]
    for text in (
        "Article 5(1)(f)",
        "workplace and in education institutions",
        "medical or safety",
        "Annex III",
    ):
        assert text in body


def test_a_model_folder_with_a_changed_file_is_refused(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in exported("pcnse-sadrn-ctc")[1].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    waveform, _ = noise_batch((30_000,))
    result = load(folder)((waveform[0], 16_000))
    assert result.scores is not None
    assert sum(result.scores.values()) == pytest.approx(1)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(weights))
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load(folder)


def test_the_card_describes_the_training_speakers_of_functionals(finished_model: Path) -> None:
    text = (finished_model / "README.md").read_text()
    (line,) = (
        line for line in text.splitlines() if "final training of the functionals includes them" in line
    )
    assert "3 for training; 2 (bea, cem)" in line


def test_functionals_contribute_to_the_scores_of_a_window(exported: Callable[..., Exported]) -> None:
    network, folder = exported("pcnse-sadrn-ctc")
    waveform, lengths = noise_batch((30_000,))
    with torch.inference_mode():
        output, _, functionals, _ = network.forward_with_functionals(
            torch.from_numpy(waveform), torch.from_numpy(lengths)
        )
    alone = class_log_likelihoods(output[0].double().numpy())
    result = load(folder)((waveform[0], 16_000))
    assert result.scores is not None
    found = [result.scores[label] for label in LABELS]
    assert found == pytest.approx(class_scores(alone + functionals[0, :-1].double().numpy(), 2.5), rel=0.01)
    assert found != pytest.approx(class_scores(alone, 2.5), rel=0.5)


def test_a_config_without_the_outputs_of_functionals_is_refused(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported("pcnse-sadrn-ctc")[1], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"functionals": False}))
    with pytest.raises(ModelError, match=r"has outputs .*label_scores.* but config\.json says"):
        load(folder)


def test_a_folder_with_other_files_is_refused_as_output(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="holds other files"):
        export_run(finished_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

"""A model folder says what the network says, in any batch and at any length."""

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
# With functionals: systems of either loss, one with a step for each frame, and one that starts from the other
# spectrum. Others are without.
HEARING_MORE = ("pcnse-sadrn-ctc", "sadrn-ctc", "pcnse-sablstm", "cnn-gru")

Exported = tuple[EmotionModel, Path]
Floats = npt.NDArray[np.float32]


def lively(network: EmotionModel) -> EmotionModel:
    """Random weights, and statistics as training leaves them, so that outputs differ from one another."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("running_mean", "normalise.mean")):
                value.copy_(torch.randn(value.shape, generator=random))
            elif name.endswith(("running_var", "normalise.scale")):
                value.copy_(0.3 + torch.rand(value.shape, generator=random))
            elif name.endswith("output.weight"):
                value.mul_(5)
            # Of a mixture's components that are all alike, vectors would be rounding alone.
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
        changes = {} if system in HEARING_MORE else {"functionals_l2": 0.0}
        recipe = tiny_recipe.model_copy(update={"masked": masked, **changes})
        network = lively(build(recipe, system, len(LABELS)))
        provenance = Provenance(
            name=f"a-{system}", system=system, recipe=recipe, emotions=LABELS, corpus="a corpus",
            protocol="a protocol", version="7", temperature=2.5,
            figures={"test UA": Figure(value=0.75, interval=(0.5, 1.0))}, limits="Of no use.",
        )  # fmt: skip
        name = f"exported-{system}" + ("" if masked else "-unmasked")
        return network, shared_folder(name, lambda folder: export_model(network, provenance, folder))

    return export


def sounds(lengths: tuple[int, ...]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Noise that swells, padded with what must not matter."""
    batch = np.random.default_rng(0).uniform(-0.5, 0.5, (len(lengths), max(lengths)))
    batch *= np.linspace(0.05, 1, max(lengths))
    return batch.astype(np.float32), np.array(lengths, dtype=np.int64)


def run_onnx(folder: Path, waveform: Floats, lengths: npt.NDArray[np.int64]) -> list[npt.NDArray[np.generic]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])
    found: list[npt.NDArray[np.generic]] = session.run(None, {"waveform": waveform, "lengths": lengths})
    return found


def rows_of(outputs: list[npt.NDArray[np.generic]]) -> list[Floats]:
    """What is said of each utterance, without what lies beyond its length."""
    if len(outputs) == 1:
        return list(outputs[0])
    return [row[:steps] for row, steps in zip(*outputs[:2], strict=True)]


def assert_same(found: Floats, wanted: Floats) -> None:
    assert found.shape == wanted.shape
    assert np.abs(np.maximum(found, FLOOR) - np.maximum(wanted, FLOOR)).max() < 1e-4


@pytest.mark.parametrize("system", ONE_FAST_SYSTEM)
def test_the_graph_says_what_torch_says_alone_and_in_company(
    exported: Callable[..., Exported], system: str
) -> None:
    network, folder = exported(system)
    waveform, lengths = sounds(LENGTHS)
    asked = torch.from_numpy(waveform), torch.from_numpy(lengths)
    ctc, along = SYSTEMS[system].head == "ctc", None
    with torch.inference_mode():
        output, steps = network(*asked)
        outputs = (output, steps) if ctc else (output,)
        if system in HEARING_MORE:
            same, _, scores, sound = network.forward_with_functionals(*asked)
            assert_same(same.numpy(), output.numpy())
            along = network.step_scores(sound, output.shape[1]) if ctc else along
            outputs = (output, steps, scores, along) if ctc else (output + scores[:, :-1],)
            assert scores.std() > 0.05
    wanted = rows_of([output.numpy() for output in outputs])
    found = run_onnx(folder, waveform, lengths)
    assert len(found) == len(outputs)
    together = rows_of(found)
    for place, length in enumerate(LENGTHS):
        assert_same(together[place], wanted[place])
        one = run_onnx(folder, waveform[place : place + 1, :length], lengths[place : place + 1])
        assert_same(rows_of(one)[0], wanted[place])
        if along is not None:
            assert_same(one[2][0], scores[place].numpy())
            assert_same(found[2][place], scores[place].numpy())
            assert_same(one[3][0], along[place, : steps[place]].numpy())
            assert_same(found[3][place], along[place].numpy())
    assert max(np.ptp(row.reshape(-1, row.shape[-1]), axis=-1).max() for row in wanted) > 0.1  # not all alike


@pytest.mark.slow
def test_the_keras_reading_has_a_graph_too(exported: Callable[..., Exported]) -> None:
    network, folder = exported("pcnse-sadrn-ctc", masked=False)
    waveform, lengths = sounds((40_001, 80_240))
    with torch.inference_mode():
        wanted, steps = network(torch.from_numpy(waveform), torch.from_numpy(lengths))
    assert steps.tolist() == [243, 243]
    for found, row in zip(rows_of(run_onnx(folder, waveform, lengths)), wanted.numpy(), strict=True):
        assert_same(found, row)


def test_a_model_folder_says_what_it_is(exported: Callable[..., Exported]) -> None:
    network, folder = exported("pcnse-sadrn-ctc")
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx", "config.json", "README.md", "model.safetensors",
    }  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "anger", "1": "happiness", "2": "sadness"}
    assert config["sampling_rate"] == 16_000
    assert (config["window_samples"], config["hop_samples"]) == (80_240, 40_000)
    assert (config["frame_first_s"], config["frame_step_s"]) == (network.first_step_s, network.step_s)
    assert config["calibration"] == {"temperature": 2.5, "no_emotion_above": None}
    assert config["functionals"] is True
    assert config["recipe"]["back"]["dilations"] == [1, 2]
    assert set(config["sha256"]) == {"model.onnx", "README.md", "model.safetensors"}
    metadata = onnxruntime.InferenceSession(folder / "model.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(metadata["labels"]) == list(LABELS)
    assert metadata["sampling_rate"] == "16000"


def test_the_graph_names_no_file_of_the_machine_that_made_it(exported: Callable[..., Exported]) -> None:
    content = (exported("pcnse-sadrn-ctc")[1] / "model.onnx").read_bytes()
    assert b'File "' not in content
    assert b"site-packages" not in content


def test_a_graph_joined_from_halves_names_each_set_of_operators_once(
    exported: Callable[..., Exported],
) -> None:
    graph = onnx.load(exported("pcnse-sadrn-ctc")[1] / "model.onnx")
    assert [operators.domain for operators in graph.opset_import] == [""]


def test_windows_are_those_of_the_system(exported: Callable[..., Exported]) -> None:
    config = json.loads((exported("cnn-blstm")[1] / "config.json").read_text())
    assert (config["window_samples"], config["hop_samples"]) == (48_000, 148 * 160)
    assert (config["frame_samples"], config["frame_hop_samples"]) == (640, 160)
    assert (config["frame_first_s"], config["decoding"]) == (None, "likelihood")
    config = json.loads((exported("blstm-ctc")[1] / "config.json").read_text())
    assert (config["window_samples"], config["frame_samples"]) == (80_240, 400)
    assert (config["frame_first_s"], config["frame_step_s"]) == (0.0125, 0.01)
    assert config["decoding"] == "vote"


def test_the_card_has_front_matter_and_what_was_measured(exported: Callable[..., Exported]) -> None:
    text = (exported("pcnse-sadrn-ctc")[1] / "README.md").read_text()
    opening, front, body = text.split("---\n", 2)
    assert opening == ""
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    assert fields["pipeline_tag"] == "audio-classification"
    assert fields["library_name"] == "emotrace"
    assert "anger, happiness, sadness in speech, and where in time they show" in body
    assert "| test UA | 0.750 | 0.500 to 1.000 |" in body
    assert "a protocol" in body
    assert "Of no use." in body.split("## Limits")[1]
    for said in (
        "Article 5(1)(f)",
        "workplace and in education institutions",
        "medical or safety",
        "Annex III",
    ):
        assert said in body


def test_a_model_folder_runs_and_an_altered_one_does_not(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in exported("pcnse-sadrn-ctc")[1].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    waveform, _ = sounds((30_000,))
    result = load(folder)((waveform[0], 16_000))
    assert result.scores is not None
    assert sum(result.scores.values()) == pytest.approx(1)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(weights))
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load(folder)


def test_a_card_says_whom_functionals_learnt_from(finished_model: Path) -> None:
    text = (finished_model / "README.md").read_text()
    (line,) = (line for line in text.splitlines() if "functionals learnt from them too" in line)
    assert "3, and 2 (bea, cem)" in line


def test_functionals_count_in_the_scores_of_a_window(exported: Callable[..., Exported]) -> None:
    network, folder = exported("pcnse-sadrn-ctc")
    waveform, lengths = sounds((30_000,))
    with torch.inference_mode():
        output, _, more, _ = network.forward_with_functionals(
            torch.from_numpy(waveform), torch.from_numpy(lengths)
        )
    alone = class_log_likelihoods(output[0].double().numpy())
    result = load(folder)((waveform[0], 16_000))
    assert result.scores is not None
    found = [result.scores[label] for label in LABELS]
    assert found == pytest.approx(class_scores(alone + more[0, :-1].double().numpy(), 2.5), rel=0.01)
    assert found != pytest.approx(class_scores(alone, 2.5), rel=0.5)


def test_a_config_that_is_silent_about_them_is_refused(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported("pcnse-sadrn-ctc")[1], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"functionals_l2": False}))
    with pytest.raises(ModelError, match=r"has outputs .*label_scores.* but config\.json says"):
        load(folder)


def test_only_a_model_or_nothing_may_lie_where_a_model_is_written(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="holds other files"):
        export_run(finished_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

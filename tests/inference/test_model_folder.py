import hashlib
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from fuzz.networks import with_outside_weights

from emotrace.errors import ModelError
from emotrace.inference.decoder_config import DecoderConfig
from emotrace.inference.model_config import ModelConfig, label_maps
from emotrace.inference.model_folder import load_model_folder, write_config

onnx = pytest.importorskip("onnx")

MakeModel = Callable[..., Path]


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def sign_again(folder: Path) -> None:
    """List the new hash of an altered file, as an attacker would."""
    change_config(
        folder, sha256={"model.onnx": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()}
    )


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as error:
        load_model_folder(folder).start_session(threads=1)
    message = str(error.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def test_a_written_model_is_read_back(folder: Path) -> None:
    model = load_model_folder(folder)
    assert model.config.labels == ("anger", "sadness")
    assert set(model.config.sha256) == {"model.onnx", "README.md"}
    assert model.read("README.md") == b"A model of loudness.\n"
    assert write_config(folder, model.config) == model.config
    model.start_session(threads=1)


def test_a_config_of_schema_1_is_read_with_the_default_decoder(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    del content["decoder"]
    content |= {"schema_version": 1, "calibration": {"temperature": 2.0, "no_emotion_above": 0.3}}
    (folder / "config.json").write_text(json.dumps(content))
    config = load_model_folder(folder).config
    assert (config.schema_version, config.decoder) == (2, DecoderConfig())
    assert config.calibration.rejection_threshold == 0.3
    write_config(folder, config)
    written = json.loads((folder / "config.json").read_text())
    assert written["schema_version"] == 2
    assert written["decoder"]["switch_penalty"] == 1.0


def test_a_config_of_schema_2_without_a_decoder_is_refused(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    del content["decoder"]
    (folder / "config.json").write_text(json.dumps(content))
    assert "schema_version 2 needs a decoder section" in refusal(folder)


def test_a_folder_that_is_missing_or_not_a_model_is_named(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "found no config.json" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "README.md"])
def test_one_changed_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    assert f"{name} is not the file" in refusal(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    assert "found no model.onnx" in refusal(folder)


def test_a_file_without_a_hash_is_never_read(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(ModelError, match=r"no SHA-256 of model\.safetensors"):
        load_model_folder(folder).read("model.safetensors")
    change_config(folder, sha256={})
    assert "no SHA-256 of model.onnx" in refusal(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "sub/model.onnx", "..", "a\\b", ".hidden"])
def test_names_that_leave_the_folder_are_refused(folder: Path, name: str) -> None:
    (folder.parent / "outside").write_text("x")
    change_config(folder, sha256={name: "0" * 64})
    assert "sha256" in refusal(folder)


def test_links_out_of_the_folder_are_refused(folder: Path) -> None:
    outside = folder.parent / "outside.onnx"
    (folder / "model.onnx").rename(outside)
    (folder / "model.onnx").symlink_to(outside)
    assert "link out of the folder" in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 3}, "schema_version"),
        ({"schema_version": 1}, "schema_version 1 has no decoder section"),
        ({"decoder": {"switch_penalty": -1}}, "decoder.switch_penalty"),
        ({"decoder": {"density_window_s": 3}}, "at most twice decision_delay_s"),
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"output": "logits"}, "output"),
        ({"sampling_rate": 0}, "sampling_rate"),
        ({"calibration": {"temperature": 0}}, "calibration.temperature"),
        ({"calibration": {"temperature": "hot"}}, "calibration.temperature"),
        ({"id2label": {}}, "id2label must give"),
        ({"id2label": {"0": "anger", "2": "sadness"}}, "id2label must give"),
        ({"id2label": {"0": "anger", "1": "sad\u001b[31m"}}, "printable"),
        ({"label2id": {"anger": 1, "sadness": 0}}, "inverse"),
        ({"frame_step_s": None}, "frame_step_s"),
        ({"frame_step_s": 0.03}, "multiple of frame_step_s"),
        ({"frame_step_s": 1e-9}, "frame_step_s"),
        ({"frame_first_s": 1e300}, "frame_first_s"),
        ({"sampling_rate": 10**18}, "sampling_rate"),
        ({"window_samples": 10**18}, "window_samples"),
        ({"calibration": {"temperature": 1e-300}}, "calibration.temperature"),
        ({"hop_samples": 100_000}, "hop_samples"),
        ({"hop_samples": 39_999}, "hop_samples"),
        ({"window_samples": 40_000}, "hop_samples must be at most what the frames"),
        ({"minimum_samples": 1}, "minimum_samples"),
        ({"sha256": {"model.onnx": "abc"}}, "sha256"),
    ],
)
def test_an_invalid_config_is_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    change_config(folder, **changes)
    assert message in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name": NaN}'])
def test_a_file_that_is_not_a_config_is_refused(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    assert "config.json" in refusal(folder)


def test_a_config_of_another_network_is_refused(folder: Path, make_model: MakeModel, tmp_path: Path) -> None:
    change_config(folder, **label_maps(["sadness", "anger"]))
    assert "metadata labels" in refusal(folder)
    assert "metadata sampling_rate" in refusal(make_model(tmp_path / "b", metadata={"sampling_rate": "8000"}))
    assert "metadata output" in refusal(make_model(tmp_path / "c", metadata={"output": "log_scores"}))


def test_a_network_with_other_outputs_is_refused(folder: Path, tiny_classifier: Path) -> None:
    shutil.copy(tiny_classifier / "model.onnx", folder / "model.onnx")
    sign_again(folder)
    assert "has outputs {'log_scores'}" in refusal(folder)


def test_a_file_that_is_not_a_network_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"print('hello')")
    sign_again(folder)
    assert "model.onnx that is not an ONNX file" in refusal(folder)


@pytest.mark.parametrize("name", ["config.json", "model.onnx"])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert f"found no {name}" in refusal(folder)


def test_a_config_outside_the_folder_is_refused(folder: Path) -> None:
    (folder / "config.json").rename(folder.parent / "outside.json")
    (folder / "config.json").symlink_to("../outside.json")
    assert "config.json is a link out of the folder" in refusal(folder)


def test_a_huge_config_is_refused(folder: Path) -> None:
    with (folder / "config.json").open("ab") as file:
        file.write(b" " * (1 << 20))
    assert "expected at most 1048576" in refusal(folder)


@pytest.mark.parametrize("value", ["x" * 10_000, "a\nb", "\x1b[31m"])
def test_errors_are_one_short_line_whatever_the_config_contains(folder: Path, value: str) -> None:
    for changes in ({"output": value}, {value: 1}, {"sha256": {value: "0" * 64}}):
        change_config(folder, **changes)
        message = refusal(folder)
        assert message.isprintable()
        assert len(message) < 500


def test_a_network_with_undecodable_names_is_refused_without_output_on_stdout(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = (folder / "model.onnx").read_bytes().replace(b"log_posteriors", b"\xe5og_posteriors")
    (folder / "model.onnx").write_bytes(content)
    sign_again(folder)
    refusal(folder)
    assert capfd.readouterr().out == ""


def test_figures_keep_their_intervals(folder: Path) -> None:
    config = load_model_folder(folder).config
    measured = ModelConfig.model_validate(
        {**config.model_dump(), "figures": {"ua": {"value": 0.83, "interval": [0.8, 0.86]}}}
    )
    write_config(folder, measured)
    assert load_model_folder(folder).config.figures["ua"].interval == (0.8, 0.86)


def external(folder: Path, location: str) -> None:
    """Move the weights of the network to a file, which is written where it is looked for."""
    (folder / "model.onnx").write_bytes(with_outside_weights((folder / "model.onnx").read_bytes(), location))
    sign_again(folder)


@pytest.mark.parametrize("where", ["weights.bin", "./weights.bin", "../weights.bin", "absolute", "nowhere"])
def test_a_network_whose_weights_are_in_another_file_is_refused(
    folder: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for directory in (folder, folder.parent):
        (directory / "weights.bin").write_bytes(bytes(3 * 2800 * 4))
    monkeypatch.chdir(folder)  # ONNX Runtime looks below the working directory
    external(folder, str(folder.parent / "weights.bin") if where == "absolute" else where)
    assert "reads weights from another file" in refusal(folder)


def test_the_runtime_itself_would_read_the_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "weights.bin").write_bytes(bytes(3 * 2800 * 4))
    monkeypatch.chdir(folder)
    external(folder, "weights.bin")
    onnxruntime.InferenceSession((folder / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", ["config.json", "model.onnx", "README.md"])
def test_an_enormous_file_is_refused_unread(folder: Path, name: str) -> None:
    os.truncate(folder / name, 8 << 30)  # sparse: it takes no space
    tracemalloc.start()
    message = refusal(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"{name} of 8589934592 bytes" in message
    assert peak < 64 << 20


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"output":', '"output": "log_scores", "output":'),
        ('"temperature":', '"temperature": 9.0, "temperature":'),
    ],
)
def test_a_config_with_a_key_twice_is_refused(folder: Path, before: str, after: str) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace(before, after, 1))
    key = before.strip('":')
    assert f"found the key '{key}' twice" in refusal(folder)


def test_what_the_runtime_refuses_is_reported_once_and_by_emotrace(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(folder / "model.onnx")
    model.graph.node[0].op_type = "NoSuchOperator"
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    sign_again(folder)
    assert "does not run" in refusal(folder)
    assert capfd.readouterr() == ("", "")

"""The model that ships is the one that is used where none is named."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import emotrace
from emotrace.cli.app import main
from emotrace.errors import ModelError
from emotrace.inference import pretrained as shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ships(make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model that ships."""
    folder = make_model(tmp_path / shipped.NAME, name=shipped.NAME)
    monkeypatch.setattr(shipped, "FOLDER", folder)
    return folder


def output_of(capsys: pytest.CaptureFixture[str], *tokens: str | Path) -> str:
    with pytest.raises(SystemExit) as end:
        main([str(token) for token in tokens])
    assert not end.value.code
    return capsys.readouterr().out


def test_without_a_name_the_model_that_ships_is_loaded(ships: Path) -> None:
    recogniser = emotrace.load()
    assert recogniser.folder.path == ships
    assert recogniser.config.name == "emotrace-emodb-1"


def test_every_verb_that_takes_a_model_does_without(
    ships: Path, tmp_path: Path, speech_like: Callable[..., np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(1.5), 16_000)
    (result,) = json.loads(output_of(capsys, "predict", tmp_path / "a.wav", "--format", "json"))
    assert (result["model"], result["label"]) == ("emotrace-emodb-1", "anger")
    assert "anger" in output_of(capsys, "trace", tmp_path / "a.wav")
    assert "emotrace-emodb-1, version 1" in output_of(capsys, "info")


def test_a_folder_that_is_named_goes_before(ships: Path, tiny_model: Path) -> None:
    assert emotrace.load(tiny_model).config.name == "tiny"


def test_without_one_that_ships_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "none")
    with pytest.raises(ModelError, match=r"found no model: .*--model DIR.*emotrace train"):
        emotrace.load()
    with pytest.raises(SystemExit) as end:
        main(["predict", "a.wav"])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_ships_is_what_its_config_lists_and_small() -> None:
    if not shipped.FOLDER.is_dir():
        pytest.skip("no model ships yet")
    files = {file.name: file.stat().st_size for file in shipped.FOLDER.iterdir()}
    assert set(files) == {"config.json", "model.onnx", "README.md"}
    assert sum(files.values()) < 12e6
    assert emotrace.load().config.name == shipped.NAME


@pytest.mark.slow
def test_a_wheel_brings_the_model(make_model: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "src" / "emotrace").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "src/emotrace/__init__.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    inside = Path("emotrace", "pretrained", shipped.NAME)
    assert ROOT / "src" / inside == shipped.FOLDER
    model = make_model(tmp_path / "src" / inside)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for file in model.iterdir():
            assert archive.read((inside / file.name).as_posix()) == file.read_bytes()

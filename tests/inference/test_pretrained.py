"""The pretrained model of the package is used by default."""

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
from emotrace.inference import pretrained

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pretrained_folder(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A tiny model in place of the pretrained one."""
    folder = make_model(tmp_path / pretrained.NAME, name=pretrained.NAME)
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    return folder


def output_of(capsys: pytest.CaptureFixture[str], *tokens: str | Path) -> str:
    with pytest.raises(SystemExit) as end:
        main([str(token) for token in tokens])
    assert not end.value.code
    return capsys.readouterr().out


def test_load_without_a_folder_loads_the_pretrained_model(pretrained_folder: Path) -> None:
    recogniser = emotrace.load()
    assert recogniser.folder.path == pretrained_folder
    assert recogniser.config.name == pretrained.NAME


def test_every_verb_uses_the_pretrained_model_by_default(
    pretrained_folder: Path,
    tmp_path: Path,
    speech_like: Callable[..., np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(1.5), 16_000)
    (result,) = json.loads(output_of(capsys, "predict", tmp_path / "a.wav", "--format", "json"))
    assert (result["model"], result["label"]) == (pretrained.NAME, "anger")
    assert "anger" in output_of(capsys, "trace", tmp_path / "a.wav")
    assert f"{pretrained.NAME}, version 1" in output_of(capsys, "info")


def test_a_given_folder_is_loaded_instead(pretrained_folder: Path, tiny_model: Path) -> None:
    assert emotrace.load(tiny_model).config.name == "tiny"


def test_models_are_found_by_their_names(
    pretrained_folder: Path,
    make_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert emotrace.load(pretrained.NAME).folder.path == pretrained_folder
    assert not caplog.messages
    folder = make_model(tmp_path / "research", name=pretrained.RESEARCH_NAME, license="cc-by-nc-sa-4.0")
    monkeypatch.setattr(pretrained, "RESEARCH_FOLDER", folder)
    assert emotrace.load(pretrained.RESEARCH_NAME).folder.path == folder
    (message,) = caplog.messages
    assert message.startswith("emotrace-research-1 has the license cc-by-nc-sa-4.0")
    monkeypatch.setattr(pretrained, "RESEARCH_FOLDER", tmp_path / "none")
    with pytest.raises(ModelError, match=r"not part of the installed package.*models/emotrace-research-1"):
        emotrace.load(pretrained.RESEARCH_NAME)


def test_an_installation_without_the_pretrained_model_names_the_alternatives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "none")
    with pytest.raises(ModelError, match=r"found no pretrained model .*--model DIR.*emotrace train"):
        emotrace.load()
    with pytest.raises(SystemExit) as end:
        main(["predict", "a.wav"])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_pretrained_folder_is_complete_and_small() -> None:
    if not pretrained.FOLDER.is_dir():
        pytest.skip("no pretrained model")
    files = {file.name: file.stat().st_size for file in pretrained.FOLDER.iterdir()}
    assert set(files) == {"config.json", "model.onnx", "README.md", "NOTICE.txt"}
    assert sum(files.values()) < 15e6
    assert emotrace.load().config.name == pretrained.NAME


@pytest.mark.slow
def test_a_wheel_contains_the_model(make_model: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "src" / "emotrace").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "src/emotrace/__init__.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    inside = Path("emotrace", "pretrained", pretrained.NAME)
    assert ROOT / "src" / inside == pretrained.FOLDER
    model = make_model(tmp_path / "src" / inside)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for file in model.iterdir():
            assert archive.read((inside / file.name).as_posix()) == file.read_bytes()


def chord(root_hz: float, partials: int) -> np.ndarray:
    """Six seconds of a held major chord."""
    time, random = np.arange(96_000) / 16_000, np.random.default_rng(5)
    tones = [
        np.sin(2 * np.pi * root_hz * ratio * partial * time + random.uniform(0, 6)) / partial
        for ratio in (1, 1.26, 1.5)
        for partial in range(1, partials)
    ]
    samples: np.ndarray = np.sum(tones, axis=0)
    return 0.3 * samples / np.abs(samples).max()


@pytest.mark.parametrize(
    ("root_hz", "partials"),
    [
        *[(110, 3), (110, 6), (196, 3), (196, 6), (330, 3), (330, 6), (261.6, 7)],
        *[(196, 9), (196, 13), (330, 17)],  # dense chords
    ],
)
def test_held_chords_are_rejected(root_hz: float, partials: int) -> None:
    result = emotrace.load(threads=1)((chord(root_hz, partials), 16_000))
    assert result.label is None
    assert "rejected" in {warning.code for warning in result.warnings}

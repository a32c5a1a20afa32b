"""The base install works in an environment without the packages for training."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[1]
FOR_TRAINING = ("librosa", "matplotlib", "scipy", "sklearn", "statsmodels", "torch")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare(shared_folder: Callable[..., Path]) -> Path:
    """The programs of a fresh environment with the base install of this project."""
    programs = Path("venv") / ("Scripts" if os.name == "nt" else "bin")

    def install(folder: Path) -> None:
        source = folder / "source"  # a copy, since setuptools writes a build folder beside the source
        source.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source / name)
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / "src", source / "src", ignore=ignore)
        python = folder / programs / "python"
        call(sys.executable, "-m", "venv", folder / "venv")
        call(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", source)

    return shared_folder("bare-install", install) / programs


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of stereo noise at 44.1 kHz, which has to be resampled."""
    path = tmp_path_factory.mktemp("speech") / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, (88_200, 2)), 44_100)
    return path


def call(*command: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command outside this tree, and check its exit code."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, check=False, cwd=Path(sys.prefix).anchor, env=environment,
    )  # fmt: skip
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_no_package_for_training_is_installed(bare: Path) -> None:
    finds = f"import importlib.util as u; print([n for n in {FOR_TRAINING} if u.find_spec(n)])"
    assert call(bare / "python", "-c", finds).stdout.strip() == "[]"


def test_recipes_and_types_are_installed(bare: Path) -> None:
    where = call(bare / "python", "-c", "import emotrace; print(emotrace.__path__[0])").stdout.strip()
    for name in ("py.typed", "recipes/default.toml", "recipes/paper.toml"):
        assert (Path(where) / name).is_file()


def test_predict_prints_a_result(bare: Path, tiny_model: Path, speech: Path) -> None:
    done = call(bare / "emotrace", "predict", speech, "--model", tiny_model, "--format", "json")
    (result,) = json.loads(done.stdout)
    assert result["label"] in result["scores"]
    assert sum(result["scores"].values()) == pytest.approx(1, abs=1e-4)
    assert any("44100" in warning for warning in result["warnings"])
    assert any("2 channels" in warning for warning in result["warnings"])


def test_trace_prints_a_timeline(bare: Path, tiny_model: Path, speech: Path) -> None:
    done = call(bare / "emotrace", "trace", speech, "--model", tiny_model)
    assert done.stdout.strip()


def test_info_prints_the_labels(bare: Path, tiny_model: Path) -> None:
    labels = json.loads((tiny_model / "config.json").read_text(encoding="utf-8"))["label2id"]
    printed = call(bare / "emotrace", "info", "--model", tiny_model).stdout
    assert all(label in printed for label in labels)


def test_corpus_prints_a_summary(bare: Path) -> None:
    summary = json.loads(call(bare / "emotrace", "corpus", "synthetic", "--json").stdout)
    assert summary["utterances"] == sum(summary["by_speaker"].values()) > 0


@pytest.mark.parametrize("verb", ["train", "crossval", "demo"])
def test_a_training_command_names_the_extra_to_install(bare: Path, tmp_path: Path, verb: str) -> None:
    options = () if verb == "demo" else ("--corpus", "synthetic", "--output", tmp_path / "run")
    assert_names_extra("train", call(bare / "emotrace", verb, *options, code=2))
    assert not (tmp_path / "run").exists()


def test_a_plot_names_the_extra_to_install(
    bare: Path, tiny_model: Path, speech: Path, tmp_path: Path
) -> None:
    options = ("--model", tiny_model, "--format", "png", "--output", tmp_path / "traces")
    assert_names_extra("plot", call(bare / "emotrace", "trace", speech, *options, code=2))
    assert not (tmp_path / "traces").exists()


def assert_names_extra(extra: str, done: subprocess.CompletedProcess[str]) -> None:
    """One line on stderr names the `pip install` command with the extra."""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(rf"pip install .*\[{extra}\]", done.stderr)

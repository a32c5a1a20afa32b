"""Claims about the base install, in an environment that holds it and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[1]
TRAINERS = ("librosa", "matplotlib", "scipy", "sklearn", "statsmodels", "torch")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment, which got this tree and what its base install needs."""
    folder = tmp_path_factory.mktemp("bare")
    source = folder / "source"  # setuptools leaves a build folder beside what it builds
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=leave_out)

    call(sys.executable, "-m", "venv", folder / "venv")
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    call(programs / "python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", source)
    return programs


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of stereo noise at a rate that no model here works at."""
    path = tmp_path_factory.mktemp("speech") / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, (88_200, 2)), 44_100)
    return path


def call(*command: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command away from this tree, and check its exit code."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, check=False, cwd=Path(sys.prefix).anchor, env=environment,
    )  # fmt: skip
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_no_trainer_is_there(bare: Path) -> None:
    finds = f"import importlib.util as u; print([n for n in {TRAINERS} if u.find_spec(n)])"
    assert call(bare / "python", "-c", finds).stdout.strip() == "[]"


def test_recipes_and_types_come_along(bare: Path) -> None:
    where = call(bare / "python", "-c", "import emotrace; print(emotrace.__path__[0])").stdout.strip()
    for name in ("py.typed", "recipes/default.toml", "recipes/paper.toml"):
        assert (Path(where) / name).is_file()


def test_predict_answers(bare: Path, tiny_model: Path, speech: Path) -> None:
    done = call(bare / "emotrace", "predict", speech, "--model", tiny_model, "--format", "json")
    (result,) = json.loads(done.stdout)
    assert result["label"] in result["scores"]
    assert sum(result["scores"].values()) == pytest.approx(1, abs=1e-4)
    assert any("44100" in warning for warning in result["warnings"])
    assert any("2 channels" in warning for warning in result["warnings"])


def test_trace_answers(bare: Path, tiny_model: Path, speech: Path) -> None:
    done = call(bare / "emotrace", "trace", speech, "--model", tiny_model)
    assert done.stdout.strip()


def test_info_answers(bare: Path, tiny_model: Path) -> None:
    labels = json.loads((tiny_model / "config.json").read_text(encoding="utf-8"))["label2id"]
    told = call(bare / "emotrace", "info", "--model", tiny_model).stdout
    assert all(label in told for label in labels)


def test_corpus_answers(bare: Path) -> None:
    told = json.loads(call(bare / "emotrace", "corpus", "synthetic", "--json").stdout)
    assert told["utterances"] == sum(told["by_speaker"].values()) > 0


@pytest.mark.parametrize("verb", ["train", "crossval", "demo"])
def test_a_verb_of_the_trainer_says_what_to_install(bare: Path, tmp_path: Path, verb: str) -> None:
    options = () if verb == "demo" else ("--corpus", "synthetic", "--output", tmp_path / "run")
    assert_asks_for("train", call(bare / "emotrace", verb, *options, code=2))
    assert not (tmp_path / "run").exists()


def test_a_picture_says_what_to_install(bare: Path, tiny_model: Path, speech: Path, tmp_path: Path) -> None:
    options = ("--model", tiny_model, "--format", "png", "--output", tmp_path / "traces")
    assert_asks_for("plot", call(bare / "emotrace", "trace", speech, *options, code=2))
    assert not (tmp_path / "traces").exists()


def assert_asks_for(extra: str, done: subprocess.CompletedProcess[str]) -> None:
    """One line on stderr names the `pip install` that brings `extra`."""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(rf"pip install .*\[{extra}\]", done.stderr)

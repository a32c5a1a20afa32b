"""Claims about what a command brings into memory, seen from a fresh interpreter."""

import subprocess
import sys

import pytest

TRAINERS = (
    "librosa",
    "matplotlib",
    "onnx",
    "pandas",
    "scipy",
    "sklearn",
    "statsmodels",
    "torch",
)


def loaded_by(code: str) -> set[str]:
    """The top-level modules that are loaded when `code` has run."""
    tells = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + tells], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


VERBS = (
    "predict",
    "trace",
    "info",
    "corpus",
    "train",
    "crossval",
    "evaluate",
    "export",
    "demo",
    "table",
    "compare",
)


@pytest.mark.parametrize("call", ["--help", "--version", *(f"{verb} --help" for verb in VERBS)])
def test_help_brings_no_trainer(call: str) -> None:
    code = f"""
from emotrace.cli.app import main
try:
    main({call.split()})
except SystemExit as done:
    assert not done.code, done.code
"""
    modules = loaded_by(code)
    assert "emotrace" in modules
    assert modules.isdisjoint(TRAINERS)
    assert "onnxruntime" not in modules  # help is no reason to wait


def test_the_runtime_brings_no_trainer() -> None:
    modules = loaded_by("import emotrace; emotrace.Recogniser, emotrace.Result, emotrace.Timeline")
    assert "onnxruntime" in modules
    assert modules.isdisjoint(TRAINERS)


def test_importing_emotrace_costs_nothing() -> None:
    assert loaded_by("import emotrace").isdisjoint({*TRAINERS, "numpy", "onnxruntime", "pydantic"})


def test_corpora_and_recipes_need_no_trainer() -> None:
    modules = loaded_by("import emotrace.corpora.summary, emotrace.recipe")
    assert "emotrace" in modules
    assert modules.isdisjoint(TRAINERS)

"""Which modules a command or an import loads, measured in a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOR_TRAINING = (
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
    """The top-level modules that are loaded after `code` has run."""
    print_modules = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code + print_modules], capture_output=True, text=True, check=True
    )
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
    "serve",
)


@pytest.mark.parametrize("call", ["--help", "--version", *(f"{verb} --help" for verb in VERBS)])
def test_help_loads_no_package_for_training(call: str) -> None:
    code = f"""
from emotrace.cli.app import main
try:
    main({call.split()})
except SystemExit as done:
    assert not done.code, done.code
"""
    modules = loaded_by(code)
    assert "emotrace" in modules
    assert modules.isdisjoint(FOR_TRAINING)
    assert "onnxruntime" not in modules


def test_the_runtime_loads_no_package_for_training() -> None:
    modules = loaded_by("import emotrace; emotrace.load(); emotrace.Result, emotrace.Timeline")
    assert "onnxruntime" in modules
    assert modules.isdisjoint(FOR_TRAINING)


def test_the_service_loads_no_package_for_training() -> None:
    pytest.importorskip("fastapi", reason='NO SERVICE: run pip install "emotrace[serve]"')
    modules = loaded_by("import emotrace.serving.app, emotrace.serving.server")
    assert "fastapi" in modules
    assert modules.isdisjoint(FOR_TRAINING)


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "prometheus_client"])
def test_serve_without_its_extra_names_the_command_that_installs_it(package: str) -> None:
    code = f"""
import sys
sys.modules[{package!r}] = None
from emotrace.cli.app import main
main(["serve"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert package in line
    assert 'pip install "emotrace[serve]"' in line


def test_onnx_runtime_sends_nothing_and_keeps_no_identifier(tmp_path: Path) -> None:
    code = """
import emotrace, numpy as np
noise = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
assert emotrace.load()((noise, 16_000)).duration_s == 1.0
"""
    # ONNX Runtime itself sends nothing where it finds one of these.
    suppressing = {"CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY"}
    environment = {name: value for name, value in os.environ.items() if name not in suppressing}
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        environment[name] = str(tmp_path)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_importing_emotrace_loads_no_large_package() -> None:
    assert loaded_by("import emotrace").isdisjoint({*FOR_TRAINING, "numpy", "onnxruntime", "pydantic"})


def test_corpora_and_recipes_load_no_package_for_training() -> None:
    modules = loaded_by("import emotrace.corpora.summary, emotrace.recipe")
    assert "emotrace" in modules
    assert modules.isdisjoint(FOR_TRAINING)

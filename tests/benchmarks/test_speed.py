"""The logic of the benchmark: requests and responses, medians, tables and goals. No test measures time."""

import doctest
import importlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from emotrace.inference.pretrained import PRETRAINED

Loader = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Import a module of benchmarks/ as its scripts do."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module


@pytest.mark.parametrize(
    "name", ["speed.findings", "speed.goals", "speed.report", "speed.environment", "scaling", "run", "long"]
)
def test_modules_import_and_their_examples_run(load: Loader, name: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert not doctest.testmod(load(name), optionflags=flags).failed


class Adder:
    """A peer that adds, and reports its own seconds."""

    def add(self, a: int, b: int) -> dict[str, float]:
        return {"sum": a + b, "seconds": 7.0}

    def nothing(self) -> None:
        """A call without a result."""


def responses(load: Loader, *requests: dict[str, object]) -> list[dict[str, object]]:
    """The adder's responses to requests."""
    output = io.StringIO()
    lines = [json.dumps(request) + "\n" for request in requests]
    load("peers.server").respond(Adder(), lines, output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def request(method: str, **arguments: object) -> dict[str, object]:
    return {"call": method, "arguments": arguments}


def test_each_request_has_one_response_in_order(load: Loader) -> None:
    first, second = responses(load, request("add", a=1, b=2), request("nothing"))
    assert (first["sum"], first["seconds"]) == (3, 7.0)
    assert 0 <= float(str(second["seconds"])) < 7


def test_an_error_is_a_response_and_the_next_request_is_served(load: Loader) -> None:
    failed, fine = responses(load, request("add", a=1, b="x"), request("add", a=1, b=1))
    assert "TypeError" in str(failed["error"])
    assert fine["sum"] == 2


def test_a_peer_that_fails_is_reported_and_the_others_continue(
    load: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings, worker = load("speed.findings"), load("speed.worker")
    monkeypatch.setattr(findings, "PAUSE_S", 0)
    turns = []

    def broken() -> float:
        turns.append("broken")
        raise worker.WorkerError("process ended")

    def ours() -> float:
        turns.append("ours")
        return float(len(turns))

    found = findings.Findings()
    found.alternate({"row/broken": broken, "row/ours": ours}, rounds=2, warm=1)
    assert turns == ["broken", "ours", "ours", "ours"]
    assert found.times == {"row/ours": [3.0, 4.0]}
    assert found.missing == {"row/broken": "process ended"}
    with pytest.raises(worker.WorkerError):
        found.alternate({"row/ours": broken}, rounds=1)


def test_missing_measurements_are_reported_and_leave_their_goals_open(load: Loader) -> None:
    found = load("speed.findings").Findings(
        times={"clip/ours": [0.02, 0.03, 0.01], "cold/ours": [0.9]}, missing={"egemaps": "no wheel"}
    )
    text = load("speed.report").markdown(found)
    assert "**NOT MEASURED: egemaps**: no wheel" in text
    assert "| cold start of `predict` on 2 s, processor time | under 0.8 s | 0.9 s | **no** |" in text
    assert "one core, against openSMILE eGeMAPS | at least 2 times | **not measured** | ? |" in text
    assert "| emotrace | 20 ms | 10 to 30 |" in text


def test_every_goal_and_every_row_is_in_the_table(load: Loader) -> None:
    report, goals, training = load("speed.report"), load("speed.goals"), load("speed.training")
    named = [name for goal in goals.GOALS for name in (goal.slow, goal.fast) if name]
    for name in named:
        row, software = name.split("/")
        assert row in report.ROWS
        assert software in report.NAMES
    assert set(training.STEPS) <= set(report.ROWS)


def test_corpora_are_found_by_the_environment_variable_alone(
    load: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = load("speed.inputs")
    (tmp_path / "emodb" / "wav").mkdir(parents=True)
    monkeypatch.delenv("EMOTRACE_DATA", raising=False)
    assert inputs.corpus("emodb", "wav") is None
    monkeypatch.setenv("EMOTRACE_DATA", str(tmp_path))
    assert inputs.corpus("emodb", "wav") == (tmp_path / "emodb").resolve()


def test_the_measured_runtime_recognises_files_and_windows(
    load: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("EMOTRACE_DATA", raising=False)
    inputs = load("speed.inputs").write_inputs(tmp_path, quick=True)
    runtime, model = load("peers.emotrace_runtime").Runtime(), str(PRETRAINED / "emotrace-emodb-1")
    runtime.load(model)
    runtime.clip(model, str(inputs.clip))
    runtime.window(model, str(inputs.samples), str(tmp_path / "posteriors.npy"))
    runtime.batch(model, str(inputs.samples), 2)
    assert np.load(tmp_path / "posteriors.npy").shape[1] == 5


@pytest.mark.parametrize("stage", [1, 2])
def test_the_measured_training_runs_a_step(load: Loader, monkeypatch: pytest.MonkeyPatch, stage: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    training = load("peers.emotrace_training").Training()
    training.prepare("step", stage=stage, network="default", precision="float32", batch=2)
    assert training.epoch("step")["seconds"] > 0

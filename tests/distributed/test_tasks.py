"""Experiments on Ray: the figures are those of one process, also when a task is killed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed.conftest import descendants

from emotrace.distributed.tasks import in_ray_tasks
from emotrace.errors import AudioError, RunError
from emotrace.experiments.cross_validation import run_folds
from emotrace.experiments.table.plan import make_plan, train_table
from emotrace.training.experiment import Experiment


def outcome(folder: Path) -> dict[str, bytes]:
    """What must not depend on where folds were trained, nor on what was killed."""
    names = ("weights.safetensors", "predictions.csv", "validation.csv", "curve.csv")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.name in names
    }


def tasks() -> list[int]:
    """The processes that run a task."""
    return [pid for pid, name in descendants(os.getpid()) if "ray::_run" in name]


class Killer:
    """A progress callback that kills the tasks that run, when it is first called."""

    killed = 0

    def __call__(self, message: object) -> None:
        if not self.killed:
            for pid in tasks():
                os.kill(pid, signal.SIGKILL)
                self.killed += 1


@pytest.mark.slow
def test_a_killed_task_changes_no_figure_of_a_cross_validation(
    ray_cluster: None, network_alone: Experiment, tmp_path: Path
) -> None:
    run_folds(network_alone, output=tmp_path / "local", folds=[0, 1], workers=1)
    killer = Killer()
    run_folds(network_alone, output=tmp_path / "ray", folds=[0, 1], engine="ray", progress=killer)
    assert killer.killed
    local = outcome(tmp_path / "local")
    assert len(local) > 3
    assert outcome(tmp_path / "ray") == local
    again: list[object] = []
    run_folds(network_alone, output=tmp_path / "ray", folds=[0, 1], engine="ray", progress=again.append)
    assert again == []


@pytest.mark.slow
def test_a_table_on_ray_has_the_weights_of_the_local_one(
    ray_cluster: None, network_alone: Experiment, tmp_path: Path
) -> None:
    for engine in ("local", "ray"):
        plan = make_plan(network_alone, ["pcnse", "pcnse-sadrn-ctc"], tmp_path / engine, folds=[0])
        train_table(plan, workers=1, engine=engine)
    assert outcome(tmp_path / "ray") == outcome(tmp_path / "local")


def refuse(job: str, progress: Callable[[Any], object]) -> None:
    progress(job)
    if job == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "refused":
        raise AudioError("a.wav is empty; leave it out")
    if job == "full":
        raise OSError(28, "No space left on device", "run/last")


@pytest.mark.slow
def test_errors_of_tasks_are_raised(ray_cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrace.distributed.tasks.RETRIES", 1)
    for job, kind, reason in (
        ("refused", AudioError, r"a\.wav is empty"),
        ("full", OSError, "No space left"),
        ("deadly", RunError, r"died 2 times .* run the same command again to resume"),
    ):
        reported: list[object] = []
        with pytest.raises(kind, match=reason):
            in_ray_tasks(refuse, ["fine", job], reported.append)
        assert job in reported

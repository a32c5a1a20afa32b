"""An interrupted run resumes and ends with the same files as one that was not interrupted."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emotrace.recipe import Recipe
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, no_progress
from emotrace.training.split import train_run

SAME = ("weights.safetensors", "predictions.csv", "metrics.json", "*/curve.csv", "*/done")


class Killed(BaseException):
    """Stands for SIGKILL where a process cannot kill itself and still report."""


def outcome(folder: Path) -> dict[str, bytes]:
    """What must not depend on interruptions."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in SAME
        for path in folder.glob(pattern)
    }
    assert len(found) == 7, sorted(found)
    return found


def train_in_process(experiment: Experiment, folder: Path, seed: int = 1) -> None:
    train_run(experiment, seed=seed, folder=folder, progress=no_progress)


@pytest.mark.slow
def test_a_run_killed_before_each_of_its_writes_gives_the_same_files(
    experiment: Experiment, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: set[tuple[str, bytes]] = set()
    rename = Path.replace

    def killed_the_first_time(self: Path, target: Path) -> Path:
        # run.json holds the duration, which always differs.
        content = b"" if target.name == "run.json" else self.read_bytes()
        key = target.relative_to(tmp_path).as_posix(), content
        if key not in written:
            written.add(key)
            shutil.copy(self, self.with_name(".unfinished-left" + self.suffix))
            raise Killed
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", killed_the_first_time)
    deaths = 0
    while True:
        try:
            train_in_process(experiment, tmp_path / "run")
            break
        except Killed:
            deaths += 1
        assert deaths < 100, "a write was repeated with other content"
    epochs = sum(
        int((tmp_path / "run" / stage / "done").read_text().split()[0]) for stage in ("front-pcnse", "back")
    )
    assert deaths >= 2 * epochs
    assert outcome(tmp_path / "run") == outcome(finished_run)
    assert not list((tmp_path / "run").rglob(".unfinished*"))


def stop_after(epoch: Epoch, stage: str, number: int) -> None:
    if (epoch.stage, epoch.number) == (stage, number):
        raise Killed


def test_a_run_resumes_in_a_folder_that_was_moved(
    experiment: Experiment, finished_run: Path, tmp_path: Path
) -> None:
    for place, stage in (("first", "front-pcnse"), ("second", "back")):
        with pytest.raises(Killed):
            train_run(
                experiment, seed=1, folder=tmp_path / place,
                progress=lambda epoch, stage=stage: stop_after(epoch, stage, 3),
            )  # fmt: skip
        (tmp_path / place).rename(tmp_path / {"first": "second", "second": "third"}[place])
    train_in_process(experiment, tmp_path / "third")
    assert outcome(tmp_path / "third") == outcome(finished_run)


def test_a_run_killed_after_early_stopping_does_not_continue_training(
    experiment: Experiment, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    stage = tiny_recipe.stage1.model_copy(update={"epochs": 40, "patience": 1, "learning_rate": 0.3})
    impatient = replace(experiment, system="pcn", recipe=tiny_recipe.model_copy(update={"stage1": stage}))
    train_in_process(impatient, tmp_path / "undisturbed")
    last = int((tmp_path / "undisturbed" / "front-pcn" / "done").read_text().split()[0])
    assert last < 40
    with pytest.raises(Killed):
        train_run(
            impatient, seed=1, folder=tmp_path / "killed",
            progress=lambda epoch: stop_after(epoch, "front-pcn", last),
        )  # fmt: skip
    reported: list[Epoch] = []
    train_run(impatient, seed=1, folder=tmp_path / "killed", progress=reported.append)
    assert reported == []
    for name in ("weights.safetensors", "front-pcn/curve.csv", "front-pcn/done"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_equal_seeds_give_equal_networks_and_other_seeds_other_networks(
    experiment: Experiment, finished_run: Path, tmp_path: Path
) -> None:
    train_in_process(experiment, tmp_path / "again")
    assert outcome(tmp_path / "again") == outcome(finished_run)
    train_in_process(experiment, tmp_path / "other", seed=2)
    weights = [(folder / "weights.safetensors").read_bytes() for folder in (tmp_path / "other", finished_run)]
    assert weights[0] != weights[1]


@pytest.fixture
def start(corpus_root: Path, tiny_toml: Path, tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Start `emotrace train` as a user does."""
    command = (
        sys.executable, "-m", "emotrace", "train", "--corpus", "manifest", "--root", corpus_root,
        "--recipe", tiny_toml, "--output", tmp_path / "new" / "run", "--device", "cpu",
    )  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return lambda: subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def stopped(process: subprocess.Popen[str], line: str, by: signal.Signals) -> tuple[int, str]:
    """Send a signal once a line is printed; the exit code, and the lines after it."""
    assert process.stderr is not None
    for reported in process.stderr:
        if reported.startswith(line):
            process.send_signal(by)
            break
    else:
        pytest.fail(f"never printed {line}: {process.communicate()}")
    _, after = process.communicate()
    return process.returncode, after


@pytest.mark.slow
def test_a_process_interrupted_and_killed_in_both_stages_gives_the_same_files(
    start: Callable[[], subprocess.Popen[str]], finished_run: Path, tmp_path: Path
) -> None:
    code, after = stopped(start(), "front-pcnse: epoch 1 of", signal.SIGINT)
    assert code == 130
    assert [line for line in after.splitlines() if ": epoch " not in line] == ["emotrace: interrupted"]
    assert stopped(start(), "front-pcnse: epoch 3 of", signal.SIGKILL)[0] == -signal.SIGKILL
    assert stopped(start(), "back: epoch 2 of", signal.SIGKILL)[0] == -signal.SIGKILL
    process = start()
    out, reported = process.communicate()
    assert process.returncode == 0, reported
    assert all(": epoch " in line for line in reported.splitlines()), reported
    assert outcome(tmp_path / "new" / "run") == outcome(finished_run)
    assert (tmp_path / "new" / "run" / "model" / "model.onnx").exists()
    assert str(tmp_path / "new" / "run" / "model") in out

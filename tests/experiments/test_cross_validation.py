"""A cross-validation resumes fold by fold, with the same results however it is run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emotrace.errors import CorpusError, RunError
from emotrace.evaluation.calibration import calibration_error
from emotrace.evaluation.predictions import read_predictions
from emotrace.experiments import cross_validation as protocol
from emotrace.experiments.cross_validation import run_folds
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def two_folds(network_alone: Experiment, shared_folder: Callable[..., Path]) -> Path:
    """Two folds, trained one after the other in one process."""
    return shared_folder(
        "two-folds", lambda folder: run_folds(network_alone, output=folder, folds=[0, 1], workers=1)
    )


def trained(network_alone: Experiment, folder: Path, **more: object) -> set[str]:
    """Call it again; the runs that trained anything."""
    reported: list[Epoch] = []
    run_folds(network_alone, output=folder, workers=1, progress=reported.append, **more)  # type: ignore[arg-type]
    return {epoch.run for epoch in reported}


def outcome(folder: Path) -> dict[str, bytes]:
    """What must not depend on how many processes there were, or on interruptions."""
    names = ("weights.safetensors", "predictions.csv", "validation.csv", "curve.csv", "confusion.png")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.name in names
    }


def test_a_cross_validation_writes_all_its_results(two_folds: Path, network_alone: Experiment) -> None:
    metrics = json.loads((two_folds / "metrics.json").read_text())
    predictions = read_predictions(two_folds / "predictions.csv")
    assert {(p.speaker, p.fold, p.seed) for p in predictions} == {("ann", 0, 1), ("bea", 1, 1)}
    assert metrics["pooled"]["n"] == len(predictions) == 8
    assert metrics["pooled"]["wa"] == sum(p.correct for p in predictions) / 8
    assert [row["test"] for row in metrics["folds"]] == [["ann"], ["bea"]]
    for row in metrics["folds"]:
        fold = two_folds / "seed-1" / f"fold-{row['test'][0]}"
        assert {path.name for path in fold.iterdir()} >= {
            "run.json", "weights.safetensors", "predictions.csv", "validation.csv", "front-pcnse", "back",
        }  # fmt: skip
        for stage, reported in row["stages"].items():
            assert 1 <= reported["best"] <= reported["epochs"]
            assert (fold / stage / "done").read_text().split() == [
                str(reported["epochs"]),
                str(reported["best"]),
            ]
        own = [p for p in predictions if p.fold == row["fold"]]
        assert row["wa"] == sum(p.correct for p in own) / len(own)
    for picture in ("confusion.png", "curves.png", "reliability.png", "risk-coverage.png"):
        assert (two_folds / picture).read_bytes().startswith(PNG)
    assert metrics["calibration_error"] == calibration_error(predictions)
    settings = json.loads((two_folds / "recipe.json").read_text())
    assert settings["recipe"] == network_alone.recipe.model_dump(mode="json")


@pytest.mark.slow
def test_only_unfinished_folds_are_trained(network_alone: Experiment, tmp_path: Path) -> None:
    assert trained(network_alone, tmp_path, folds=[0]) == {"seed 1, fold ann"}
    assert trained(network_alone, tmp_path, folds=[0]) == set()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("seed-1/fold-ann/**/*")}
    assert trained(network_alone, tmp_path, folds=[0, 2]) == {"seed 1, fold cem"}
    assert trained(network_alone, tmp_path, folds=[0], seeds=(1, 2)) == {"seed 2, fold ann"}
    assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("seed-1/fold-ann/**/*")} == before


def test_the_report_covers_all_folds_in_the_folder(network_alone: Experiment, tmp_path: Path) -> None:
    run_folds(network_alone, output=tmp_path, folds=[2], workers=1)
    (tmp_path / "seed-old").mkdir()  # somebody's own
    result = run_folds(network_alone, output=tmp_path, folds=[0], seeds=(2, 1), workers=1)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert [(row["seed"], row["fold"]) for row in metrics["folds"]] == [(1, 0), (1, 2), (2, 0)]
    assert metrics["over_seeds"]["groups"] == 2
    assert (
        result.metrics.n
        == metrics["pooled"]["n"]
        == len(read_predictions(tmp_path / "predictions.csv"))
        == 12
    )
    assert "pcnse-sadrn-ctc, 3 of 10 folds so far\n" in (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_two_interrupted_workers_give_the_files_of_one_process(
    network_alone: Experiment, corpus_root: Path, network_alone_toml: Path, two_folds: Path, tmp_path: Path
) -> None:
    command = (
        sys.executable, "-m", "emotrace", "crossval", "--corpus", "manifest", "--root", corpus_root,
        "--recipe", network_alone_toml, "--output", tmp_path, "--folds", "0,1", "--device", "cpu",
    )  # fmt: skip
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if ": epoch 2 of" in line:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers alike
            break
    out, after = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert [reported for reported in after.splitlines() if ": epoch " not in reported] == [
        "emotrace: interrupted"
    ]
    run_folds(network_alone, output=tmp_path, folds=[0, 1], workers=2)
    assert outcome(tmp_path) == outcome(two_folds)


def test_another_recipe_needs_another_folder(network_alone: Experiment, two_folds: Path) -> None:
    other = replace(network_alone, recipe=network_alone.recipe.model_copy(update={"stage2_views": 3}))
    with pytest.raises(RunError, match=r"another recipe\.stage2_views"):
        run_folds(other, output=two_folds, folds=[0])


def test_a_fold_that_does_not_exist_is_refused_before_anything_is_written(
    network_alone: Experiment, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match="no fold 5; manifest-2-loso5 has 0 to 4"):
        run_folds(network_alone, output=tmp_path / "run", folds=[0, 5])
    assert not (tmp_path / "run").exists()


def test_any_speaker_name_gives_one_folder_inside_the_run(network_alone: Experiment, tmp_path: Path) -> None:
    fold = network_alone.corpus.folds()[0]
    for name in ("../../etc", "a/b", "ann", "ann b", ".."):
        folder = protocol.fold_folder(tmp_path, 1, replace(fold, name=name))
        assert folder.resolve().parent == tmp_path.resolve() / "seed-1"
    assert protocol.fold_folder(tmp_path, 1, fold).name == "fold-ann"

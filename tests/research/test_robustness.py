"""`research/robustness.py`: the table follows from the predictions."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from emotrace.evaluation.predictions import Prediction

SPEAKERS = ("ann", "bea", "cem")


@pytest.fixture
def robustness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "research")
    return importlib.import_module("robustness")


def predictions(label: str, speakers: tuple[str, ...] = SPEAKERS) -> list[Prediction]:
    """A prediction for anger and one for sadness of each speaker; sadness is always recognised."""
    scores = {"anger": 0.5, "sadness": 0.5, "no emotion": 0.0}
    return [
        Prediction(f"{speaker}/{truth}", speaker, 0, 1, truth, label if truth == "anger" else truth, scores)
        for speaker in speakers
        for truth in ("anger", "sadness")
    ]


def test_a_rejected_utterance_counts_as_an_error_and_is_not_a_class(robustness: ModuleType) -> None:
    clean, noisy = robustness.condition_rows(
        {"clean": predictions("anger"), "noise": predictions("no emotion")}, None
    )
    assert (clean.metrics.ua, clean.rejected, clean.cost) == (1.0, 0.0, None)
    assert (noisy.metrics.ua, noisy.rejected, noisy.cost.value) == (0.5, 0.5, -0.5)
    assert list(robustness.cells(noisy, ["run"]).values()) == [
        "noise",
        "0.500",
        "[0.500, 0.500]",
        "-0.500 [-0.500, -0.500]",
        "0.500",
    ]


def test_a_second_run_is_compared_with_the_first(robustness: ModuleType) -> None:
    before, after = {"clean": predictions("sadness")}, {"clean": predictions("anger")}
    (row,) = robustness.condition_rows(before, after)
    assert (row.metrics.ua, row.other.ua, row.gain.value) == (0.5, 1.0, 0.5)
    assert robustness.cells(row, ["before", "after"])["after minus before"].startswith("+0.500")


def test_one_speaker_has_no_intervals(robustness: ModuleType) -> None:
    rows = robustness.condition_rows(
        {"clean": predictions("anger", ("ann",)), "noise": predictions("sadness", ("ann",))}, None
    )
    assert [list(robustness.cells(row, ["run"]).values()) for row in rows] == [
        ["clean", "1.000", "", "", "0.000"],
        ["noise", "0.500", "", "", "0.000"],
    ]

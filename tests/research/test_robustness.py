"""What the table of conditions says follows from what the models said."""

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


def said(answer: str, speakers: tuple[str, ...] = SPEAKERS) -> list[Prediction]:
    """One answer for anger and one for sadness of each speaker; sadness is always recognised."""
    scores = {"anger": 0.5, "sadness": 0.5, "no emotion": 0.0}
    return [
        Prediction(f"{speaker}/{truth}", speaker, 0, 1, truth, answer if truth == "anger" else truth, scores)
        for speaker in speakers
        for truth in ("anger", "sadness")
    ]


def test_no_emotion_counts_as_wrong_and_is_no_class_of_its_own(robustness: ModuleType) -> None:
    clean, noisy = robustness.rows_of({"clean": said("anger"), "noise": said("no emotion")}, None)
    assert (clean.scores.ua, clean.none, clean.cost) == (1.0, 0.0, None)
    assert (noisy.scores.ua, noisy.none, noisy.cost.value) == (0.5, 0.5, -0.5)
    assert robustness.cells(noisy) == ["noise", "0.500", "[0.500, 0.500]", "-0.500 [-0.500, -0.500]", "0.500"]


def test_another_run_is_set_beside_and_drawn(robustness: ModuleType) -> None:
    before, after = {"clean": said("sadness")}, {"clean": said("anger")}
    (row,) = robustness.rows_of(before, after)
    assert (row.scores.ua, row.other.ua, row.gain.value) == (0.5, 1.0, 0.5)
    assert len(robustness.cells(row)) == 8
    assert robustness.timeline_png([row], ["before", "after"]).startswith(b"\x89PNG")


def test_one_speaker_has_no_intervals(robustness: ModuleType) -> None:
    rows = robustness.rows_of({"clean": said("anger", ("ann",)), "noise": said("sadness", ("ann",))}, None)
    assert [robustness.cells(row) for row in rows] == [
        ["clean", "1.000", "", "", "0.000"],
        ["noise", "0.500", "", "", "0.000"],
    ]
    assert robustness.timeline_png(rows, ["run"]).startswith(b"\x89PNG")

"""The benchmark's own logic: lines of JSON, medians in turn, tables and goals. Nothing here is timed."""

import doctest
import importlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from emotrace.errors import RunError
from emotrace.evaluation.predictions import Prediction

Loader = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Loader:
    """A module of bench/, whose scripts see one another as they do when run."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module


@pytest.mark.parametrize(
    "name",
    [
        "speed.findings",
        "speed.goals",
        "speed.report",
        "speed.environment",
        "scaling",
        "known_voices",
        "seeds",
    ],
)
def test_the_examples_run(load: Loader, name: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    tried = doctest.testmod(load(name), optionflags=flags)
    assert tried.attempted > 0
    assert not tried.failed


class Adder:
    """A peer that adds, and knows better than the clock how long that took."""

    def add(self, a: int, b: int) -> dict[str, float]:
        return {"sum": a + b, "seconds": 7.0}

    def nothing(self) -> None:
        """A call that says nothing."""


def answers(load: Loader, *questions: dict[str, object]) -> list[dict[str, object]]:
    """What the adder answers."""
    said = io.StringIO()
    lines = [json.dumps(question) + "\n" for question in questions]
    load("peers.answering").answer(Adder(), lines, said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_each_question_has_one_answer_in_order(load: Loader) -> None:
    first, second = answers(
        load, {"call": "add", "given": {"a": 1, "b": 2}}, {"call": "nothing", "given": {}}
    )
    assert (first["sum"], first["seconds"]) == (3, 7.0)
    assert 0 <= float(str(second["seconds"])) < 7


def test_an_error_is_an_answer_too_and_the_next_question_is_heard(load: Loader) -> None:
    failed, fine = answers(
        load, {"call": "add", "given": {"a": 1, "b": "x"}}, {"call": "add", "given": {"a": 1, "b": 1}}
    )
    assert "TypeError" in str(failed["error"])
    assert fine["sum"] == 2


def test_a_peer_that_fails_is_named_and_the_others_go_on(
    load: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings, worker = load("speed.findings"), load("speed.worker")
    monkeypatch.setattr(findings, "PAUSE_S", 0)
    turns = []

    def broken() -> float:
        turns.append("broken")
        raise worker.WorkerError("fell over")

    def ours() -> float:
        turns.append("ours")
        return float(len(turns))

    found = findings.Findings()
    found.alternate({"row/broken": broken, "row/ours": ours}, rounds=2, warm=1)
    assert turns == ["broken", "ours", "ours", "ours"]
    assert found.times == {"row/ours": [3.0, 4.0]}
    assert found.missing == {"row/broken": "fell over"}
    with pytest.raises(worker.WorkerError):
        found.alternate({"row/ours": broken}, rounds=1)


def test_what_is_missing_is_said_loudly_and_leaves_its_goals_open(load: Loader) -> None:
    found = load("speed.findings").Findings(
        times={"clip/ours": [0.02, 0.03, 0.01], "cold/ours": [0.9]}, missing={"egemaps": "no wheel"}
    )
    text = load("speed.report").markdown(found)
    assert "**NOT MEASURED: egemaps**: no wheel" in text
    assert "| cold start of `predict` on 2 s, processor time | under 0.8 s | 0.9 s | **no** |" in text
    assert "one core, beside openSMILE eGeMAPS | at least 2 times | **not measured** | ? |" in text
    assert "| emotrace | 20 ms | 10 to 30 |" in text


def test_every_goal_and_every_row_has_a_place_in_the_table(load: Loader) -> None:
    report, goals, learning = load("speed.report"), load("speed.goals"), load("speed.learning")
    named = [name for goal in goals.GOALS for name in (goal.slow, goal.fast) if name]
    for name in named:
        row, who = name.split("/")
        assert row in report.ROWS
        assert who in report.NAMES
    assert set(learning.STEPS) <= set(report.ROWS)


def test_an_ensemble_is_set_beside_its_seeds(load: Loader) -> None:
    """Two models of three that are wrong about an utterance may be outvoted by the third's certainty."""

    def said(seed: int, file: str, truth: str, anger: float) -> Prediction:
        scores = {"anger": anger, "rest": 1 - anger}
        return Prediction(file, file[0], 0, seed, truth, max(scores, key=scores.__getitem__), scores)

    predictions = [
        said(seed, file, truth, anger)
        for seed, (one, other) in enumerate([(0.4, 0.1), (0.4, 0.2), (0.9, 0.3)], 1)
        for file, truth, anger in (("a1", "anger", one), ("b1", "rest", other), ("b2", "anger", 0.8))
    ]
    rows = load("seeds").measured("made", predictions)
    assert [row["of"] for row in rows] == ["seed 1", "seed 2", "seed 3", "all", "mean of their scores"]
    assert [row["UA"][:5] for row in rows] == ["0.750", "0.750", "1.000", "0.833", "1.000"]
    assert rows[3]["more"] == "UA of the seeds 0.833 ± 0.144"
    assert rows[4]["more"].startswith("UA +0.167")
    with pytest.raises(RunError, match="has one seed"):
        load("seeds").measured("made", predictions[:3])

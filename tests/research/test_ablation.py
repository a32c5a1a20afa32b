"""Levers are judged by validation speakers alone, share fronts that stay as they are, say what they do."""

import csv
import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from emotrace.errors import RecipeError
from emotrace.evaluation.predictions import Prediction, read_predictions
from emotrace.training.progress import Epoch, no_progress
from emotrace.training.split import Experiment

BENCH = Path(__file__).parents[2] / "research"


@pytest.fixture
def ablate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("ablate")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("ablation_report")


def said(speaker: str, number: int, right: bool, sure: float = 0.5) -> Prediction:
    """One answer, whose true emotion, anger, has the score `sure`."""
    scores = {"anger": sure, "rest": 1 - sure}
    return Prediction(f"{speaker}/{number}", speaker, 0, 1, "anger", "anger" if right else "rest", scores)


@pytest.fixture
def outcome(report: ModuleType) -> Callable[..., object]:
    """What a lever came to: `outcome("base", rights={"ann": [True, False]})`."""

    def make(name: str, rights: dict[str, list[bool]], sure: float = 0.5) -> object:
        predictions = tuple(
            said(speaker, number, right, sure)
            for speaker, answers in rights.items()
            for number, right in enumerate(answers)
        )
        return report.Outcome(name, "why", predictions, "its own", 60.0)

    return make


@pytest.mark.parametrize("file", sorted(BENCH.glob("levers/*.toml")), ids=lambda path: path.stem)
def test_a_lever_is_one_to_four_lines_that_change_the_default(ablate: ModuleType, file: Path) -> None:
    _, lever = ablate.read_levers(file.parent, [file.stem], [])
    assert 1 <= len(file.read_text().splitlines()[1:]) <= 4
    assert lever.why
    assert not lever.recipe.refit_on_validation


def test_only_levers_that_leave_the_front_alone_share_that_of_the_base(
    ablate: ModuleType, network_alone: Experiment, tmp_path: Path
) -> None:
    plan = ablate.Plan(network_alone, ablate.read_levers(ablate.LEVERS, [], []), (0,), (1,), tmp_path)
    base, *others = [[lever.name for lever in levers] for levers in plan.sharing]
    assert {"base", "heads-4", "single-target", "adadelta-literal", "no-changing"} <= set(base)
    alone = {"bands-64", "width-24", "end-to-end", "no-averaging", "stage1-batch-8", "no-augmentation"}
    assert alone <= {name for (name,) in others}


def test_a_lever_that_changes_nothing_is_left_out(ablate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "same.toml").write_text("# nothing\nrefit_on_validation = true\n")
    assert [lever.name for lever in ablate.read_levers(tmp_path, [], [])] == ["base"]


@pytest.mark.parametrize(
    ("text", "words"), [("front.width = 8\n", "comment"), ("# why\nfront.widht = 8\n", "front.widht")]
)
def test_a_lever_without_a_reason_or_with_an_unknown_setting_is_refused(
    ablate: ModuleType, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "odd.toml").write_text(text)
    with pytest.raises(RecipeError, match=words):
        ablate.read_levers(tmp_path, [], [])
    with pytest.raises(RecipeError, match=r"has no other\.toml; it has odd"):
        ablate.read_levers(tmp_path, ["other"], [])


def test_levers_are_trained_once_asked_about_validation_speakers_and_share_a_front(
    ablate: ModuleType, network_alone: Experiment, network_alone_toml: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "levers"
    folder.mkdir()
    (folder / "wide.toml").write_text("# wider\nback.width = 16\n")
    levers = ablate.read_levers(folder, [], [network_alone_toml])
    plan = ablate.Plan(network_alone, levers, (0,), (1,), tmp_path / "out")
    told: list[Epoch] = []
    ablate.train(plan, 1, told.append)
    base, wide = (plan.folder(lever, 0, 1) for lever in levers)
    assert (base / "front-pcnse").exists()
    assert not (wide / "front-pcnse").exists()
    fold = plan.fold(0)
    for run in (base, wide):
        assert {p.speaker for p in read_predictions(run / "predictions.csv")} == set(fold.validation)
    with (plan.output / "levers.csv").open(newline="") as stream:
        rows = {row["lever"]: row for row in csv.DictReader(stream)}
    assert rows["wide"]["front"] == "that of base"
    page = (plan.output / "levers.md").read_text()
    assert "2 of 2 recipes" in page
    assert "wider" in page

    told.clear()
    ablate.train(plan, 1, told.append)
    assert not told

    alone = replace(plan, levers=levers[1:], output=tmp_path / "alone")
    ablate.train(alone, 1, no_progress)
    found = (alone.folder(levers[1], 0, 1) / "predictions.csv").read_text()
    assert found == (wide / "predictions.csv").read_text()


def test_a_difference_is_the_lever_less_the_base_and_its_interval_draws_the_same_speakers(
    report: ModuleType, outcome: Callable[..., object]
) -> None:
    base = outcome("base", {"ann": [True, False], "bea": [True, True]}, sure=0.5)
    lever = outcome("lever", {"ann": [True, True], "bea": [True, True]}, sure=0.25)
    row = report.row_of(lever, base)
    assert row["validation_ua"] == 1.0
    assert (row["ua_low"], row["ua_difference"], row["ua_high"]) == (0.0, 0.25, 0.5)
    # Half the score costs one bit, whoever is drawn.
    bit = pytest.approx(0.6931, abs=1e-4)
    assert (row["loss_low"], row["loss_difference"], row["loss_high"]) == (bit, bit, bit)
    assert "ua_difference" not in report.row_of(base, base)


def test_the_least_loss_comes_first_and_the_report_says_what_its_figures_are(
    report: ModuleType, outcome: Callable[..., object], tmp_path: Path
) -> None:
    rights = {"ann": [True], "bea": [False]}
    report.write_outcomes(
        tmp_path, "corpus", "How.", [outcome("base", rights), outcome("better", rights, sure=0.9)]
    )
    page = (tmp_path / "levers.md").read_text()
    assert page.index("| better |") < page.index("| base |")
    assert "each validation speaker is a test speaker in another fold" in page
    assert "ann, bea: 2 answers" in page

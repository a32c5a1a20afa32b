"""`research/ablate.py`: variants are compared on validation speakers; equal fronts are shared."""

import csv
import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from emotrace.errors import RecipeError
from emotrace.evaluation.predictions import Prediction, read_predictions
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, no_progress

RESEARCH = Path(__file__).parents[2] / "research"


@pytest.fixture
def ablate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(RESEARCH)
    return importlib.import_module("ablate")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(RESEARCH)
    return importlib.import_module("ablation_report")


def write_variants(folder: Path, **settings: str) -> list[Path]:
    """A recipe file for each name."""
    files = []
    for name, text in settings.items():
        files.append(folder / f"{name}.toml")
        files[-1].write_text(text)
    return files


def prediction(speaker: str, number: int, correct: bool, score: float = 0.5) -> Prediction:
    """A prediction for an utterance whose emotion, anger, gets this score."""
    scores = {"anger": score, "rest": 1 - score}
    return Prediction(f"{speaker}/{number}", speaker, 0, 1, "anger", "anger" if correct else "rest", scores)


@pytest.fixture
def outcome(report: ModuleType) -> Callable[..., object]:
    """An outcome from correct and wrong predictions: `outcome("base", {"ann": [True, False]})`."""

    def build(name: str, correct: dict[str, list[bool]], score: float = 0.5) -> object:
        predictions = tuple(
            prediction(speaker, number, right, score)
            for speaker, rights in correct.items()
            for number, right in enumerate(rights)
        )
        return report.Outcome(name, "description", predictions, "base", 60.0)

    return build


def test_only_variants_with_equal_fronts_share_one(
    ablate: ModuleType, network_alone: Experiment, tmp_path: Path
) -> None:
    files = write_variants(
        tmp_path,
        heads="# four heads\nback.heads = 4\n",
        single='ctc_target = "single"\n',
        wide="front.width = 24\n",
        batches="stage1.batch_size = 8\n",
    )
    plan = ablate.Plan(network_alone, ablate.read_variants(files, []), (0,), (1,), tmp_path)
    names = [[variant.name for variant in group] for group in plan.groups]
    assert names == [["base", "heads", "single"], ["wide"], ["batches"]]
    assert [variant.description for variant in plan.variants] == ["default", "four heads", "", "", ""]


def test_validation_speakers_never_train(ablate: ModuleType, tmp_path: Path) -> None:
    (file,) = write_variants(tmp_path, refit="refit_on_validation = true\nback.heads = 2\n")
    assert not any(variant.recipe.refit_on_validation for variant in ablate.read_variants([file], []))


@pytest.mark.parametrize(
    ("text", "words"),
    [("refit_on_validation = true\n", "changes no setting"), ("front.widht = 8\n", "front.widht")],
)
def test_a_variant_without_change_or_with_an_unknown_setting_is_refused(
    ablate: ModuleType, tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        ablate.read_variants(write_variants(tmp_path, odd=text), [])


def test_two_variants_of_one_name_are_refused(ablate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = write_variants(tmp_path, a="front.width = 8\n")
    files += write_variants(tmp_path / "other", a="front.width = 24\n")
    with pytest.raises(RecipeError, match="the name of another variant"):
        ablate.read_variants(files, [])


def test_variants_are_trained_once_and_evaluated_on_validation_speakers(
    ablate: ModuleType, network_alone: Experiment, network_alone_toml: Path, tmp_path: Path
) -> None:
    files = write_variants(tmp_path, wide="# wider\nback.width = 16\n")
    variants = ablate.read_variants(files, [network_alone_toml])
    plan = ablate.Plan(network_alone, variants, (0,), (1,), tmp_path / "out")
    epochs: list[Epoch] = []
    ablate.train(plan, 1, epochs.append)
    base, wide = (plan.folder(variant, 0, 1) for variant in variants)
    assert (base / "front-pcnse").exists()
    assert not (wide / "front-pcnse").exists()
    fold = plan.fold(0)
    for run in (base, wide):
        assert {p.speaker for p in read_predictions(run / "predictions.csv")} == set(fold.validation)
    with (plan.output / "ablation.csv").open(newline="") as stream:
        rows = {row["variant"]: row for row in csv.DictReader(stream)}
    assert rows["wide"]["front"] == "base"
    page = (plan.output / "ablation.md").read_text()
    assert "2 of 2 recipes" in page
    assert "wider" in page

    epochs.clear()
    ablate.train(plan, 1, epochs.append)
    assert not epochs

    alone = replace(plan, variants=variants[1:], output=tmp_path / "alone")
    ablate.train(alone, 1, no_progress)
    found = (alone.folder(variants[1], 0, 1) / "predictions.csv").read_text()
    assert found == (wide / "predictions.csv").read_text()


def test_differences_are_variant_minus_base_with_the_same_resampled_speakers(
    report: ModuleType, outcome: Callable[..., object]
) -> None:
    base = outcome("base", {"ann": [True, False], "bea": [True, True]}, score=0.5)
    variant = outcome("variant", {"ann": [True, True], "bea": [True, True]}, score=0.25)
    row = report.variant_row(variant, base)
    assert row["validation_ua"] == 1.0
    assert (row["ua_low"], row["ua_difference"], row["ua_high"]) == (0.0, 0.25, 0.5)
    # Half the score costs one bit for every resample.
    bit = pytest.approx(0.6931, abs=1e-4)
    assert (row["loss_low"], row["loss_difference"], row["loss_high"]) == (bit, bit, bit)
    assert "ua_difference" not in report.variant_row(base, base)


def test_the_lowest_loss_comes_first(
    report: ModuleType, outcome: Callable[..., object], tmp_path: Path
) -> None:
    correct = {"ann": [True], "bea": [False]}
    outcomes = [outcome("base", correct), outcome("better", correct, score=0.9)]
    report.write_outcomes(tmp_path, "corpus", "Summary.", outcomes)
    page = (tmp_path / "ablation.md").read_text()
    assert page.index("| better |") < page.index("| base |")
    assert "each\nvalidation speaker is a test speaker in another fold" in page
    assert "ann, bea: 2 predictions" in page

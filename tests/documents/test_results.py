"""What stands under results/ can be recomputed from the predictions beside it."""

import json
from pathlib import Path

import pytest

from emotrace.evaluation.metrics import score_predictions, spread
from emotrace.evaluation.predictions import read_predictions

RESULTS = Path(__file__).parents[2] / "results"
CROSSVALS = sorted(path.parent for path in RESULTS.glob("*/predictions.csv"))


def test_there_are_results() -> None:
    assert CROSSVALS


@pytest.mark.parametrize("folder", CROSSVALS, ids=lambda folder: folder.name)
def test_published_figures_follow_from_the_predictions(folder: Path) -> None:
    predictions = read_predictions(folder / "predictions.csv")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(score_predictions(predictions).as_dict()))
    assert found == metrics["pooled"]
    assert vars(spread(predictions, "fold")) == metrics["over_folds"]
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert f"| UA (UAR) | {found['ua']:.3f} |" in page
    assert f"| WA (accuracy) | {found['wa']:.3f} |" in page


@pytest.mark.parametrize("folder", CROSSVALS, ids=lambda folder: folder.name)
def test_no_speaker_validates_the_model_that_tests_them(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    tested: dict[int, set[str]] = {}
    for fold in metrics["folds"]:
        assert not set(fold["test"]) & set(fold["validation"])
        tested.setdefault(fold["seed"], set()).update(fold["test"])
    for prediction in read_predictions(folder / "predictions.csv"):
        assert prediction.speaker in tested[prediction.seed]
        (own,) = [
            f for f in metrics["folds"] if f["fold"] == prediction.fold and f["seed"] == prediction.seed
        ]
        assert prediction.speaker in own["test"]


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("emodb-loso10", ("wa", "ua")),
        ("ravdess-6x2", ("ua",)),
        ("encoder-emodb", ("ua",)),
        ("encoder-ravdess", ("ua",)),
    ],
)
def test_the_readme_states_the_published_figures(folder: str, names: tuple[str, ...]) -> None:
    readme = (RESULTS.parent / "README.md").read_text(encoding="utf-8")
    pooled = json.loads((RESULTS / folder / "metrics.json").read_text(encoding="utf-8"))["pooled"]
    for name in names:
        low, high = pooled[f"{name}_interval"]
        assert f"{pooled[name]:.3f} [{low:.3f}, {high:.3f}]" in readme

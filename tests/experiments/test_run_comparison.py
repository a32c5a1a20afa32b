"""Comparisons agree with other implementations, and need the same utterances."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, recall_score

from emotrace.cli.app import main
from emotrace.corpora import CORPORA, OpenCorpus, Utterance
from emotrace.errors import RunError
from emotrace.evaluation.predictions import Prediction, write_predictions
from emotrace.experiments.run_comparison import compare
from emotrace.recipe import Recipe

LABELS = ("anger", "sadness")


def random_predictions(accuracy: float, seed: int) -> list[Prediction]:
    """Predictions of a system for sixty utterances of six speakers."""
    draw = random.Random(seed)
    predictions = []
    for i in range(60):
        truth, other = LABELS[i % 7 > 2], LABELS[i % 7 <= 2]
        predicted = truth if draw.random() < accuracy else other
        predictions.append(
            Prediction(f"wav/{i}.wav", str(i % 6), i % 6, 1, truth, predicted, dict.fromkeys(LABELS, 0.5))
        )
    return predictions


PREDICTIONS = (random_predictions(0.9, 1), random_predictions(0.5, 2), random_predictions(0.7, 3))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Sequence[Prediction]], Path]:
    """Write a run's predictions: `write("a", predictions)`."""

    def written(name: str, predictions: Sequence[Prediction]) -> Path:
        write_predictions(tmp_path / name / "predictions.csv", predictions)
        (tmp_path / name / "recipe.json").write_text(f'{{"system": "system-{name}"}}')
        return tmp_path / name

    return written


@pytest.fixture
def runs(write: Callable[[str, Sequence[Prediction]], Path]) -> list[Path]:
    """Three runs, the second in another order."""
    first, second, third = PREDICTIONS
    return [write("a", first), write("b", second[::-1]), write("c", third)]


@pytest.fixture
def corpus() -> OpenCorpus:
    """Speakers 0, 1 and 2 are women, 3 and 4 are men, of 5 nothing is known; no sound can be read."""
    sexes = {"0": "female", "1": "female", "2": "female", "3": "male", "4": "male"}
    utterances = [
        Utterance(p.file, Path(p.file), p.truth, "x", p.speaker, sex=sexes.get(p.speaker))
        for p in random_predictions(1, 0)
    ]
    return OpenCorpus(CORPORA["emodb"], tuple(utterances))


def call(capfd: pytest.CaptureFixture[str], *tokens: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["compare", *map(str, tokens)])
    out, err = capfd.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


def test_metrics_agree_with_scikit_learn_and_scipy(runs: list[Path], corpus: OpenCorpus) -> None:
    found = compare(runs, corpus)
    first = PREDICTIONS[0]
    for run, predictions in zip(found, PREDICTIONS, strict=True):
        truth, predicted = [p.truth for p in predictions], [p.predicted for p in predictions]
        assert run.scores.ua == pytest.approx(balanced_accuracy_score(truth, predicted))
        recalls = recall_score(truth, predicted, labels=LABELS, average=None)
        assert list(run.by_emotion.values()) == pytest.approx(recalls)
        assert list(run.by_sex) == ["female", "male", "not stated"]
        women = [p for p in predictions if p.speaker in "012"]
        assert run.by_sex["female"].n == len(women) == 30
        assert run.by_sex["female"].wa == pytest.approx(sum(p.correct for p in women) / 30)
        if run.comparison is None:
            continue
        alone = [
            sum(a.correct > b.correct for a, b in zip(first, predictions, strict=True)),
            sum(a.correct < b.correct for a, b in zip(first, predictions, strict=True)),
        ]
        assert run.comparison.mcnemar.p == pytest.approx(binomtest(alone[0], sum(alone)).pvalue)
        assert run.comparison.ua is not None
        assert run.comparison.ua.value == pytest.approx(run.scores.ua - found[0].scores.ua)
    assert [run.comparison is None for run in found] == [True, False, False]
    assert [run.system for run in found] == ["system-a", "system-b", "system-c"]


def test_groups_are_empty_for_a_corpus_without_sex_and_durations(
    runs: list[Path], corpus: OpenCorpus
) -> None:
    nobodys = replace(corpus, utterances=tuple(replace(u, sex=None) for u in corpus.utterances))
    assert [(run.by_sex, run.by_length) for run in compare(runs, nobodys)] == 3 * [({}, {})]


def test_utterances_are_grouped_by_duration(runs: list[Path], corpus: OpenCorpus) -> None:
    samples = np.zeros(8000, np.float32)
    sounds = {
        0: {"audio": (samples, 8000)},  # 1 s
        1: {"audio": (samples, 4000)},  # 2 s, the most that is short
        2: {"start_s": 1.0, "end_s": 3.5},
        3: {"audio": (samples, 1000), "start_s": 2.0},
        4: {"end_s": 9.0},
    }
    utterances = tuple(replace(u, **sounds[i % 5]) for i, u in enumerate(corpus.utterances))
    groups = dict(zip((u.name for u in utterances), 12 * [0, 0, 1, 2, 2], strict=True))
    for run, predictions in zip(
        compare(runs, replace(corpus, utterances=utterances)), PREDICTIONS, strict=True
    ):
        assert list(run.by_length) == ["0 to 2 s", "2 to 5 s", "over 5 s"]
        for group, scores in enumerate(run.by_length.values()):
            of = [p for p in predictions if groups[p.file] == group]
            assert scores.n == len(of) == (24, 12, 24)[group]
            assert scores.wa == pytest.approx(sum(p.correct for p in of) / len(of))


def test_a_corpus_without_the_utterances_is_refused(runs: list[Path], corpus: OpenCorpus) -> None:
    with pytest.raises(
        RunError,
        match=r"emodb has no utterance wav/59.wav \(1 such\); give the corpus of the runs with --corpus",
    ):
        compare(runs, replace(corpus, utterances=corpus.utterances[:-1]))


def test_text_and_json_have_the_same_values(
    runs: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capfd, *runs, "--json")
    assert (code, err) == (0, "")
    reported = json.loads(out)
    assert [run["run"] for run in reported] == [str(run) for run in runs]
    assert list(reported[0]) == [
        "run", "system", "differs_in", "n", "wa", "ua", "macro_f1", "wa_interval", "ua_interval",
        "by_emotion", "by_sex", "by_length", "against_first",
    ]  # fmt: skip
    assert reported[0]["against_first"] is None
    second = reported[1]["against_first"]
    assert second["ua"]["difference"] == pytest.approx(reported[1]["ua"] - reported[0]["ua"])
    low, high = second["ua"]["interval"]
    assert low <= second["ua"]["difference"] <= high < 0
    assert second["mcnemar"]["p"] <= second["mcnemar"]["p_holm"]
    code, out, err = call(capfd, *runs)
    assert (code, err) == (0, "")
    assert out.startswith("60 predictions for 6 speakers, the same for all runs\n")
    assert f"{second['ua']['difference']:+.3f}" in out
    assert "each p is corrected for 2 comparisons (Holm)" in out
    assert f"2  {tmp_path / 'b'}  system-b" in out


def test_the_settings_in_which_runs_differ_are_named(
    runs: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    for folder, recipe in zip(runs, (Recipe(), Recipe(stage2_views=6), Recipe()), strict=True):
        fingerprint = {"system": "pcnse", "recipe": recipe.model_dump(mode="json")}
        (folder / "recipe.json").write_text(json.dumps(fingerprint))
    old = json.loads((runs[2] / "recipe.json").read_text())
    del old["recipe"]["stage2_views"]  # as written before this setting existed
    (runs[2] / "recipe.json").write_text(json.dumps(old))
    assert [run.differs_in for run in compare(runs)] == [(), ("recipe.stage2_views",), ()]
    code, out, _ = call(capfd, *runs)
    assert code == 0
    assert (
        "\n2 differs from 1 in recipe.stage2_views\n"
        "3 differs from 1 in no setting that its folder records\n" in out
    )
    (runs[1] / "recipe.json").unlink()
    assert [run.differs_in for run in compare(runs)] == [(), None, ()]


def test_the_error_for_runs_that_cannot_be_compared_is_one_line(
    runs: list[Path], write: Callable[[str, Sequence[Prediction]], Path], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    fewer = write("fewer", random_predictions(0.9, 1)[1:])
    first, *others = random_predictions(0.9, 1)
    lie = replace(first, truth="sadness", predicted="sadness")
    other_truth = write("other", [lie, *others])
    for tokens, words in (
        ((runs[0],), "found 1 run; give two or more"),
        ((runs[0], fewer), f"{runs[0]} and {fewer} cannot be compared: of 60 and 59 predictions 1 have no"),
        ((runs[0], runs[1], other_truth), "wav/0.wav is anger by 0"),
        ((runs[0], tmp_path / "none"), "predictions.csv does not exist"),
        ((*runs, "--root", tmp_path), "--root and options of a corpus need a corpus; name it"),
    ):
        code, out, err = call(capfd, *tokens)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert words in err

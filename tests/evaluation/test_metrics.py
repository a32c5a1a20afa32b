import itertools
import json
import random

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from emotrace.evaluation.metrics import (
    confusion_by_speaker,
    interval,
    mean_recall,
    resample_speakers,
    score,
    score_predictions,
    spread,
)
from emotrace.evaluation.predictions import Prediction

LABELS = ("anger", "happiness", "neutral", "sadness")


def utterances(n: int, speakers: int, seed: int = 0) -> tuple[list[str], list[str], list[str]]:
    """Truth, predictions that are right about half the time, and speakers."""
    draw = random.Random(seed)
    truth = [draw.choice(LABELS) for _ in range(n)]
    predicted = [t if draw.random() < 0.5 else draw.choice(LABELS) for t in truth]
    return truth, predicted, [str(draw.randrange(speakers)) for _ in range(n)]


def predictions(fold_of: dict[str, int], seeds: tuple[int, ...] = (1,)) -> list[Prediction]:
    truth, predicted, speakers = utterances(120, len(fold_of))
    scores = dict.fromkeys(LABELS, 0.25)
    return [
        Prediction(f"{i}.wav", s, fold_of[s], seed, t, p, scores)
        for seed in seeds
        for i, (t, p, s) in enumerate(zip(truth, predicted, speakers, strict=True))
    ]


def test_figures_agree_with_scikit_learn() -> None:
    truth, predicted, speakers = utterances(200, 10)
    scores = score(truth, predicted, speakers, LABELS)
    assert scores.wa == pytest.approx(accuracy_score(truth, predicted))
    assert scores.ua == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert scores.macro_f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert np.array_equal(scores.confusion, confusion_matrix(truth, predicted, labels=LABELS))
    assert (scores.n, scores.speakers, scores.labels) == (200, 10, LABELS)


def test_a_class_that_is_never_the_truth_does_not_count_in_ua() -> None:
    scores = score(["anger", "neutral"], ["anger", "sadness"], ["a", "b"], LABELS)
    assert scores.ua == pytest.approx(0.5)  # anger 1, neutral 0; happiness and sadness have no recall
    assert scores.macro_f1 == pytest.approx(1 / 3)  # anger 1, neutral 0, sadness 0


def test_the_interval_is_that_of_a_plain_loop_over_speakers() -> None:
    truth, predicted, speakers = utterances(300, 12)
    scores = score(truth, predicted, speakers, LABELS)
    assert scores.wa_interval is not None
    assert scores.ua_interval is not None

    draw, names, was, uas = random.Random(5), sorted(set(speakers)), [], []
    for _ in range(2000):
        chosen = [
            i for name in draw.choices(names, k=len(names)) for i, s in enumerate(speakers) if s == name
        ]
        drawn_truth, drawn = [truth[i] for i in chosen], [predicted[i] for i in chosen]
        was.append(accuracy_score(drawn_truth, drawn))
        uas.append(balanced_accuracy_score(drawn_truth, drawn))
    assert (scores.wa_interval.low, scores.wa_interval.high) == pytest.approx(
        np.quantile(was, [0.025, 0.975]), abs=0.006
    )
    assert (scores.ua_interval.low, scores.ua_interval.high) == pytest.approx(
        np.quantile(uas, [0.025, 0.975]), abs=0.006
    )


def test_resamples_of_three_speakers_are_the_27_possible_ones() -> None:
    truth, predicted, speakers = utterances(60, 3)
    by_speaker = confusion_by_speaker(truth, predicted, speakers, LABELS)
    possible = [by_speaker[list(drawn)].sum(axis=0) for drawn in itertools.product(range(3), repeat=3)]
    resampled = resample_speakers(by_speaker, 20_000)
    assert {matrix.tobytes() for matrix in resampled} == {matrix.tobytes() for matrix in possible}
    assert mean_recall(resampled).mean() == pytest.approx(mean_recall(np.array(possible)).mean(), abs=2e-3)


def test_a_resample_without_a_class_averages_the_others() -> None:
    # Only speaker b is ever angry: a resample of a alone has the recall of rest, 1, and is never nan.
    truth, predicted, speakers = ["rest", "rest", "anger"], ["rest", "rest", "rest"], ["a", "a", "b"]
    scores = score(truth, predicted, speakers, ("anger", "rest"))
    assert scores.ua_interval is not None
    assert (scores.ua_interval.low, scores.ua_interval.high) == (0.0, 1.0)


def test_the_interval_holds_the_figure_and_widens_with_fewer_speakers() -> None:
    truth, predicted, _ = utterances(400, 1)
    widths = []
    for speakers in (40, 4):
        blocks = [str(i * speakers // 400) for i in range(400)]
        scores = score(
            truth,
            [p if int(b) % 2 else t for t, p, b in zip(truth, predicted, blocks, strict=True)],
            blocks,
            LABELS,
        )
        assert scores.ua_interval is not None
        assert scores.ua_interval.low < scores.ua < scores.ua_interval.high
        widths.append(scores.ua_interval.high - scores.ua_interval.low)
    assert widths[0] < widths[1]


def test_one_seed_one_answer() -> None:
    data = utterances(100, 8)
    assert score(*data, LABELS, seed=3) == score(*data, LABELS, seed=3)
    assert score(*data, LABELS, seed=3).ua_interval != score(*data, LABELS, seed=4).ua_interval


def test_order_of_utterances_and_names_of_speakers_change_nothing() -> None:
    truth, predicted, speakers = utterances(100, 8)
    shuffled = random.Random(1).sample(list(zip(truth, predicted, speakers, strict=True)), 100)
    assert score(*map(list, zip(*shuffled, strict=True)), LABELS) == score(truth, predicted, speakers, LABELS)


def test_one_speaker_has_no_interval() -> None:
    scores = score(["anger", "neutral"], ["anger", "anger"], ["a", "a"], LABELS)
    assert scores.wa_interval is None
    assert scores.as_dict()["ua_interval"] is None
    assert "here there is one" in scores.as_text()


def test_the_dict_is_the_contracts_and_survives_json() -> None:
    scores = score(*utterances(50, 5), LABELS).as_dict()
    assert list(scores) == ["n", "wa", "ua", "macro_f1", "wa_interval", "ua_interval", "labels", "confusion"]
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_the_text_says_both_names_of_each_figure() -> None:
    scores = score(["anger", "rest", "rest"], ["anger", "rest", "anger"], ["a", "b", "b"], ("anger", "rest"))
    text = scores.as_text()
    assert text.startswith(
        "3 predictions, 2 speakers\nWA (accuracy)  0.667  [0.500, 1.000]\nUA (UAR)       0.750  ["
    )
    assert "rest                   1     1   50.0 %" in text


@pytest.mark.parametrize(
    ("truth", "predicted", "speakers", "message"),
    [
        ([], [], [], "found 0 true labels, 0 predicted ones and 0 speakers"),
        (["anger"], [], ["a"], "found 1 true labels, 0 predicted ones"),
        (["anger"], ["joy"], ["a"], "found the labels joy; expected only anger, happiness"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    truth: list[str], predicted: list[str], speakers: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score(truth, predicted, speakers, LABELS)


def test_pooling_counts_every_fold_and_seed() -> None:
    pooled = score_predictions(predictions({"0": 0, "1": 0, "2": 1, "3": 2}, seeds=(1, 2)))
    once = score_predictions(predictions({"0": 0, "1": 0, "2": 1, "3": 2}))
    assert (pooled.n, once.n) == (240, 120)
    assert pooled.ua == pytest.approx(once.ua)
    assert pooled.ua_interval == once.ua_interval  # the same utterances twice say no more than once


def test_spread_over_folds_is_mean_and_sample_deviation() -> None:
    everything = predictions({"0": 0, "1": 0, "2": 1, "3": 2}, seeds=(1, 2))
    uas = []
    for fold in range(3):
        mine = [p for p in everything if p.fold == fold]
        uas.append(balanced_accuracy_score([p.truth for p in mine], [p.predicted for p in mine]))
    over_folds = spread(everything)
    assert over_folds.groups == 3
    assert over_folds.ua_mean == pytest.approx(np.mean(uas))
    assert over_folds.ua_sd == pytest.approx(np.std(uas, ddof=1))
    assert spread(everything, by="seed").ua_sd == pytest.approx(0)
    assert spread([p for p in everything if p.fold == 0]).wa_sd is None


def test_the_interval_leaves_out_a_fortieth_at_each_end() -> None:
    ends = interval(np.linspace(0, 1, 10_001))
    assert (ends.low, ends.high) == pytest.approx((0.025, 0.975))

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
    """True labels, predicted labels of which about half are correct, and speakers."""
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


def test_metrics_agree_with_scikit_learn() -> None:
    truth, predicted, speakers = utterances(200, 10)
    metrics = score(truth, predicted, speakers, LABELS)
    assert metrics.wa == pytest.approx(accuracy_score(truth, predicted))
    assert metrics.ua == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert metrics.macro_f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert np.array_equal(metrics.confusion, confusion_matrix(truth, predicted, labels=LABELS))
    assert (metrics.n, metrics.speakers, metrics.labels) == (200, 10, LABELS)


def test_a_class_without_true_utterances_does_not_count_in_ua() -> None:
    metrics = score(["anger", "neutral"], ["anger", "sadness"], ["a", "b"], LABELS)
    assert metrics.ua == pytest.approx(0.5)  # anger 1, neutral 0; happiness and sadness have no recall
    assert metrics.macro_f1 == pytest.approx(1 / 3)  # anger 1, neutral 0, sadness 0


def test_the_interval_agrees_with_a_plain_loop_over_speakers() -> None:
    truth, predicted, speakers = utterances(300, 12)
    metrics = score(truth, predicted, speakers, LABELS)
    assert metrics.wa_interval is not None
    assert metrics.ua_interval is not None

    draw, names, was, uas = random.Random(5), sorted(set(speakers)), [], []
    truths, correct = np.array(truth), np.array(truth) == np.array(predicted)
    for _ in range(2000):
        chosen = [
            i for name in draw.choices(names, k=len(names)) for i, s in enumerate(speakers) if s == name
        ]
        was.append(correct[chosen].mean())
        uas.append(np.mean([correct[chosen][truths[chosen] == label].mean() for label in LABELS]))
    assert (metrics.wa_interval.low, metrics.wa_interval.high) == pytest.approx(
        np.quantile(was, [0.025, 0.975]), abs=0.006
    )
    assert (metrics.ua_interval.low, metrics.ua_interval.high) == pytest.approx(
        np.quantile(uas, [0.025, 0.975]), abs=0.006
    )


def test_resamples_of_three_speakers_are_the_27_possible_ones() -> None:
    truth, predicted, speakers = utterances(60, 3)
    by_speaker = confusion_by_speaker(truth, predicted, speakers, LABELS)
    possible = [by_speaker[list(drawn)].sum(axis=0) for drawn in itertools.product(range(3), repeat=3)]
    resampled = resample_speakers(by_speaker, 20_000)
    assert {matrix.tobytes() for matrix in resampled} == {matrix.tobytes() for matrix in possible}
    assert mean_recall(resampled).mean() == pytest.approx(mean_recall(np.array(possible)).mean(), abs=2e-3)


def test_a_resample_without_a_class_averages_the_other_classes() -> None:
    # Only speaker b has anger. A resample without b averages the recall of rest alone, which is 1, not nan.
    truth, predicted, speakers = ["rest", "rest", "anger"], ["rest", "rest", "rest"], ["a", "a", "b"]
    metrics = score(truth, predicted, speakers, ("anger", "rest"))
    assert metrics.ua_interval is not None
    assert (metrics.ua_interval.low, metrics.ua_interval.high) == (0.0, 1.0)


def test_the_interval_contains_the_value_and_is_wider_for_fewer_speakers() -> None:
    truth, predicted, _ = utterances(400, 1)
    widths = []
    for speakers in (40, 4):
        blocks = [str(i * speakers // 400) for i in range(400)]
        metrics = score(
            truth,
            [p if int(b) % 2 else t for t, p, b in zip(truth, predicted, blocks, strict=True)],
            blocks,
            LABELS,
        )
        assert metrics.ua_interval is not None
        assert metrics.ua_interval.low < metrics.ua < metrics.ua_interval.high
        widths.append(metrics.ua_interval.high - metrics.ua_interval.low)
    assert widths[0] < widths[1]


def test_the_interval_depends_only_on_data_and_seed() -> None:
    data = utterances(100, 8)
    assert score(*data, LABELS, seed=3) == score(*data, LABELS, seed=3)
    assert score(*data, LABELS, seed=3).ua_interval != score(*data, LABELS, seed=4).ua_interval


def test_the_order_of_utterances_does_not_matter() -> None:
    truth, predicted, speakers = utterances(100, 8)
    shuffled = random.Random(1).sample(list(zip(truth, predicted, speakers, strict=True)), 100)
    assert score(*map(list, zip(*shuffled, strict=True)), LABELS) == score(truth, predicted, speakers, LABELS)


def test_one_speaker_has_no_interval() -> None:
    metrics = score(["anger", "neutral"], ["anger", "anger"], ["a", "a"], LABELS)
    assert metrics.wa_interval is None
    assert metrics.as_dict()["ua_interval"] is None
    assert "No intervals: they need two" in metrics.as_text()


def test_the_dict_has_the_documented_keys_and_survives_json() -> None:
    metrics = score(*utterances(50, 5), LABELS).as_dict()
    assert list(metrics) == ["n", "wa", "ua", "macro_f1", "wa_interval", "ua_interval", "labels", "confusion"]
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_the_text_has_both_names_of_each_metric() -> None:
    metrics = score(["anger", "rest", "rest"], ["anger", "rest", "anger"], ["a", "b", "b"], ("anger", "rest"))
    text = metrics.as_text()
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
def test_unequal_lengths_and_unknown_labels_are_refused(
    truth: list[str], predicted: list[str], speakers: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score(truth, predicted, speakers, LABELS)


def test_pooling_counts_every_fold_and_seed() -> None:
    pooled = score_predictions(predictions({"0": 0, "1": 0, "2": 1, "3": 2}, seeds=(1, 2)))
    once = score_predictions(predictions({"0": 0, "1": 0, "2": 1, "3": 2}))
    assert (pooled.n, once.n) == (240, 120)
    assert pooled.ua == pytest.approx(once.ua)
    assert pooled.ua_interval == once.ua_interval  # repeated utterances add no information


def test_spread_over_folds_is_mean_and_sample_deviation() -> None:
    everything = predictions({"0": 0, "1": 0, "2": 1, "3": 2}, seeds=(1, 2))
    uas = []
    for fold in range(3):
        in_fold = [p for p in everything if p.fold == fold]
        uas.append(balanced_accuracy_score([p.truth for p in in_fold], [p.predicted for p in in_fold]))
    over_folds = spread(everything)
    assert over_folds.groups == 3
    assert over_folds.ua_mean == pytest.approx(np.mean(uas))
    assert over_folds.ua_sd == pytest.approx(np.std(uas, ddof=1))
    assert spread(everything, by="seed").ua_sd == pytest.approx(0)
    assert spread([p for p in everything if p.fold == 0]).wa_sd is None


def test_the_interval_leaves_out_2_5_per_cent_at_each_end() -> None:
    ends = interval(np.linspace(0, 1, 10_001))
    assert (ends.low, ends.high) == pytest.approx((0.025, 0.975))

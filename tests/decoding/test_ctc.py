"""Decoding against an enumeration of all paths of tiny inputs."""

import itertools

import numpy as np
import pytest

from emotrace.decoding.ctc import (
    average_scores,
    best_path,
    class_log_likelihoods,
    class_scores,
    log_scores,
    majority_vote,
    no_emotion_probability,
    sequence_log_likelihood,
)


def posteriors(seed: int, frames: int, classes: int, zeros: float = 0.0) -> np.ndarray:
    """Random posteriors, shape (frame, class); the fraction `zeros` of them is exactly zero."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.ones(classes), frames)
    return np.where(random.random(p.shape) < zeros, 0.0, p)


def logs(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(p)


def collapse(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def enumerated(p: np.ndarray) -> dict[tuple[int, ...], list[tuple[float, tuple[int, ...]]]]:
    """All paths with their probabilities, grouped by the sequence that they collapse to."""
    frames, classes = p.shape
    paths: dict[tuple[int, ...], list[tuple[float, tuple[int, ...]]]] = {}
    for path in itertools.product(range(classes), repeat=frames):
        probability = float(np.prod(p[np.arange(frames), path]))
        paths.setdefault(collapse(path, classes - 1), []).append((probability, path))
    return paths


TINY = [(frames, classes) for frames in range(1, 6) for classes in (2, 3, 4)]


@pytest.mark.parametrize("zeros", [0.0, 0.3])
@pytest.mark.parametrize(("frames", "classes"), TINY)
def test_class_likelihoods_are_the_sum_of_every_path(frames: int, classes: int, zeros: float) -> None:
    for seed in range(4):
        p = posteriors(seed, frames, classes, zeros)
        paths = enumerated(p)
        expected = [sum(probability for probability, _ in paths[(label,)]) for label in range(classes - 1)]
        np.testing.assert_allclose(np.exp(class_log_likelihoods(logs(p))), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("zeros", [0.0, 0.3])
@pytest.mark.parametrize(("frames", "classes"), TINY)
def test_sequence_likelihoods_are_the_sum_of_every_path(frames: int, classes: int, zeros: float) -> None:
    p = posteriors(7, frames, classes, zeros)
    paths = enumerated(p)
    for length in range(4):
        for labels in itertools.product(range(classes - 1), repeat=length):
            expected = sum(probability for probability, _ in paths.get(labels, []))
            found = np.exp(sequence_log_likelihood(logs(p), labels))
            assert found == pytest.approx(expected, rel=1e-12, abs=1e-300), labels


def test_the_likelihoods_of_all_sequences_sum_to_one() -> None:
    p = posteriors(3, 5, 3)
    total = sum(
        np.exp(sequence_log_likelihood(logs(p), labels))
        for length in range(6)
        for labels in itertools.product(range(2), repeat=length)
    )
    assert total == pytest.approx(1.0)


@pytest.mark.parametrize(("frames", "classes"), TINY)
def test_the_best_path_is_the_likeliest_of_all_paths(frames: int, classes: int) -> None:
    p = posteriors(11, frames, classes)
    _, likeliest = max(itertools.chain.from_iterable(enumerated(p).values()))
    runs = best_path(logs(p))
    assert tuple(run.label for run in runs) == collapse(likeliest, classes - 1)
    path = np.full(frames, classes - 1)
    for run in runs:
        path[run.start : run.stop] = run.label
    assert tuple(path) == likeliest


def test_padding_and_batch_mates_never_change_a_likelihood() -> None:
    lengths = [1, 7, 13, 20]
    utterances = [logs(posteriors(seed, length, 4)) for seed, length in enumerate(lengths)]
    batch = np.full((4, 20, 4), np.nan)
    for row, utterance in zip(batch, utterances, strict=True):
        row[: len(utterance)] = utterance
    together = class_log_likelihoods(batch, lengths)
    for row, utterance in zip(together, utterances, strict=True):
        np.testing.assert_allclose(row, class_log_likelihoods(utterance), rtol=1e-12)


def test_long_utterances_do_not_underflow() -> None:
    x = logs(posteriors(5, 5000, 5))
    fast = class_log_likelihoods(x)
    assert np.all(np.isfinite(fast))
    assert np.all(fast < -1000)
    slow = [sequence_log_likelihood(x, [label]) for label in range(4)]
    np.testing.assert_allclose(fast, slow, rtol=1e-12)
    assert class_scores(fast).sum() == pytest.approx(1.0)


def test_no_frames_give_no_emotion() -> None:
    assert class_log_likelihoods(np.zeros((0, 3))).tolist() == [-np.inf, -np.inf]
    assert sequence_log_likelihood(np.zeros((0, 3)), []) == 0.0
    assert best_path(np.zeros((0, 3))) == ()


def test_unknown_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        sequence_log_likelihood(np.zeros((2, 3)), [2])


def test_an_all_blank_utterance_has_no_majority() -> None:
    assert majority_vote(np.log([[0.1, 0.9], [0.4, 0.6]])) is None


def test_vote_scores_follow_the_majority_or_the_likelihood_if_all_is_blank() -> None:
    batch = np.stack([posteriors(seed, 12, 4) for seed in range(30)])
    batch[::3, :, -1] += 1  # blank leads in every frame
    x, lengths = np.log(batch), np.arange(30) % 12 + 1
    found = log_scores(x, lengths, "vote")
    all_blank = 0
    for row, p, length in zip(found, x, lengths, strict=True):
        winner = majority_vote(p[:length])
        if winner is None:
            np.testing.assert_allclose(row, class_log_likelihoods(p[:length]))
            all_blank += 1
        else:
            assert row.argmax() == winner
            assert np.exp(row).sum() == sum(run.stop - run.start for run in best_path(p[:length])) + 3 / 2
        np.testing.assert_array_equal(row, log_scores(p[:length], decoding="vote"))
    assert 10 <= all_blank < 30
    np.testing.assert_array_equal(log_scores(x, lengths), class_log_likelihoods(x, lengths))


def test_a_high_temperature_makes_scores_more_equal_and_keeps_their_order() -> None:
    likelihoods = np.array([-3.0, -1.0, -2.0])
    cold, hot = class_scores(likelihoods), class_scores(likelihoods, temperature=10.0)
    assert cold.max() > hot.max()
    assert np.argsort(cold).tolist() == np.argsort(hot).tolist()
    assert hot.sum() == pytest.approx(1.0)


def test_impossible_emotions_score_zero_unless_all_are_impossible() -> None:
    assert class_scores([-np.inf, -5.0]).tolist() == [0.0, 1.0]
    assert class_scores([-np.inf, -np.inf]).tolist() == [0.5, 0.5]


def test_longer_windows_have_more_weight() -> None:
    np.testing.assert_allclose(average_scores([[1, 0], [0, 1]], [5.0, 2.5]), [2 / 3, 1 / 3])


@pytest.mark.parametrize(("frames", "classes"), TINY)
@pytest.mark.parametrize("odds", [0.2, 1.0, 30.0])
def test_the_odds_of_the_empty_sequence_are_multiplied(frames: int, classes: int, odds: float) -> None:
    p = posteriors(frames * 10 + classes, frames, classes)
    empty = sum(probability for probability, _ in enumerated(p)[()])
    expected = empty * odds / (empty * odds + 1 - empty)
    assert no_emotion_probability(logs(p), np.log(odds)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("log_odds", [-1e4, 0.0, 1e4, -np.inf])
@pytest.mark.parametrize("blank", [0.0, 1.0, 1.0 + 1e-7])
def test_certain_blanks_give_a_probability_despite_rounding(blank: float, log_odds: float) -> None:
    found = no_emotion_probability(logs(np.array([[1 - min(blank, 1.0), blank]] * 50)), log_odds)
    assert 0 <= found <= 1
    if log_odds == 0:
        assert found == pytest.approx(min(blank, 1.0))

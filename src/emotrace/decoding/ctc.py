"""Decoding of CTC frame posteriors to a label, its scores and runs of frames. NumPy only, in the log domain.

Posteriors are natural logarithms of shape (frame, class), K emotions first and the blank last. An impossible
class is -inf. Sums are in double precision. Source: Graves et al. (2006), "Connectionist temporal
classification".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Decoding = Literal["likelihood", "vote"]


@dataclass(frozen=True, slots=True)
class FrameRun:
    """Frames `start` to `stop - 1` of a path, all with the emotion of index `label`."""

    label: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Frames:
    """A model's outputs for consecutive frames.

    Attributes:
        posteriors: probabilities, shape (frame, K + 1), blank last
        scores: log-likelihood per second that the functionals classifier, applied to a segment around each
            frame, adds to each emotion and, last, to "no emotion", shape (frame, K + 1); zeros for models
            without functionals
    """

    posteriors: Floats
    scores: Floats

    @classmethod
    def from_posteriors(cls, posteriors: npt.ArrayLike) -> "Frames":
        """Frames without scores of functionals.

        >>> Frames.from_posteriors([[0.5, 0.3, 0.2]]).scores
        array([[0., 0., 0.]])
        """
        rows = np.asarray(posteriors, dtype=np.float64)
        return cls(rows, np.zeros(rows.shape))

    def __len__(self) -> int:
        return len(self.posteriors)

    def __getitem__(self, frames: slice) -> "Frames":
        return Frames(self.posteriors[frames], self.scores[frames])

    def __add__(self, after: "Frames") -> "Frames":
        """These frames followed by `after`."""
        return Frames(
            np.concatenate([self.posteriors, after.posteriors]), np.concatenate([self.scores, after.scores])
        )


def class_log_likelihoods(log_posteriors: npt.ArrayLike, lengths: npt.ArrayLike | None = None) -> Floats:
    """Exact log p(l_c | X) of each one-emotion sequence l_c = (c): the sum over all paths blank* c+ blank*.

    Each frame is a 3 x 3 upper triangular matrix of transitions between the states 'before', 'in' and 'after'
    the emotion. Multiplying the matrices pairwise is the forward algorithm without a loop over time.

    Args:
        log_posteriors: shape (..., frame, K + 1), blank last
        lengths: number of frames that are not padding, shape (...); None if there is no padding

    Returns:
        log-likelihoods of shape (..., K)

    >>> p = np.array([[0.5, 0.1, 0.4], [0.2, 0.3, 0.5]])  # two frames, two emotions
    >>> np.exp(class_log_likelihoods(np.log(p))).round(3)  # 0.5*0.2 + 0.5*0.5 + 0.4*0.2, and so on
    array([0.43, 0.2 ])
    """
    x = np.asarray(log_posteriors, dtype=np.float64)
    frames = x.shape[-2]
    real = np.arange(frames) < (frames if lengths is None else np.asarray(lengths)[..., None])
    power_of_two = 1 << max(0, frames - 1).bit_length()
    shape = (*x.shape[:-2], power_of_two, x.shape[-1] - 1)

    def transitions(log_probability: Floats | float, padding: float) -> Floats:
        padded = np.full(shape, padding)
        padded[..., :frames, :] = np.where(real[..., None], log_probability, padding)
        return padded

    # The entries of the matrices. 'after to after' is all blank, so it equals 'before to before'.
    before_before, before_in = transitions(x[..., -1:], 0.0), transitions(x[..., :-1], -np.inf)
    in_in, in_after = transitions(x[..., :-1], 0.0), transitions(x[..., -1:], -np.inf)
    before_after = np.full(shape, -np.inf)
    while before_in.shape[-2] > 1:
        (bb, bb2), (bi, bi2), (ba, ba2), (ii, ii2), (ia, ia2) = (
            (entry[..., 0::2, :], entry[..., 1::2, :])
            for entry in (before_before, before_in, before_after, in_in, in_after)
        )
        before_before, in_in = bb + bb2, ii + ii2
        before_in = np.logaddexp(bb + bi2, bi + ii2)
        before_after = np.logaddexp(np.logaddexp(bb + ba2, bi + ia2), ba + bb2)
        in_after = np.logaddexp(ii + ia2, ia + bb2)
    likelihoods: Floats = np.logaddexp(before_in, before_after)[..., 0, :]
    return likelihoods


def sequence_log_likelihood(log_posteriors: npt.ArrayLike, labels: Sequence[int]) -> float:
    """Log p(labels | X) of any sequence of emotions, by the forward algorithm of Graves et al. (2006), 4.1.

    The empty sequence is the all-blank path. A repeated emotion needs a blank between its two runs.

    Args:
        log_posteriors: shape (frame, K + 1), blank last
        labels: emotions as indices 0 … K - 1

    Raises:
        ValueError: if a label is not one of the K emotions

    >>> half = np.log(np.full((3, 2), 0.5))  # one emotion and blank
    >>> float(np.exp(sequence_log_likelihood(half, [0, 0])).round(3))  # only: emotion, blank, emotion
    0.125
    """
    x = np.asarray(log_posteriors, dtype=np.float64)
    blank = x.shape[-1] - 1
    if any(not 0 <= label < blank for label in labels):
        raise ValueError(f"expected labels from 0 to {blank - 1}, found {list(labels)}")
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    # A path may skip the blank between two different emotions.
    may_skip = np.zeros(len(states), dtype=bool)
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    forward = np.full(len(states), -np.inf)
    forward[0] = 0.0
    for frame in x:
        stepped = np.logaddexp(forward, np.concatenate([[-np.inf], forward[:-1]]))
        skipped = np.concatenate([[-np.inf, -np.inf], forward[:-2]])[: len(states)]
        forward = np.where(may_skip, np.logaddexp(stepped, skipped), stepped) + frame[states]
    return float(np.logaddexp.reduce(forward[-2:]))


def no_emotion_probability(log_posteriors: npt.ArrayLike, log_odds: float = 0.0) -> float:
    """Probability of "no emotion": the empty sequence's likelihood, with `log_odds` added to its log-odds.

    Shape: (frame, K + 1), blank last.

    >>> half = np.log(np.full((3, 2), 0.5))
    >>> round(no_emotion_probability(half), 3), round(no_emotion_probability(half, np.log(7)), 3)
    (0.125, 0.5)
    """
    log_empty = min(float(np.asarray(log_posteriors, dtype=np.float64)[:, -1].sum()), -1e-12)
    log_not_empty = np.log(-np.expm1(log_empty))
    return float(np.exp(-np.logaddexp(0.0, log_not_empty - log_empty - log_odds)))


def best_path(log_posteriors: npt.ArrayLike) -> tuple[FrameRun, ...]:
    """The likeliest class of each frame, collapsed to runs of one emotion; blanks separate runs.

    >>> best_path(np.log([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]]))
    (FrameRun(label=0, start=0, stop=2), FrameRun(label=1, start=3, stop=4))
    """
    x = np.asarray(log_posteriors, dtype=np.float64)
    if not len(x):
        return ()
    path = x.argmax(axis=-1)
    edges = np.flatnonzero(np.diff(path)) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(path)]])
    blank = x.shape[-1] - 1
    return tuple(
        FrameRun(int(path[start]), int(start), int(stop))
        for start, stop in zip(starts, stops, strict=True)
        if path[start] != blank
    )


def majority_vote(log_posteriors: npt.ArrayLike) -> int | None:
    """The emotion with most frames of the best path, blanks ignored: Han et al. (2018).

    A tie goes to the lower index. None if every frame is blank.

    >>> majority_vote(np.log([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8]]))
    1
    """
    x = np.asarray(log_posteriors, dtype=np.float64)
    votes = np.bincount(x.argmax(axis=-1), minlength=x.shape[-1])[:-1]
    return int(votes.argmax()) if votes.any() else None


def log_scores(
    log_posteriors: npt.ArrayLike, lengths: npt.ArrayLike | None = None, decoding: Decoding = "likelihood"
) -> Floats:
    """Log-scores of the K emotions, shape (..., K), not normalised.

    "likelihood" gives `class_log_likelihoods`. "vote" gives log(n + 1/2), where n is an emotion's number of
    frames in the best path, so that the highest score is that of `majority_vote`; if every frame is blank,
    it gives the likelihoods.

    >>> p = np.log([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8]])
    >>> np.exp(log_scores(p, decoding="vote"))
    array([1.5, 2.5])
    """
    if decoding == "likelihood":
        return class_log_likelihoods(log_posteriors, lengths)
    x = np.asarray(log_posteriors, dtype=np.float64)
    frames, emotions = x.shape[-2], x.shape[-1] - 1
    real = np.arange(frames) < (frames if lengths is None else np.asarray(lengths)[..., None])
    votes = ((x.argmax(axis=-1)[..., None] == np.arange(emotions)) & real[..., None]).sum(axis=-2)
    voted = votes.any(axis=-1, keepdims=True)
    logs: Floats = np.where(voted, np.log(votes + 0.5), class_log_likelihoods(x, lengths))
    return logs


def class_scores(log_likelihoods: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Probabilities of the K emotions, shape (..., K): softmax(log-likelihood / temperature).

    If every emotion is impossible, the probabilities are equal.

    >>> class_scores(np.log([0.2, 0.2, 0.1])).round(3)
    array([0.4, 0.4, 0.2])
    """
    x = np.asarray(log_likelihoods, dtype=np.float64) / temperature
    highest = x.max(axis=-1, keepdims=True)
    impossible = np.isneginf(highest)
    weights = np.exp(np.where(impossible, 0.0, x - np.where(impossible, 0.0, highest)))
    scores: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return scores


def average_scores(scores: npt.ArrayLike, durations: npt.ArrayLike) -> Floats:
    """Scores of an utterance, shape (K,): the mean of its windows' scores, (window, K), weighted by duration.

    >>> average_scores([[1.0, 0.0], [0.25, 0.75]], [3.0, 1.0])
    array([0.8125, 0.1875])
    """
    return np.average(np.asarray(scores, dtype=np.float64), axis=0, weights=np.asarray(durations))

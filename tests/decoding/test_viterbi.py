"""The likeliest course against every course there is."""

import itertools

import numpy as np
import pytest

from emotrace.decoding.viterbi import SWITCH_PENALTY, OnlineViterbi


def posteriors(seed: int, frames: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([0.3, 0.3, 0.3, 0.6], frames)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("weight", [0.0, 1.0])
@pytest.mark.parametrize("none", [False, True])
def test_it_is_the_best_of_all(seed: int, weight: float, none: bool) -> None:
    p = posteriors(seed, 7)
    added = weight * np.random.default_rng(seed).normal(size=(7, 4))
    together = p[:, :3] + p[:, 3:]
    likely = np.concatenate([together, p[:, 3:]], axis=1)  # of blank alone where there is none

    def worth(course: tuple[int, ...]) -> float:
        frames = zip(likely, added, course, strict=True)
        likelihood = sum(np.log(row[state]) + more[state] for row, more, state in frames)
        return float(
            likelihood - SWITCH_PENALTY * sum(one != other for one, other in itertools.pairwise(course))
        )

    best = max(itertools.product(range(3 + none), repeat=7), key=worth)
    course = OnlineViterbi(emotions=3, delay=7, none=none)
    assert course.push(p, added).tolist() == []
    assert worth(tuple(course.flush())) == pytest.approx(worth(best))


@pytest.mark.parametrize("seed", range(10))
def test_a_frame_is_decided_by_what_follows_it_up_to_the_delay_and_no_more(seed: int) -> None:
    p, delay = posteriors(seed, 60), 9
    course = OnlineViterbi(emotions=3, delay=delay)
    told = course.push(p)
    assert len(told) == 60 - delay
    assert len(course.flush()) == delay
    for frame in (0, 17, 50):
        until = OnlineViterbi(emotions=3, delay=60)
        until.push(p[: frame + delay])
        assert told[frame] == until.flush()[frame]
    pieces = OnlineViterbi(emotions=3, delay=delay)
    assert [e for piece in np.split(p, [3, 4, 30, 30, 55]) for e in pieces.push(piece)] == told.tolist()
    assert pieces.flush().tolist() == course.flush().tolist()


def test_nothing_heard_is_nothing_told() -> None:
    assert OnlineViterbi(emotions=2, delay=5).flush().tolist() == []


def test_impossible_posteriors_are_survived() -> None:
    course = OnlineViterbi(emotions=2, delay=2)
    assert [*course.push(np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 3)), *course.flush()][1::2] == [1] * 3

"""The online decoder against an enumeration of all paths."""

import itertools

import numpy as np
import pytest

from emotrace.decoding.viterbi import OnlineViterbi

SWITCH_PENALTY = 1.0


def posteriors(seed: int, frames: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([0.3, 0.3, 0.3, 0.6], frames)


def decoder(delay: int, no_emotion_state: bool = False) -> OnlineViterbi:
    return OnlineViterbi(3, delay, switch_penalty=SWITCH_PENALTY, no_emotion_state=no_emotion_state)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("weight", [0.0, 1.0])
@pytest.mark.parametrize("no_emotion_state", [False, True])
def test_the_path_is_the_likeliest_of_all_paths(seed: int, weight: float, no_emotion_state: bool) -> None:
    p = posteriors(seed, 7)
    added = weight * np.random.default_rng(seed).normal(size=(7, 4))
    in_emotion, in_no_emotion = p[:, :3] + p[:, 3:], p[:, 3:]
    gains = np.log(np.concatenate([in_emotion, in_no_emotion], axis=1)) + added

    def log_likelihood(path: tuple[int, ...]) -> float:
        switches = sum(one != other for one, other in itertools.pairwise(path))
        return float(sum(gains[frame, state] for frame, state in enumerate(path)) - SWITCH_PENALTY * switches)

    best = max(itertools.product(range(3 + no_emotion_state), repeat=7), key=log_likelihood)
    viterbi = decoder(7, no_emotion_state)
    assert viterbi.push(p, added).tolist() == []
    assert log_likelihood(tuple(viterbi.flush())) == pytest.approx(log_likelihood(best))


@pytest.mark.parametrize("seed", range(10))
def test_a_frame_is_decided_by_the_frames_up_to_the_delay_and_no_later_ones(seed: int) -> None:
    p, delay = posteriors(seed, 60), 9
    viterbi = decoder(delay)
    decided = viterbi.push(p)
    assert len(decided) == 60 - delay
    rest = viterbi.flush()
    assert len(rest) == delay
    for frame in (0, 17, 50):
        until = decoder(60)
        until.push(p[: frame + delay])
        assert decided[frame] == until.flush()[frame]
    pieces = decoder(delay)
    found = [emotion for piece in np.split(p, [3, 4, 30, 30, 55]) for emotion in pieces.push(piece)]
    assert found == decided.tolist()
    assert pieces.flush().tolist() == rest.tolist()


def test_no_frames_give_no_path() -> None:
    assert decoder(5).flush().tolist() == []


def test_a_higher_penalty_never_adds_switches() -> None:
    p = posteriors(3, 200)
    switches = []
    for penalty in (0.0, 0.5, 1.0, 4.0, 100.0):
        viterbi = OnlineViterbi(3, 200, switch_penalty=penalty)
        viterbi.push(p)
        switches.append(int((np.diff(viterbi.flush()) != 0).sum()))
    assert switches == sorted(switches, reverse=True)
    assert switches[-1] == 0


def test_impossible_posteriors_are_accepted() -> None:
    viterbi = OnlineViterbi(2, 2, switch_penalty=SWITCH_PENALTY)
    p = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 3)
    assert [*viterbi.push(p), *viterbi.flush()][1::2] == [1] * 3

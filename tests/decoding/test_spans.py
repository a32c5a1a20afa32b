"""Decoding of posteriors to spans, at once and incrementally."""

import numpy as np
import pytest

from emotrace.decoding.ctc import Frames
from emotrace.decoding.spans import SpanDecoder, moving_average
from emotrace.timeline import Span, SpanEvent

TIMES = {"first_s": 0.0875, "step_s": 0.02}
CENTRED = {"first_s": 0.01, "step_s": 0.02}
SETTINGS = {
    "switch_penalty": 1.0,
    "decision_delay_s": 1.0,
    "density_window_s": 0.5,
    "minimum_labels_per_s": 0.02,
}


def posteriors(runs: list[tuple[int, int]], height: float = 0.6) -> np.ndarray:
    """Posteriors of two emotions and blank; `runs` are (class, frames)."""
    p = np.full((sum(frames for _, frames in runs), 3), (1 - height) / 2)
    start = 0
    for label, frames in runs:
        p[start : start + frames, label] = height
        start += frames
    return p


def decode(
    p: np.ndarray, scores: np.ndarray | None = None, *, duration_s: float, **options: object
) -> list[Span]:
    """The spans of one window, decoded at once."""
    emotions = ["anger", "sadness", "fear"][: p.shape[1] - 1]
    decoder = SpanDecoder(emotions, **{**TIMES, **SETTINGS, **options})  # type: ignore[arg-type]
    return closed(decoder.flush(duration_s, Frames(p, np.zeros(p.shape) if scores is None else scores)))


def decode_in_pieces(p: np.ndarray, cuts: list[int], duration_s: float) -> list[SpanEvent]:
    decoder = SpanDecoder(["anger", "sadness"], **TIMES, **SETTINGS)
    *pieces, last = (Frames.from_posteriors(piece) for piece in np.split(p, cuts))
    return [event for piece in pieces for event in decoder.push(piece)] + decoder.flush(duration_s, last)


def closed(events: list[SpanEvent]) -> list[Span]:
    return [event.span for event in events if event.kind == "closed"]


def test_a_timeline_is_never_empty_and_stays_within_the_audio() -> None:
    for seed in range(20):
        p = np.random.default_rng(seed).dirichlet(np.ones(4), 30)
        p[:, -1] += seed / 5
        spans = decode(p / p.sum(1, keepdims=True), duration_s=0.7)
        assert len(spans) >= 1
        assert all(0 <= span.start < span.end <= 0.7 and 0 <= span.score <= 1 for span in spans)


def test_labels_spread_over_many_frames_still_give_a_span_for_each_emotion() -> None:
    """Blank is the likeliest class of every frame, as after training with one label per utterance."""
    p = np.full((200, 3), 0.001)
    p[:80, 0], p[120:, 1] = 0.03, 0.03
    p[:, 2] = 1 - p[:, :2].sum(1)
    anger, sadness = decode(p, duration_s=4.15)
    assert (anger.emotion, sadness.emotion) == ("anger", "sadness")
    # Between the two, the change is equally likely at any frame.
    assert 0.0875 + 79.5 * 0.02 <= anger.end == sadness.start <= 0.0875 + 119.5 * 0.02


def test_spikes_of_one_emotion_close_to_each_other_are_one_span() -> None:
    p = np.tile([0.005, 0.005, 0.99], (150, 1))
    p[10:140:13] = [0.9, 0.05, 0.05]
    (span,) = decode(p, duration_s=3.2)
    assert span.emotion == "anger"


def test_scores_of_functionals_count_per_second() -> None:
    """With uniform posteriors, a change needs a gain of 1: 1.2 within the 1-s delay is enough, 0.6 is not."""
    p, scores = np.tile([0.01, 0.01, 0.98], (150, 1)), np.zeros((150, 3))
    scores[:75, 0] = scores[75:, 1] = 1.2
    anger, sadness = decode(p, scores, duration_s=3.0, **CENTRED)
    assert (anger.emotion, sadness.emotion) == ("anger", "sadness")
    assert anger.end == pytest.approx(1.5, abs=0.02)
    assert anger.score == pytest.approx(1 / (1 + np.exp(-1.2)), abs=0.01)
    assert len(decode(p, scores / 2, duration_s=3.0, **CENTRED)) == 1


@pytest.mark.parametrize("no_emotion_state", [False, True])
def test_functionals_can_decide_that_a_part_has_no_emotion(no_emotion_state: bool) -> None:
    """One second at 5 per s is worth two changes, one at 1.5 is not; span scores compare emotions only."""
    p, scores = np.tile([0.01, 0.01, 0.98], (300, 1)), np.zeros((300, 3))
    scores[:, 0] = 1.0
    scores[:, 2] = -3.0
    scores[50:100, 2], scores[200:250, 2] = 5.0, 1.5
    found = decode(p, scores, duration_s=6.0, no_emotion_state=no_emotion_state, **CENTRED)
    times = [time for span in found for time in (span.start, span.end)]
    assert times == pytest.approx([0.0, 1.0, 2.0, 6.0] if no_emotion_state else [0.0, 6.0], abs=0.02)
    assert all(span.emotion == "anger" for span in found)
    assert all(span.score == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.01) for span in found)


def test_the_first_and_last_frames_reach_to_the_ends() -> None:
    (span,) = decode(np.array([[0.9, 0.1]] * 2), first_s=0.1, duration_s=3.0)
    assert (span.start, span.end) == (0.0, 3.0)


@pytest.mark.parametrize("seed", range(20))
def test_spans_do_not_depend_on_how_the_frames_are_split(seed: int) -> None:
    random = np.random.default_rng(seed)
    p = posteriors([(int(random.integers(3)), int(random.integers(1, 200))) for _ in range(12)], height=0.99)
    at_once = decode_in_pieces(p, [], duration_s=len(p) / 50)
    cuts = np.sort(random.integers(0, len(p), random.integers(1, 40))).tolist()
    in_pieces = decode_in_pieces(p, cuts, duration_s=len(p) / 50)
    for one, other in zip(closed(at_once), closed(in_pieces), strict=True):
        assert (one.start, one.end, one.emotion) == (other.start, other.end, other.emotion)
        assert one.score == pytest.approx(other.score, abs=1e-9)


def test_a_span_is_opened_once_extended_as_it_goes_on_and_closed_once() -> None:
    events = decode_in_pieces(posteriors([(0, 400), (1, 300)]), list(range(50, 700, 50)), duration_s=14.1)
    for emotion in ("anger", "sadness"):
        of_emotion = [event for event in events if event.span.emotion == emotion]
        assert of_emotion[0].kind == "opened"
        assert of_emotion[-1].kind == "closed"
        assert {event.kind for event in of_emotion[1:-1]} == {"extended"}
        ends = [event.span.end for event in of_emotion]
        assert ends == sorted(ends)
    assert len(closed(events)) == 2
    assert closed(events)[0].end == closed(events)[1].start
    assert closed(events)[1].end == 14.1


def test_later_frames_never_change_earlier_events() -> None:
    """The first window has a label or two, the later audio a thousand times as many."""
    soft = posteriors([(0, 1000)], height=0.98) * [0.01, 0.01, 1.0]
    soft[:, 2] = 1 - soft[:, :2].sum(1)
    loud = posteriors([(0, 500)], height=0.999)
    short = decode_in_pieces(soft, list(range(100, 1000, 100)), duration_s=20.0)
    long = decode_in_pieces(np.concatenate([soft, loud]), list(range(100, 1500, 100)), duration_s=30.0)
    assert closed(short)[0].start == closed(long)[0].start == 0.0
    assert [event.kind for event in long[:9]] == [event.kind for event in short[:9]]


def test_there_is_no_emotion_where_there_are_practically_no_labels() -> None:
    p = posteriors([(0, 500), (2, 500), (1, 500)], height=1 - 1e-5)
    anger, sadness = closed(decode_in_pieces(p, [125, 250], duration_s=30.1))
    assert anger.end == pytest.approx(10.1, abs=0.3)
    assert sadness.start == pytest.approx(20.1, abs=0.3)


def test_no_frames_give_no_spans() -> None:
    assert SpanDecoder(["anger"], **TIMES, **SETTINGS).flush(1.0) == []


def test_a_moving_average_of_a_constant_is_that_constant() -> None:
    np.testing.assert_allclose(moving_average(np.full((100, 2), 0.25), 25), 0.25, rtol=1e-12)

"""Posteriors to spans, all at once and as they come."""

import numpy as np
import pytest

from emotrace.decoding.ctc import Frames
from emotrace.decoding.spans import SpanDecoder, decode_spans, moving_average
from emotrace.timeline import Span, SpanEvent

TIMES = {"first_s": 0.0875, "step_s": 0.02}


def of_labels(labels: list[tuple[int, int]], height: float = 0.6) -> np.ndarray:
    """Posteriors of two emotions and blank: `labels` are (class, frames)."""
    p = np.full((sum(frames for _, frames in labels), 3), (1 - height) / 2)
    start = 0
    for label, frames in labels:
        p[start : start + frames, label] = height
        start += frames
    return p


def told(p: np.ndarray, cuts: list[int], duration_s: float) -> list[SpanEvent]:
    span_decoder = SpanDecoder(["anger", "sadness"], **TIMES)
    *pieces, last = (Frames.of(piece) for piece in np.split(p, cuts))
    return [event for piece in pieces for event in span_decoder.push(piece)] + span_decoder.flush(
        duration_s, last
    )


def closed(events: list[SpanEvent]) -> list[Span]:
    return [event.span for event in events if event.kind == "closed"]


def test_a_timeline_is_never_empty_and_stays_within_the_audio() -> None:
    for seed in range(20):
        p = np.random.default_rng(seed).dirichlet(np.ones(4), 30)
        p[:, -1] += seed / 5
        timeline = decode_spans(np.log(p / p.sum(1, keepdims=True)), ["a", "b", "c"], **TIMES, duration_s=0.7)
        assert len(timeline) >= 1
        assert all(0 <= span.start < span.end <= 0.7 and 0 <= span.score <= 1 for span in timeline)


def test_labels_spread_thinly_still_show_where_each_emotion_is() -> None:
    """Blank leads at every frame, as after training with one label an utterance."""
    p = np.full((200, 3), 0.001)
    p[:80, 0], p[120:, 1] = 0.03, 0.03
    p[:, 2] = 1 - p[:, :2].sum(1)
    anger, sadness = decode_spans(np.log(p), ["anger", "sadness"], **TIMES, duration_s=4.15)
    assert (anger.emotion, sadness.emotion) == ("anger", "sadness")
    # Between the two any moment is as likely as any other for the change.
    assert 0.0875 + 79.5 * 0.02 <= anger.end == sadness.start <= 0.0875 + 119.5 * 0.02


def test_spikes_of_one_emotion_close_to_each_other_are_one_span() -> None:
    p = np.tile([0.005, 0.005, 0.99], (150, 1))
    p[10:140:13] = [0.9, 0.05, 0.05]
    (span,) = decode_spans(np.log(p), ["anger", "sadness"], **TIMES, duration_s=3.2)
    assert span.emotion == "anger"


def test_what_functionals_say_in_a_second_moves_the_course_as_much_as_it_says() -> None:
    """The posteriors know nothing; a change must gain 1, and within the delay of a second 1.2 is more."""
    p, scores = np.log([[0.01, 0.01, 0.98]] * 150), np.zeros((150, 3))
    scores[:75, 0] = scores[75:, 1] = 1.2
    anger, sadness = decode_spans(p, ["anger", "sadness"], scores, first_s=0.01, step_s=0.02, duration_s=3.0)
    assert (anger.emotion, sadness.emotion) == ("anger", "sadness")
    assert anger.end == pytest.approx(1.5, abs=0.02)
    assert anger.score == pytest.approx(1 / (1 + np.exp(-1.2)), abs=0.01)
    assert (
        len(decode_spans(p, ["anger", "sadness"], scores / 2, first_s=0.01, step_s=0.02, duration_s=3.0)) == 1
    )


@pytest.mark.parametrize("no_emotion_state", [False, True])
def test_where_functionals_say_that_nobody_speaks_no_emotion_shows(no_emotion_state: bool) -> None:
    """A second of 5 is worth two changes, one of 1.5 is not; the span score is of the emotions alone."""
    p, scores = np.log([[0.01, 0.01, 0.98]] * 300), np.zeros((300, 3))
    scores[:, 0] = 1.0
    scores[:, 2] = -3.0
    scores[50:100, 2], scores[200:250, 2] = 5.0, 1.5
    how = {"first_s": 0.01, "step_s": 0.02, "duration_s": 6.0, "no_emotion_state": no_emotion_state}
    found = decode_spans(p, ["anger", "sadness"], scores, **how)
    times = [time for span in found for time in (span.start, span.end)]
    assert times == pytest.approx([0.0, 1.0, 2.0, 6.0] if no_emotion_state else [0.0, 6.0], abs=0.02)
    assert all(span.emotion == "anger" for span in found)
    assert all(span.score == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.01) for span in found)


def test_the_first_and_last_frames_reach_to_the_ends() -> None:
    (span,) = decode_spans(np.log([[0.9, 0.1]] * 2), ["anger"], first_s=0.1, step_s=0.02, duration_s=3.0)
    assert (span.start, span.end) == (0.0, 3.0)


@pytest.mark.parametrize("seed", range(20))
def test_spans_are_the_same_however_the_frames_come(seed: int) -> None:
    random = np.random.default_rng(seed)
    p = of_labels([(int(random.integers(3)), int(random.integers(1, 200))) for _ in range(12)], height=0.99)
    at_once = told(p, [], duration_s=len(p) / 50)
    cuts = np.sort(random.integers(0, len(p), random.integers(1, 40))).tolist()
    in_pieces = told(p, cuts, duration_s=len(p) / 50)
    for one, other in zip(closed(at_once), closed(in_pieces), strict=True):
        assert (one.start, one.end, one.emotion) == (other.start, other.end, other.emotion)
        assert one.score == pytest.approx(other.score, abs=1e-9)


def test_a_span_is_opened_once_extended_as_it_goes_on_and_closed_once() -> None:
    events = told(of_labels([(0, 400), (1, 300)]), list(range(50, 700, 50)), duration_s=14.1)
    for emotion in ("anger", "sadness"):
        kinds = [event.kind for event in events if event.span.emotion == emotion]
        assert kinds[0] == "opened"
        assert kinds[-1] == "closed"
        assert set(kinds[1:-1]) == {"extended"}
        ends = [event.span.end for event in events if event.span.emotion == emotion]
        assert ends == sorted(ends)
    assert len(closed(events)) == 2
    assert closed(events)[0].end == closed(events)[1].start
    assert closed(events)[1].end == 14.1


def test_what_comes_later_never_changes_what_was_said() -> None:
    """In the first window a label or two, later a thousand times as many."""
    soft = of_labels([(0, 1000)], height=0.98) * [0.01, 0.01, 1.0]
    soft[:, 2] = 1 - soft[:, :2].sum(1)
    loud = of_labels([(0, 500)], height=0.999)
    said = told(soft, list(range(100, 1000, 100)), duration_s=20.0)
    more = told(np.concatenate([soft, loud]), list(range(100, 1500, 100)), duration_s=30.0)
    assert closed(said)[0].start == closed(more)[0].start == 0.0
    assert [event.kind for event in more[:9]] == [event.kind for event in said[:9]]


def test_no_emotion_shows_where_there_are_practically_no_labels() -> None:
    p = of_labels([(0, 500), (2, 500), (1, 500)], height=1 - 1e-5)
    anger, sadness = closed(told(p, [125, 250], duration_s=30.1))
    assert anger.end == pytest.approx(10.1, abs=0.3)
    assert sadness.start == pytest.approx(20.1, abs=0.3)


def test_no_frames_are_no_spans() -> None:
    assert SpanDecoder(["anger"], **TIMES).flush(1.0) == []


def test_a_moving_average_of_a_constant_is_that_constant() -> None:
    np.testing.assert_allclose(moving_average(np.full((100, 2), 0.25), 25), 0.25, rtol=1e-12)

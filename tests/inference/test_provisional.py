"""The provisional state of a stream: in time, and never against what is final."""

from collections.abc import Callable

import numpy as np
import pytest

from emotrace.inference.recogniser import Recogniser, load
from emotrace.timeline import Provisional, Span, Timeline

RATE_HZ = 16_000
STEP_S = 0.25

SpeechLike = Callable[..., np.ndarray]


@pytest.fixture(params=["tiny_model", "tiny_classifier"])
def recogniser(request: pytest.FixtureRequest) -> Recogniser:
    return load(request.getfixturevalue(request.param), threads=1)


def changing_noise(speech_like: SpeechLike, seconds: float = 30.0) -> np.ndarray:
    """Loud and soft noise by turns of 0.7 to 4 s, with a second of silence somewhere."""
    random = np.random.default_rng(5)
    pieces = [
        speech_like(random.uniform(0.7, 4), loudness, seed) for seed in range(9) for loudness in (0.3, 0.05)
    ]
    samples = np.concatenate(pieces)[: round(seconds * RATE_HZ)]
    samples[8 * RATE_HZ : 9 * RATE_HZ] = 0
    return samples


def before(spans: tuple[Span, ...], time_s: float) -> list[tuple[float, float, str]]:
    """The spans before a time, cut off there."""
    cut = [(span.start, min(span.end, time_s), span.emotion) for span in spans]
    return [(round(start, 9), round(end, 9), emotion) for start, end, emotion in cut if start < end - 1e-9]


def run(
    recogniser: Recogniser, samples: np.ndarray
) -> tuple[list[tuple[tuple[Span, ...], Provisional]], Timeline]:
    """The closed spans and the provisional state after each chunk, and the final timeline."""
    stream = recogniser.stream(RATE_HZ)
    closed: list[Span] = []
    states = []
    for chunk in np.split(samples, range(0, len(samples), round(STEP_S * RATE_HZ))[1:]):
        closed += [event.span for event in stream.push(chunk) if event.kind == "closed"]
        states.append((tuple(closed), stream.provisional()))
    stream.flush()
    return states, stream.result().timeline


def test_what_is_final_is_never_contradicted(recogniser: Recogniser, speech_like: SpeechLike) -> None:
    states, final = run(recogniser, changing_noise(speech_like))
    assert len(final) > 5
    for closed, state in states:
        joined = Timeline(closed + state.spans)  # ordered, without overlap
        until = state.final_until_s
        assert before(joined.spans, until) == before(final.spans, until)
    assert states[-1][1].final_until_s > 20.0


def test_the_state_is_at_most_a_block_behind_the_sound(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    states, _ = run(recogniser, changing_noise(speech_like))
    for number, (_, state) in enumerate(states, start=1):
        assert number * STEP_S - state.time_s <= 0.2
        assert state.final_until_s <= state.time_s


def test_the_state_is_what_the_result_would_be_now(recogniser: Recogniser, speech_like: SpeechLike) -> None:
    samples = changing_noise(speech_like)
    states, _ = run(recogniser, samples)
    for seconds in (0.5, 2.0, 7.5, 8.5, 13.0, 27.0):
        closed, state = states[round(seconds / STEP_S) - 1]
        now = recogniser((samples[: round(state.time_s * RATE_HZ)], RATE_HZ))
        assert closed + state.spans == now.timeline.spans
        assert (state.label, state.scores) == (now.label, now.scores)


def test_asking_changes_nothing(recogniser: Recogniser, speech_like: SpeechLike) -> None:
    samples = changing_noise(speech_like)
    _, asked = run(recogniser, samples)
    assert asked == recogniser((samples, RATE_HZ)).timeline


def test_there_is_no_state_in_silence_and_before_the_shortest_input(recogniser: Recogniser) -> None:
    stream = recogniser.stream(RATE_HZ)
    stream.push(np.zeros(5 * RATE_HZ, dtype=np.float32))
    assert stream.provisional() == Provisional(5.0, 0.0)
    short = recogniser.stream(RATE_HZ)
    short.push(np.ones(1_700, dtype=np.float32))
    assert short.provisional().spans == ()
    assert short.provisional().scores is None


def test_the_current_span_reaches_the_present() -> None:
    past = Provisional(4.0, 1.0, (Span(0.0, 3.0, "anger", 0.9),))
    assert past.current is None
    assert Provisional(3.0, 1.0, past.spans).current == past.spans[0]
    assert Provisional(3.0, 1.0).current is None


def test_an_ended_stream_has_nothing_provisional(recogniser: Recogniser, speech_like: SpeechLike) -> None:
    stream = recogniser.stream(RATE_HZ)
    stream.push(speech_like(3.0))
    stream.flush()
    assert stream.provisional() == Provisional(3.0, 3.0)

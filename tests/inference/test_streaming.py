"""A stream gives the result of the file, whatever its chunks, in time and in constant memory."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from emotrace.errors import AudioError
from emotrace.inference.recogniser import Recogniser, load
from emotrace.inference.streaming import Stream, make_result
from emotrace.timeline import Span, SpanEvent, Timeline

SpeechLike = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def recogniser(tiny_model: Path) -> Recogniser:
    return load(tiny_model, threads=1)


@pytest.fixture(scope="module")
def classifier(tiny_classifier: Path) -> Recogniser:
    return load(tiny_classifier, threads=1)


def alternating_noise(seconds: float, rate_hz: int, channels: int, seed: int) -> np.ndarray:
    """Alternating loud, soft and very soft noise, float32, shape (sample, channel)."""
    random = np.random.default_rng(seed)
    noise = random.uniform(-1, 1, (round(seconds * rate_hz), channels))
    loudness = random.choice([0.6, 0.1, 2e-4], size=int(seconds / 1.7) + 1)
    return (noise * np.repeat(loudness, round(1.7 * rate_hz))[: len(noise), None]).astype(np.float32)


def chunks_of(samples: np.ndarray, seed: int, most: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    cuts = np.cumsum(random.integers(0, most, 4 * len(samples) // most + 2))
    return np.split(samples, cuts[cuts < len(samples)])


def all_events(stream: Stream, chunks: list[np.ndarray]) -> list[SpanEvent]:
    return [event for chunk in chunks for event in stream.push(chunk)] + stream.flush()


def closed(events: list[SpanEvent]) -> tuple[Span, ...]:
    return tuple(event.span for event in events if event.kind == "closed")


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
@pytest.mark.parametrize("kind", ["recogniser", "classifier"])
def test_a_stream_gives_exactly_the_result_of_the_file_whatever_the_chunks(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, rate_hz: int, channels: int
) -> None:
    model: Recogniser = request.getfixturevalue(kind)
    for seed, seconds in enumerate((0.2, 1.3, 5.015, 5.1, 12.4, 31.7)):
        samples = alternating_noise(seconds, rate_hz, channels, seed)
        soundfile.write(tmp_path / "a.wav", samples, rate_hz, subtype="FLOAT")
        file = model(tmp_path / "a.wav")
        for most in (rate_hz // 100, rate_hz, 20 * rate_hz):
            stream = model.stream(rate_hz)
            events = all_events(stream, chunks_of(samples, seed, most))
            found = stream.result(file.file)
            assert found == file  # to the last bit
            assert closed(events) == file.timeline.spans
            assert stream.scores == file.scores


def test_a_chunk_may_be_one_sample(recogniser: Recogniser) -> None:
    samples = alternating_noise(0.5, 8_000, 2, seed=3)
    stream = recogniser.stream(8_000)
    all_events(stream, list(samples[:, None]))
    assert stream.result() == recogniser((samples, 8_000))


def test_integer_chunks_give_the_result_of_the_file(recogniser: Recogniser) -> None:
    integers = (alternating_noise(3.0, 16_000, 1, seed=4)[:, 0] * 32767).astype(np.int16)
    stream = recogniser.stream(16_000)
    all_events(stream, chunks_of(integers, 0, 4_000))
    assert stream.result() == recogniser((integers, 16_000))


def test_real_speech_in_chunks_gives_the_result_of_the_file(recogniser: Recogniser, data: Path) -> None:
    for file in sorted((data / "samples").glob("*.wav")):
        samples, rate_hz = soundfile.read(file, dtype="float32")
        stream = recogniser.stream(rate_hz)
        all_events(stream, chunks_of(samples, 1, 3_000))
        assert stream.result(str(file)) == recogniser(file)


@pytest.mark.parametrize("loudness", [0.3, 0.05])
def test_a_span_across_many_windows_is_one_span(
    recogniser: Recogniser, speech_like: SpeechLike, loudness: float
) -> None:
    for seconds in (5.1, 7.6, 24.99, 60.0):
        (span,) = recogniser((speech_like(seconds, loudness), 16_000)).timeline
        assert (span.start, span.end) == (0.0, seconds)


def test_a_change_is_found_at_any_position_within_a_window(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    for change_s in np.arange(5.0, 10.1, 0.37):
        sound = np.concatenate([speech_like(change_s, 0.3), speech_like(17.0 - change_s, 0.05)])
        spans = recogniser((sound, 16_000)).timeline.spans
        assert [span.emotion for span in spans] == ["anger", "sadness"]
        assert spans[0].end == spans[1].start == pytest.approx(change_s, abs=0.35)


def test_spans_are_opened_then_extended_then_closed(recogniser: Recogniser, speech_like: SpeechLike) -> None:
    sound = np.concatenate([speech_like(11.0, 0.3), speech_like(9.0, 0.05)])
    events = all_events(recogniser.stream(16_000), np.split(sound, 40))
    assert [(event.kind, event.span.emotion) for event in events if event.kind != "extended"] == [
        ("opened", "anger"), ("closed", "anger"), ("opened", "sadness"), ("closed", "sadness"),
    ]  # fmt: skip
    assert len(events) > 6
    for before, after in itertools.pairwise(events):
        assert after.span.start >= before.span.start
        if after.kind != "opened":
            assert after.span.start == before.span.start
            assert after.span.end >= before.span.end


@pytest.mark.parametrize("kind", ["recogniser", "classifier"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_no_moment_waits_longer_than_the_latency(
    request: pytest.FixtureRequest, speech_like: SpeechLike, kind: str, rate_hz: int
) -> None:
    stream = request.getfixturevalue(kind).stream(rate_hz)
    pushed_s = known_s = longest_s = 0.0
    for chunk in np.split(speech_like(40.0 * rate_hz / 16_000, 0.3), 4_000):
        pushed_s += len(chunk) / rate_hz
        longest_s = max(longest_s, pushed_s - known_s)
        for event in stream.push(chunk):
            known_s = event.span.end
    assert 0.5 * stream.latency_s < longest_s <= stream.latency_s < 6.3
    (last,) = stream.flush()[-1:]
    assert (last.kind, last.span.end) == ("closed", pytest.approx(40.0))


def test_events_do_not_depend_on_later_audio(recogniser: Recogniser, speech_like: SpeechLike) -> None:
    start = alternating_noise(30.0, 16_000, 1, seed=7)[:, 0]
    others = [speech_like(30.0, 0.5), np.zeros(480_000, dtype=np.float32), start]
    runs: list[list[SpanEvent]] = [[], [], []]
    for events, other in zip(runs, others, strict=True):
        stream = recogniser.stream(16_000)
        for chunk in np.split(np.concatenate([start, other]), 60)[:30]:
            events += stream.push(chunk)
    assert runs[0] == runs[1] == runs[2]
    assert runs[0]


def test_digital_silence_within_a_recording_has_no_emotion(
    recogniser: Recogniser, classifier: Recogniser, speech_like: SpeechLike
) -> None:
    sound = np.concatenate([speech_like(8.0), np.zeros(20 * 16_000, dtype=np.float32), speech_like(8.0)])
    for model in (recogniser, classifier):
        result = model((sound, 16_000))
        assert result.label == "anger"
        assert result.timeline.at(18.0) is None
        assert result.timeline.at(3.0) is not None
        assert result.timeline.at(33.0) is not None


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_a_silent_stream_has_no_events_until_it_has_sound(
    recogniser: Recogniser, speech_like: SpeechLike, rate_hz: int
) -> None:
    constant = np.full(20 * rate_hz, 0.25, dtype=np.float32)
    stream = recogniser.stream(rate_hz)
    assert all_events(stream, np.split(constant, 50)) == []
    result = stream.result()
    assert (result.label, result.scores, result.timeline.spans) == (None, None, ())
    assert "silence" in {warning.code for warning in result.warnings}
    late = recogniser.stream(rate_hz)
    sound = np.concatenate([constant, soxr.resample(speech_like(10.0), 16_000, rate_hz)]).astype(np.float32)
    assert closed(all_events(late, np.split(sound, 30))) == recogniser((sound, rate_hz)).timeline.spans


def test_a_sample_that_is_not_finite_is_an_error_with_its_time(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    sound = speech_like(20.0)
    sound[200_000] = np.nan
    stream = recogniser.stream(16_000)
    events = stream.push(sound[:190_000])
    assert events
    with pytest.raises(AudioError, match=r"<stream>: found a sample that is not finite at 12\.500 s"):
        stream.push(sound[190_000:])


def test_invalid_chunks_are_refused(recogniser: Recogniser) -> None:
    stream = recogniser.stream(16_000)
    with pytest.raises(AudioError, match=r"shape \(1, 1000\)"):
        stream.push(np.zeros((1, 1000)))
    with pytest.raises(AudioError, match="type int64"):
        stream.push(np.zeros(10, dtype=np.int64))
    stream.push(np.zeros((100, 2)))
    with pytest.raises(AudioError, match="1 channels after chunks of 2"):
        stream.push(np.zeros(100))
    with pytest.raises(AudioError, match="sample rate of 0 Hz"):
        recogniser.stream(0)


def test_empty_and_too_short_streams_are_errors(recogniser: Recogniser) -> None:
    with pytest.raises(AudioError, match="found no samples"):
        recogniser.stream(16_000).flush()
    short = recogniser.stream(16_000)
    assert short.push(np.ones(800)) == []
    with pytest.raises(AudioError, match="found 50 ms"):
        short.flush()


def test_a_stream_ends_once(recogniser: Recogniser, speech_like: SpeechLike) -> None:
    stream = recogniser.stream(16_000)
    stream.push(speech_like(1.0))
    assert stream.flush()
    assert stream.flush() == []
    with pytest.raises(AudioError, match="after the end"):
        stream.push(speech_like(1.0))


PEAK = """
import json, sys
import emotrace
model, file = sys.argv[1:]
result = emotrace.load(model, threads=1)(file)
status = open("/proc/self/status").read()  # ru_maxrss would start with the parent's
peak = int(status.split("VmHWM:")[1].split()[0])
print(json.dumps({"peak": peak, "seconds": result.duration_s, "spans": len(result.timeline)}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.slow
def test_twelve_minutes_take_no_more_memory_than_two(tiny_model: Path, tmp_path: Path) -> None:
    def measured(minutes: int) -> dict[str, float]:
        with soundfile.SoundFile(tmp_path / "a.flac", "w", 44_100, 2) as file:
            minute = alternating_noise(60.0, 44_100, 2, seed=0)
            for _ in range(minutes):
                file.write(minute)
        process = subprocess.run(
            [sys.executable, "-c", PEAK, str(tiny_model), str(tmp_path / "a.flac")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found: dict[str, float] = json.loads(process.stdout)
        assert found["seconds"] == pytest.approx(60 * minutes, abs=0.01)
        assert found["spans"] >= minutes
        return found

    few, many = measured(2), measured(12)
    assert many["peak"] < 1.2 * few["peak"]


@pytest.mark.parametrize("rejected", [False, True])
def test_a_rejected_recording_has_no_label_and_no_spans(recogniser: Recogniser, rejected: bool) -> None:
    timeline = Timeline((Span(0.0, 1.0, "anger", 0.9),))
    scores = np.array([0.8, 0.2])
    result = make_result(recogniser.config, scores, rejected, timeline, 3.0, "a.wav", ())
    assert result.timeline == (Timeline() if rejected else timeline)
    assert result.label == (None if rejected else "anger")
    assert result.scores == {"anger": 0.8, "sadness": 0.2}

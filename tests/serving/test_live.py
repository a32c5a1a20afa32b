"""Live streams: events, provisional states in time, and every way in which a client may end."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from serving.conftest import StartService
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from emotrace.inference.frame_scores import FrameCollector
from emotrace.inference.recogniser import Recogniser
from emotrace.serving.live_audio import LiveAudio, StartMessage

SpeechLike = Callable[..., np.ndarray]
START = {"type": "start", "rate_hz": 16_000}
HOST = {"Host": "localhost"}


def as_int16(samples: np.ndarray) -> np.ndarray:
    return (samples * 32_767).astype("<i2")


def converse(client: TestClient, start: dict[str, Any], messages: list[bytes]) -> list[dict[str, Any]]:
    """Send everything and the end, and return what is received."""
    with client.websocket_connect("/v1/stream", headers=HOST) as socket:
        socket.send_json(start)
        for message in messages:
            socket.send_bytes(message)
        socket.send_json({"type": "end"})
        return received(socket)


def received(socket: Any) -> list[dict[str, Any]]:
    """The messages until the service closes."""
    found: list[dict[str, Any]] = []
    try:
        while True:
            found.append(socket.receive_json())
    except WebSocketDisconnect as closed:
        found.append({"type": "closed", "code": closed.code})
    return found


def test_a_stream_gives_the_result_of_the_file(
    client: TestClient, recogniser: Recogniser, loud_then_soft: np.ndarray
) -> None:
    samples = as_int16(loud_then_soft)
    expected = recogniser((samples, 16_000)).to_dict()
    odd = [
        part
        for start in range(0, 2 * len(samples), 3_333)
        for part in [samples.tobytes()[start : start + 3_333]]
    ]
    ready, *rest, result, closed = converse(client, START, odd)
    assert ready["labels"] == ["anger", "sadness"]
    assert result == {"type": "result", "result": expected}
    assert closed == {"type": "closed", "code": 1000}
    final = [message for message in rest if message.get("event") == "closed"]
    assert [(m["start"], m["end"], m["emotion"]) for m in final] == [
        (span["start"], span["end"], span["emotion"]) for span in expected["timeline"]
    ]


def test_a_provisional_state_comes_each_second_within_a_second_and_a_half_of_the_sound(
    client: TestClient, loud_then_soft: np.ndarray
) -> None:
    chunk = 800  # 50 ms, as a browser sends
    samples = as_int16(loud_then_soft)
    messages = [samples[start : start + chunk].tobytes() for start in range(0, len(samples), chunk)]
    found = [m for m in converse(client, START, messages) if m["type"] == "provisional"]
    times = [0.0, *(message["time"] for message in found)]
    assert max(np.diff(times)) <= 1.0
    # A state includes all sound but a block of 0.2 s, so sound waits at most for a state and a block.
    assert max(np.diff(times)) + 0.2 < 1.5
    assert len(loud_then_soft) / 16_000 - times[-1] <= 1.5
    assert all(message["final_until"] <= message["time"] for message in found)
    assert found[-1]["spans"][-1]["emotion"] == "sadness"


def test_scores_over_time_come_with_each_state_and_become_those_of_the_file(
    client: TestClient, recogniser: Recogniser, loud_then_soft: np.ndarray
) -> None:
    samples = as_int16(loud_then_soft)
    messages = [part.tobytes() for part in np.array_split(samples, 100)]
    states = [m for m in converse(client, {**START, "frames": True}, messages) if m["type"] == "provisional"]
    rows: list[list[float]] = []
    collector = FrameCollector()
    expected = np.exp(collector.frame_scores(recogniser((samples, 16_000), collector)).log_posteriors)
    for state in states:
        frames = state["frames"]
        assert frames["labels"] == ["anger", "sadness", None]
        rows[frames["first"] :] = frames["scores"]
        # They are complete up to the end of the audio but for the last window's edge.
        assert state["time"] - (frames["first_s"] + len(rows) * frames["step_s"]) < 0.1
    final = states[-1]["frames"]["first"]
    assert final > 200
    np.testing.assert_allclose(rows[:final], expected[:final], atol=1e-4)
    assert states[0]["frames"]["first"] == 0
    assert not any("frames" in m for m in converse(client, START, messages))


def test_an_error_of_the_service_reaches_the_client_and_the_log(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveAudio, "take", lambda _: 1 // 0)
    connection = client.websocket_connect("/v1/stream", headers=HOST)
    with pytest.raises(ZeroDivisionError), connection as socket:  # the server logs what is raised
        socket.send_json(START)
        assert socket.receive_json()["type"] == "ready"
        socket.send_bytes(bytes(16_000))
        error, closed = received(socket)
        assert error["problem"]["status"] == 500
        assert "its log has the cause" in error["problem"]["detail"]
        assert closed["code"] == 1011


@pytest.mark.parametrize("encoding", ["float32", "mulaw", "int24"])
def test_other_encodings(client: TestClient, speech_like: SpeechLike, encoding: str) -> None:
    content = {
        "float32": speech_like(3.0).astype("<f4").tobytes(),
        "mulaw": bytes([0x00, 0x80] * 24_000),
        "int24": bytes([0, 0, 0x60, 0, 0, 0xA0] * 24_000),
    }[encoding]
    *_, result, closed = converse(client, {**START, "encoding": encoding}, [content])
    assert closed["code"] == 1000
    assert result["result"]["duration_s"] == 3.0
    assert result["result"]["label"] == "anger"


def test_opus_packets_are_decoded(client: TestClient, speech_like: SpeechLike) -> None:
    av = pytest.importorskip("av", reason='NO OPUS: run pip install "emotrace[media]"')
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = 48_000, "mono", "flt", 64_000
    noise = np.repeat(speech_like(3.0), 3)
    packets = []
    for start in range(0, len(noise) - 959, 960):
        frame = av.AudioFrame.from_ndarray(noise[None, start : start + 960], format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48_000, start
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    *_, result, _ = converse(client, {**START, "encoding": "opus"}, packets)
    assert result["result"]["duration_s"] == pytest.approx(3.0, abs=0.1)
    assert result["result"]["label"] == "anger"
    *_, error, closed = converse(client, {**START, "encoding": "opus"}, [b"\xff" * 40])
    assert error["problem"]["status"] == 422
    assert closed["code"] == 1008


@pytest.mark.parametrize(
    ("start", "word"),
    [
        ({"type": "begin"}, "start"),
        ({"type": "start"}, "rate_hz"),
        ({"type": "start", "rate_hz": 10}, "rate_hz"),
        ({"type": "start", "rate_hz": 16_000, "encoding": "mp3"}, "encoding"),
        ({"type": "start", "rate_hz": 16_000, "volume": 11}, "volume"),
        ([1], "object"),
    ],
)
def test_a_wrong_start_is_explained(client: TestClient, start: Any, word: str) -> None:
    error, closed = converse(client, start, [])
    assert error["problem"]["status"] == 422
    assert word in error["problem"]["detail"]
    assert closed["code"] == 1008


def test_wrong_messages_are_explained(client: TestClient, speech_like: SpeechLike) -> None:
    with client.websocket_connect("/v1/stream", headers=HOST) as socket:
        socket.send_bytes(b"\0\0")
        assert "first a JSON text" in received(socket)[0]["problem"]["detail"]
    with client.websocket_connect("/v1/stream", headers=HOST) as socket:
        socket.send_json(START)
        socket.send_text("hello")
        assert "hello" in received(socket)[1]["problem"]["detail"]
    *_, error, closed = converse(client, START, [b"\0\0"])
    assert "expected at least" in error["problem"]["detail"]
    bad = np.array([np.nan] * 3_200, dtype="<f4").tobytes()
    *_, error, closed = converse(client, {**START, "encoding": "float32"}, [bad])
    assert "not finite" in error["problem"]["detail"]
    assert closed["code"] == 1008


def test_streams_at_once_are_limited_and_freed(start_service: StartService) -> None:
    client = start_service(max_streams=1)
    for _ in range(3):
        with client.websocket_connect("/v1/stream", headers=HOST) as first:
            first.send_json(START)
            assert first.receive_json()["type"] == "ready"
            with client.websocket_connect("/v1/stream", headers=HOST) as second:
                error, closed = received(second)
                assert error["problem"]["status"] == 429
                assert closed["code"] == 1013
        while "emotrace_streams 1.0" in client.get("/metrics").text:  # the client went away without an end
            pass


def test_a_client_that_sends_nothing_is_closed(start_service: StartService) -> None:
    client = start_service(stream_idle_s=0.05)
    with client.websocket_connect("/v1/stream", headers=HOST) as socket:
        *_, error, closed = received(socket)
        assert error["problem"]["status"] == 408
        assert closed["code"] == 1008


def test_an_ending_service_gives_the_results_of_its_streams(
    start_service: StartService, speech_like: SpeechLike
) -> None:
    client = start_service()
    app: Any = client.app
    with client.websocket_connect("/v1/stream", headers=HOST) as socket:
        socket.send_json(START)
        socket.send_bytes(as_int16(speech_like(1.5)).tobytes())
        assert [socket.receive_json()["type"] for _ in range(2)] == ["ready", "provisional"]
        assert client.portal is not None
        client.portal.call(app.state.service.stopping.set)
        *_, result, closed = received(socket)
    assert result["result"]["duration_s"] == 1.5
    assert closed["code"] == 1012
    assert client.get("/readyz").status_code == 503
    assert client.post("/v1/predict", content=b"a").status_code == 503


def test_samples_that_a_message_cuts_are_kept() -> None:
    audio = LiveAudio(StartMessage(type="start", rate_hz=8_000, channels=2))
    for byte in np.arange(16, dtype="<i2").tobytes():
        audio.add(bytes([byte]))
    assert (audio.take() * 32_768).tolist() == np.arange(16).reshape(-1, 2).tolist()
    assert audio.total_s == 0.001


def test_messages_are_json_without_nan(client: TestClient, speech_like: SpeechLike) -> None:
    for message in converse(client, START, [as_int16(speech_like(2.0)).tobytes()]):
        assert "NaN" not in json.dumps(message)


@pytest.mark.slow
def test_an_hour_of_silence_needs_no_more_memory_than_a_minute(client: TestClient) -> None:
    import tracemalloc

    minute = np.zeros(60 * 16_000, dtype="<i2").tobytes()
    peaks = []
    tracemalloc.start()
    with client.websocket_connect("/v1/stream", headers=HOST) as socket:
        socket.send_json(START)
        for number in range(60):
            socket.send_bytes(minute)
            while socket.receive_json()["type"] != "provisional":
                pass
            if number in (4, 59):
                peaks.append(tracemalloc.get_traced_memory()[0])
        socket.send_json({"type": "end"})
        *_, result, _ = received(socket)
    tracemalloc.stop()
    assert result["result"]["duration_s"] == 3600.0
    assert result["result"]["label"] is None
    assert peaks[1] < peaks[0] + 1_000_000

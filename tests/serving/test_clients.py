"""Clients that are slow, stop half-way, go away, or come in crowds; and a service that is told to end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving.browser import running_service
from serving.conftest import wav

from emotrace.inference.recogniser import Recogniser

TOKEN = "x" * 16
SpeechLike = Callable[..., np.ndarray]
POST = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/wav\r\nContent-Length: {}\r\n\r\n"


@pytest.fixture(scope="module")
def service(recogniser: Recogniser) -> Iterator[str]:
    with running_service(recogniser) as url:
        yield url


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    content = b""
    while b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def predict(url: str, content: bytes) -> tuple[int, bytes]:
    with connect(url) as connection:
        connection.sendall(POST.format(len(content)).encode() + content)
        return answer(connection)


def test_an_upload_that_stops_is_given_up_and_its_place_is_free_again(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    content = wav(speech_like(1.0))
    with running_service(recogniser, request_timeout_s=1.0, workers=1, max_waiting=3) as service:
        stopped = [connect(service) for _ in range(4)]  # as many as are admitted
        for connection in stopped:
            connection.sendall(POST.format(len(content)).encode() + content[:1_000])
        for connection in stopped:
            assert answer(connection)[0] == 408
            connection.close()
        # Whether the next upload arrives within a second depends on the machine, not on the service.
        assert any(predict(service, content)[0] == 200 for _ in range(20))


def test_a_slow_upload_that_arrives_in_time_is_answered(service: str, speech_like: SpeechLike) -> None:
    content = wav(speech_like(0.2))
    with connect(service) as connection:
        connection.sendall(POST.format(len(content)).encode())
        for start in range(0, len(content), 500):
            connection.sendall(content[start : start + 500])
        status, body = answer(connection)
    assert status == 200
    assert json.loads(body)[0]["label"] == "anger"


def test_clients_that_go_away_disturb_nobody(service: str, speech_like: SpeechLike) -> None:
    content = wav(speech_like(1.0))
    for sent in (10, 500, len(content), len(content) - 1):
        connection = connect(service)
        connection.sendall(POST.format(len(content)).encode() + content[:sent])
        connection.close()
    for _ in range(20):
        status, _ = predict(service, content)
        if status == 200:
            break
    assert status == 200


def test_a_client_that_does_not_read_its_answer_disturbs_nobody(
    service: str, speech_like: SpeechLike
) -> None:
    content = wav(speech_like(1.0))
    with connect(service) as silent:
        silent.sendall(POST.format(len(content)).encode() + content)
        assert predict(service, content)[0] == 200


@pytest.mark.slow
def test_sixty_four_streams_at_once_each_get_their_own_result(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    from websockets.asyncio.client import connect as connect_stream

    loud, soft = ((speech_like(4.0, x) * 32_767).astype("<i2").tobytes() for x in (0.3, 0.05))

    async def speak(url: str, samples: bytes) -> tuple[str, int]:
        async with connect_stream(f"{url.replace('http', 'ws')}/v1/stream") as stream:
            await stream.send(json.dumps({"type": "start", "rate_hz": 16_000}))
            for start in range(0, len(samples), 6_400):
                await stream.send(samples[start : start + 6_400])
                await asyncio.sleep(0)
            await stream.send(json.dumps({"type": "end"}))
            provisional = 0
            async for text in stream:
                message = json.loads(text)
                provisional += message["type"] == "provisional"
                if message["type"] == "result":
                    return message["result"]["label"], provisional
        raise AssertionError("no result")

    async def crowd(url: str) -> list[tuple[str, int]]:
        return await asyncio.gather(*(speak(url, (loud, soft)[number % 2]) for number in range(64)))

    with running_service(recogniser) as url:
        found = asyncio.run(crowd(url))
    assert [label for label, _ in found] == ["anger", "sadness"] * 32
    assert all(provisional >= 4 for _, provisional in found)


@pytest.fixture
def process(tiny_model: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service in its own process, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "emotrace", "serve", "--model", str(tiny_model), "--port", str(port)]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "EMOTRACE_TOKEN": TOKEN}
    )
    assert running.stderr is not None
    assert f"serving on http://127.0.0.1:{port}" in running.stderr.readline()
    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            connect(url).close()
            break
        except ConnectionRefusedError:
            assert running.poll() is None
    yield running, url
    running.kill()
    running.communicate()


@pytest.mark.slow
def test_sigterm_finishes_what_runs_and_takes_nothing_new(
    process: tuple[subprocess.Popen[str], str], speech_like: SpeechLike
) -> None:
    running, url = process
    content = wav(np.tile(speech_like(60.0), 20), format="FLAC", subtype="PCM_S8")  # some seconds of work
    head = POST.format(len(content)).replace(
        "Content-Type", f"Authorization: Bearer {TOKEN}\r\nContent-Type", 1
    )
    with connect(url) as connection, connect(url) as idle:
        connection.sendall(head.encode() + content)
        while b"emotrace_requests_admitted 1.0" not in counters(url):
            pass
        running.send_signal(signal.SIGTERM)
        status, found = answer(connection)
        assert idle.recv(1) == b""  # closed
    assert (status, json.loads(found)[0]["duration_s"]) == (200, 1200.0)
    _, errors = running.communicate(timeout=120)
    assert errors == ""
    assert running.returncode in (0, -signal.SIGTERM)
    with pytest.raises(ConnectionRefusedError):
        connect(url)


@pytest.mark.slow
def test_sigterm_gives_a_stream_its_result_so_far(
    process: tuple[subprocess.Popen[str], str], speech_like: SpeechLike
) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect as connect_stream

    running, url = process
    samples = (speech_like(2.0) * 32_767).astype("<i2").tobytes()
    messages: list[dict[str, Any]] = []
    with connect_stream(f"{url.replace('http', 'ws')}/v1/stream") as stream:
        stream.send(json.dumps({"type": "start", "rate_hz": 16_000, "token": TOKEN}))
        stream.send(samples)
        while not messages or messages[-1]["type"] != "provisional":
            messages.append(json.loads(stream.recv()))
        running.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                messages.append(json.loads(stream.recv()))
    assert messages[-1]["result"]["duration_s"] == 2.0
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    _, errors = running.communicate(timeout=60)
    assert errors == ""


def counters(url: str) -> bytes:
    with connect(url) as connection:
        request = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        connection.sendall(request.encode())
        return answer(connection)[1]


@pytest.mark.slow
def test_a_used_port_is_explained(process: tuple[subprocess.Popen[str], str], tiny_model: Path) -> None:
    _, url = process
    command = [
        sys.executable,
        "-m",
        "emotrace",
        "serve",
        "--model",
        str(tiny_model),
        "--port",
        url.rpartition(":")[2],
    ]
    done: Any = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot be used (Address already in use)" in done.stderr
    assert len(done.stderr.splitlines()) == 1

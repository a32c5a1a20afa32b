"""The limits: size, duration, time, requests at once; and nothing is written to the disk."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from serving.conftest import BODY, StartService, problem, wav

from emotrace.inference.recogniser import Recogniser
from emotrace.serving import recognition

SpeechLike = Callable[..., np.ndarray]


def chunks(content: bytes) -> Iterator[bytes]:
    """A body of unknown length."""
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


def test_a_large_upload_is_refused_by_its_header_and_while_it_arrives(
    start_service: StartService, speech_like: SpeechLike
) -> None:
    client = start_service(max_upload_mb=0.1)
    small, large = wav(speech_like(3.0)), wav(speech_like(4.0))
    assert len(small) < 100_000 < len(large)
    assert client.post("/v1/predict", content=small, headers=BODY).status_code == 200
    problem(client.post("/v1/predict", content=large, headers=BODY), 413, "0.1 MB")
    problem(client.post("/v1/predict", content=chunks(large), headers=BODY), 413, "0.1 MB")
    problem(client.post("/v1/predict", files={"audio": ("a.wav", large)}), 413, "0.1 MB")


def test_a_small_file_that_decodes_to_hours_is_refused_while_it_is_decoded(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start_service(max_duration_s=60)
    seconds: list[float] = []
    decode = recognition.open_upload

    def counting(*arguments: Any) -> Any:
        return _counted(decode(*arguments), seconds)

    monkeypatch.setattr(recognition, "open_upload", counting)
    hours = wav(np.zeros(4 * 3600 * 8_000, dtype=np.int16), 8_000, format="FLAC")
    assert len(hours) < 400_000
    problem(client.post("/v1/predict", content=hours, headers=BODY), 413, "1 minutes")
    assert sum(seconds) <= 60


class _counted:
    """Counts the seconds of a recording that are decoded."""

    def __init__(self, opened: Any, seconds: list[float]) -> None:
        self._opened, self._seconds = opened, seconds

    def __enter__(self) -> Any:
        sound = self._opened.__enter__()
        blocks = sound.blocks

        def counted() -> Iterator[np.ndarray]:
            for block in blocks:
                self._seconds.append(len(block) / sound.rate_hz)
                yield block

        sound.blocks = counted()
        return sound

    def __exit__(self, *error: Any) -> Any:
        return self._opened.__exit__(*error)


def test_too_many_channels_are_refused(start_service: StartService) -> None:
    client = start_service()
    content = wav(np.zeros((4_000, 33)))
    problem(client.post("/v1/predict?channels=each", content=content, headers=BODY), 422, "33 channels")


def test_work_that_takes_too_long_is_given_up(start_service: StartService, speech_like: SpeechLike) -> None:
    client = start_service(request_timeout_s=1e-9)
    answer = client.post("/v1/predict", content=wav(speech_like(1.0)), headers=BODY)
    assert answer.status_code in (408, 503)  # the upload or the work
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Semaphore, threading.Event]]:
    """Recognition that waits: a semaphore that counts its starts, and an event that lets it go on."""
    started, go_on = threading.Semaphore(0), threading.Event()
    recognise = Recogniser.__call__

    def waiting(self: Recogniser, *arguments: Any) -> Any:
        started.release()
        assert go_on.wait(60)
        return recognise(self, *arguments)

    monkeypatch.setattr(Recogniser, "__call__", waiting)
    yield started, go_on
    go_on.set()


def test_a_full_queue_answers_429_and_loses_nothing_that_it_accepted(
    start_service: StartService, speech_like: SpeechLike, held: tuple[threading.Semaphore, threading.Event]
) -> None:
    started, go_on = held
    client = start_service(workers=1, max_waiting=1)
    content = wav(speech_like(1.0))

    def call() -> Any:
        return client.post("/v1/predict", content=content, headers=BODY)

    with ThreadPoolExecutor(6) as threads:
        calls = [threads.submit(call) for _ in range(6)]
        assert started.acquire(timeout=60)
        while sum(future.done() for future in calls) < 4:
            pass
        refused = [future.result() for future in calls if future.done()]
        problem(client.get("/readyz"), 429)
        assert client.get("/healthz").status_code == 200
        go_on.set()
        answers = [future.result() for future in calls]
    assert len(refused) == 4
    for answer in refused:
        problem(answer, 429, "try again")
        assert int(answer.headers["retry-after"]) >= 1
    accepted = [answer for answer in answers if answer.status_code == 200]
    assert len(accepted) == 2
    assert all(answer.json()[0]["label"] == "anger" for answer in accepted)


def test_no_part_of_a_request_is_written_to_a_file(
    start_service: StartService, speech_like: SpeechLike, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "_TemporaryFile", refuse, raising=False)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    content = wav(speech_like(120.0))
    assert len(content) > 3_000_000
    answer = start_service().post("/v1/predict", files={"audio": ("a.wav", content)})
    assert answer.status_code == 200
    assert answer.json()[0]["duration_s"] == 120.0

"""A service with a tiny model, in this process."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason='NO SERVICE: run pip install "emotrace[serve]"')

from starlette.testclient import TestClient

from emotrace.inference.recogniser import Recogniser, load
from emotrace.serving.app import create_app
from emotrace.serving.settings import ServiceSettings

RATE_HZ = 16_000
BODY = {"Content-Type": "audio/wav"}

StartService = Callable[..., TestClient]


def wav(samples: np.ndarray, rate_hz: int = RATE_HZ, **options: Any) -> bytes:
    """Samples as the bytes of a file, WAV by default."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, **{"format": "WAV", **options})
    return file.getvalue()


@pytest.fixture(scope="session")
def recogniser(tiny_model: Any) -> Recogniser:
    return load(tiny_model, threads=1)


@pytest.fixture
def start_service(recogniser: Recogniser) -> Iterator[StartService]:
    """Start a service: `start_service(max_waiting=2)` takes the fields of `ServiceSettings`."""
    clients: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        app = create_app(recogniser, ServiceSettings(**{"workers": 2, **settings}))
        client = TestClient(app, base_url="http://localhost", headers={"Host": "localhost"})
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(recogniser: Recogniser) -> Iterator[TestClient]:
    """A service with the default limits."""
    app = create_app(recogniser, ServiceSettings(workers=2))
    with TestClient(app, base_url="http://localhost", headers={"Host": "localhost"}) as client:
        yield client


@pytest.fixture(scope="session")
def loud_then_soft(speech_like: Callable[..., np.ndarray]) -> np.ndarray:
    """Seven seconds of anger, then six of sadness, for the tiny model."""
    return np.concatenate([speech_like(7.0, 0.3), speech_like(6.0, 0.05)])


def problem(response: Any, status: int, *words: str) -> dict[str, Any]:
    """Assert that an answer is a problem with these words, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert len(body["detail"].splitlines()) == 1
    for word in words:
        assert word in body["detail"]
    return body

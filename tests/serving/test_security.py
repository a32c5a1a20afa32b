"""Who may call: loopback names, own pages, the token; and the headers that protect the page."""

from collections.abc import Callable

import numpy as np
import pytest
from command_line import assert_refused, run_command
from serving.conftest import BODY, StartService, problem, wav
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from emotrace.errors import EmotraceError
from emotrace.serving import security
from emotrace.serving.server import token_from_environment

TOKEN = "0123456789abcdef-0123456789"
SpeechLike = Callable[..., np.ndarray]


def test_calls_need_the_token_and_the_page_does_not(
    start_service: StartService, speech_like: SpeechLike
) -> None:
    client = start_service(token=TOKEN)
    content = wav(speech_like(1.0))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = client.post("/v1/predict", content=content, headers={**BODY, **headers})
        problem(answer, 401, "Authorization: Bearer")
        assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/v1/model", "/metrics"):
            problem(client.get(path, headers=headers), 401)
    allowed = {"Authorization": f"Bearer {TOKEN}"}
    assert client.post("/v1/predict", content=content, headers={**BODY, **allowed}).status_code == 200
    assert client.get("/v1/model", headers=allowed).status_code == 200
    for path in ("/", "/healthz", "/readyz", "/docs"):
        assert client.get(path).status_code == 200


def test_the_token_is_compared_in_constant_time(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(found: bytes, expected: bytes) -> bool:
        compared.append((found, expected))
        return False

    monkeypatch.setattr(security.hmac, "compare_digest", compare)
    problem(start_service(token=TOKEN).get("/v1/model", headers={"Authorization": f"Bearer {TOKEN}"}), 401)
    assert compared == [(TOKEN.encode(), TOKEN.encode())]


def test_a_stream_needs_the_token_in_a_header_or_in_its_first_message(start_service: StartService) -> None:
    client = start_service(token=TOKEN)
    for headers, message in (
        ({}, {"type": "start", "rate_hz": 16000}),
        ({}, {"type": "start", "rate_hz": 16000, "token": "wrong"}),
    ):
        with client.websocket_connect("/v1/stream", headers={**headers, "Host": "localhost"}) as socket:
            socket.send_json(message)
            assert socket.receive_json()["problem"]["status"] == 401
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
            assert closed.value.code == 1008
    for headers, extra in (({"Authorization": f"Bearer {TOKEN}"}, {}), ({}, {"token": TOKEN})):
        with client.websocket_connect("/v1/stream", headers={**headers, "Host": "localhost"}) as socket:
            socket.send_json({"type": "start", "rate_hz": 16000, **extra})
            assert socket.receive_json()["type"] == "ready"


def test_other_names_of_this_machine_are_refused(start_service: StartService) -> None:
    client = start_service()
    problem(client.get("/v1/model", headers={"Host": "evil.example"}), 400, "evil.example")
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert client.get("/v1/model", headers={"Host": host}).status_code == 200
    assert start_service(hosts=()).get("/v1/model", headers={"Host": "any.example"}).status_code == 200


def test_pages_of_other_origins_are_refused(start_service: StartService, speech_like: SpeechLike) -> None:
    client = start_service()
    content = wav(speech_like(1.0))
    foreign = {**BODY, "Origin": "https://evil.example"}
    answer = client.post("/v1/predict", content=content, headers=foreign)
    problem(answer, 403, "evil.example")
    assert "access-control-allow-origin" not in answer.headers
    own = {**BODY, "Origin": "http://localhost"}
    assert client.post("/v1/predict", content=content, headers=own).status_code == 200
    refused = {"Host": "localhost", "Origin": "https://evil.example"}
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/v1/stream", headers=refused),
    ):
        pass
    assert denied.value.status_code == 403


def test_cors_lets_one_origin_in(start_service: StartService, speech_like: SpeechLike) -> None:
    client = start_service(cors_origins=("https://lab.example",), token=TOKEN)
    wanted = {"Origin": "https://lab.example", "Access-Control-Request-Method": "POST"}
    asked = client.options("/v1/predict", headers=wanted)
    assert asked.headers["access-control-allow-origin"] == "https://lab.example"
    headers = {**BODY, "Origin": "https://lab.example", "Authorization": f"Bearer {TOKEN}"}
    answer = client.post("/v1/predict", content=wav(speech_like(1.0)), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://lab.example"


@pytest.mark.parametrize("path", ["/", "/v1/model", "/nothing", "/docs", "/page/facts.json"])
def test_every_answer_has_the_headers_of_security(start_service: StartService, path: str) -> None:
    headers = start_service().get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline'; script" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_weak_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTRACE_TOKEN", raising=False)
    assert token_from_environment() is None
    monkeypatch.setenv("EMOTRACE_TOKEN", TOKEN)
    assert token_from_environment() == TOKEN
    for weak in ("", "short", "has a space in it, long", "emoji-☃-0123456789"):
        monkeypatch.setenv("EMOTRACE_TOKEN", weak)
        with pytest.raises(EmotraceError, match="at least 16"):
            token_from_environment()


def test_the_command_refuses_public_addresses_without_the_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(run_command(capsys, "serve", "--host", "0.0.0.0"), "0.0.0.0", "--public")
    assert_refused(run_command(capsys, "serve", "--port", "0"), "port")

"""Live recognition: a WebSocket takes audio while it is spoken, and gives events and provisional states.

1. The client sends one JSON text: `{"type": "start", "rate_hz": 16000, "encoding": "int16", "channels": 1}`,
   with `"token"` if the service has one and the client cannot send the header, and `"frames": true` for
   scores over time with the provisional states.
2. The service answers `{"type": "ready", …}`.
3. The client sends binary messages: samples, or one Opus packet each. The service sends
   `{"type": "event", …}` when spans open, grow or close, and `{"type": "provisional", …}` at least once for
   each second of audio.
4. The client sends `{"type": "end"}`. The service sends `{"type": "result", "result": …}` and closes.

An error is `{"type": "error", "problem": …}`, and ends the stream.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from emotrace.errors import AudioError, MissingExtraError
from emotrace.inference.streaming import Stream
from emotrace.serving.live_audio import LiveAudio, StartMessage
from emotrace.serving.live_frames import FrameRows, LiveFrames
from emotrace.serving.problems import ProblemError
from emotrace.serving.security import STREAM_PATH, bearer_token, check_token
from emotrace.serving.service import Service, TheService
from emotrace.timeline import SpanEvent

router = APIRouter()
PROVISIONAL_S = 0.75  # of audio between provisional states; a chunk may delay one by up to 0.25 s
PUSH_S = 0.1  # of audio that is recognised together, if the client sends less
_POLICY, _TOO_LARGE, _INTERNAL, _RESTART, _AGAIN = 1008, 1009, 1011, 1012, 1013
_CLOSE_CODES = {401: _POLICY, 408: _POLICY, 413: _TOO_LARGE, 429: _AGAIN, 500: _INTERNAL, 503: _RESTART}


class _Ended(Exception):
    """The client ended the recording, or the service is ending."""


@router.websocket(STREAM_PATH)
async def stream(socket: WebSocket, service: TheService) -> None:
    """Recognise one recording while it arrives."""
    await socket.accept()
    code = 1000
    try:
        with service.stream_admission():
            await _converse(socket, service)
            code = _RESTART if service.stopping.is_set() else 1000
    except WebSocketDisconnect:
        return
    except (AudioError, MissingExtraError) as error:
        code = await _send_problem(socket, ProblemError(422, str(error)))
    except ProblemError as problem:
        code = await _send_problem(socket, problem)
    except Exception:  # any error of the service: the client gets a reason, and the server logs it
        await _send_problem(socket, ProblemError(500, "an error of the service; its log has the cause"))
        await _close(socket, _INTERNAL)
        raise
    await _close(socket, code)


async def _converse(socket: WebSocket, service: Service) -> None:
    inbox = _Inbox(socket, service)
    try:
        await _recognise(socket, service, inbox)
    finally:
        inbox.close()


async def _recognise(socket: WebSocket, service: Service, inbox: "_Inbox") -> None:
    audio, recognition, frames = await _start(inbox, service)
    await socket.send_json(
        {
            "type": "ready",
            "model": service.recogniser.config.name,
            "labels": service.recogniser.labels,
            "latency_s": recognition.latency_s,
        }
    )
    session = _Session(recognition, audio, frames)
    try:
        while True:
            audio.add(await inbox.receive())
            if audio.waiting_s >= PUSH_S:
                await _send_all(socket, await service.stream_pool.run(session.push))
    except _Ended:
        service.metrics.audio_s.inc(audio.total_s)
        await _send_all(socket, await service.stream_pool.run(session.end))


class _Session:
    """Chunks → messages, in a thread of the pool."""

    def __init__(self, recognition: Stream, audio: LiveAudio, frames: LiveFrames | None) -> None:
        self._recognition, self._audio, self._frames = recognition, audio, frames
        self._due_s = PROVISIONAL_S

    def push(self) -> list[dict[str, Any]]:
        """Recognise what arrived."""
        messages = _event_messages(self._recognition.push(self._audio.take()))
        if self._audio.total_s >= self._due_s:
            self._due_s = self._audio.total_s + PROVISIONAL_S
            messages.append({"type": "provisional", **self._provisional()})
        return messages

    def _provisional(self) -> dict[str, Any]:
        if self._frames is None:
            return self._recognition.provisional().to_dict()
        state, frames = self._frames.provisional(self._recognition)
        return {**state.to_dict(), "frames": frames}

    def end(self) -> list[dict[str, Any]]:
        """Recognise the rest, and give the result."""
        events = self._recognition.push(self._audio.take()) + self._recognition.flush()
        return [*_event_messages(events), {"type": "result", "result": self._recognition.result().to_dict()}]


async def _start(inbox: "_Inbox", service: Service) -> tuple[LiveAudio, Stream, LiveFrames | None]:
    """Read the first message.

    Raises:
        ProblemError: 401 without the token, 422 if the message is not as expected
    """
    message = await inbox.receive(binary=False)
    try:
        start = StartMessage.model_validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the first message"
        raise ProblemError(
            422, f'{where}: {first["msg"]}; expected such as {{"type": "start", "rate_hz": 16000}}'
        ) from None
    check_token(service.settings, bearer_token(inbox.socket.headers) or start.token)
    recogniser, final = service.recogniser, FrameRows() if start.frames else None
    recognition = recogniser.stream(start.decoded_rate_hz, "<stream>", final)
    frames = None if final is None else LiveFrames(recogniser.labels, final)
    return LiveAudio(start), recognition, frames


class _Inbox:
    """The messages of a client, until it ends, goes away or says nothing, or the service is ending."""

    def __init__(self, socket: WebSocket, service: Service) -> None:
        self.socket = socket
        self._idle_s = service.settings.stream_idle_s
        self._stopping = asyncio.ensure_future(service.stopping.wait())

    def close(self) -> None:
        self._stopping.cancel()

    async def receive(self, binary: bool = True) -> bytes:
        """The next message, of bytes or of text.

        Raises:
            _Ended: if the client ended the recording, or the service is ending
            ProblemError: 408 if the client sends nothing for too long, 422 if it sends something else
            WebSocketDisconnect: if the client is gone
        """
        receiving = asyncio.ensure_future(self.socket.receive())
        done, _ = await asyncio.wait(
            (receiving, self._stopping), timeout=self._idle_s, return_when=asyncio.FIRST_COMPLETED
        )
        if receiving not in done:
            receiving.cancel()
            with suppress(asyncio.CancelledError):
                await receiving
            if done:
                raise _Ended
            raise ProblemError(408, f"found no message for {self._idle_s:g} s, expected audio or an end")
        message = receiving.result()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text, content = message.get("text"), message.get("bytes")
        if binary and text is not None:
            if _is_end(text):
                raise _Ended
            raise ProblemError(422, f'found the text {text[:40]!r}, expected audio or {{"type": "end"}}')
        if not binary and text is None:
            raise ProblemError(422, "found audio, expected first a JSON text of the type start")
        return text.encode(errors="replace") if text is not None else content or b""


def _is_end(text: str) -> bool:
    try:
        message = json.loads(text)
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("type") == "end"


def _event_messages(events: list[SpanEvent]) -> list[dict[str, Any]]:
    return [{"type": "event", **event.to_dict()} for event in events]


async def _send_all(socket: WebSocket, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        await socket.send_json(message)


async def _send_problem(socket: WebSocket, problem: ProblemError) -> int:
    """Send an error, and return the code to close with."""
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_json({"type": "error", "problem": problem.body()})
    return _CLOSE_CODES.get(problem.status, _POLICY)


async def _close(socket: WebSocket, code: int) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)

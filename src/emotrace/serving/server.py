"""Running the application: addresses, start, and an end that finishes what runs."""

import asyncio
import logging
import os
import socket
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from emotrace.errors import EmotraceError
from emotrace.serving.service import Service

TOKEN_VARIABLE = "EMOTRACE_TOKEN"
_BACKLOG = 2048
_FINISH_STREAMS_S = 5.0
_FINISH_REQUESTS_S = 250  # the default time for an upload and for the work on it
_MAX_MESSAGE_BYTES = 1 << 20


def token_from_environment() -> str | None:
    """The token that clients must send; None if the variable is not set.

    Raises:
        EmotraceError: if it is too short to be a secret, or has characters that a header cannot have
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if token is None:
        return None
    if len(token) < 16 or not (token.isascii() and token.isprintable() and " " not in token):
        raise EmotraceError(
            f"{TOKEN_VARIABLE}: found {len(token)} characters, expected at least 16 of ASCII without spaces; "
            'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    return token


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on.

    Raises:
        EmotraceError: if the address cannot be used
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise EmotraceError(
            f"found that {host}, port {port} cannot be used ({reason}); give another --host or --port"
        ) from None
    return listener


def run(app: FastAPI, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT. Requests that were accepted are finished."""
    config = uvicorn.Config(
        app,
        access_log=False,  # it would name recordings
        log_level=logging.WARNING,
        server_header=False,
        timeout_graceful_shutdown=_FINISH_REQUESTS_S,
        ws_per_message_deflate=False,
        ws_max_size=_MAX_MESSAGE_BYTES,
        lifespan="on",
    )
    with listener:
        _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that lets live streams send their results before it closes them."""

    async def shutdown(self, sockets: Sequence[socket.socket] | None = None) -> None:
        service: Service = self.config.app.state.service  # type: ignore[union-attr]
        service.stopping.set()
        for _ in range(round(_FINISH_STREAMS_S / 0.05)):
            if not service.streams:
                break
            await asyncio.sleep(0.05)
        await super().shutdown(None if sockets is None else list(sockets))

"""Who may call the service, and the headers that every answer has. Plain ASGI, also for WebSockets."""

import hmac
import time
from collections.abc import MutableMapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emotrace.serving.metrics import ServiceMetrics
from emotrace.serving.problems import ProblemError
from emotrace.serving.settings import ServiceSettings

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
_PROTECTED = ("/v1/", "/metrics")
STREAM_PATH = "/v1/stream"


class Guard:
    """Checks each request and counts its answer.

    It refuses names of the service that are not its own, since a foreign page could otherwise reach a service
    on this machine by a name that leads here; pages of other origins; and calls without the token.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: ServiceMetrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        start, status = time.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, send_with_headers)
        except ProblemError as problem:
            await problem.response()(scope, receive, send_with_headers)
        finally:
            route = _route(scope)
            self._metrics.requests.labels(route, str(status or 500)).inc()
            if scope["type"] == "http":
                self._metrics.seconds.labels(route).observe(time.monotonic() - start)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if self._settings.hosts and _without_port(host) not in self._settings.hosts:
            raise ProblemError(
                400, f"found the host {host[:60]!r}, expected one of {', '.join(self._settings.hosts)}"
            )
        origin = headers.get("origin")
        reads_only = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
        if origin is not None and not reads_only and not self._is_allowed(origin, host):
            raise ProblemError(
                403, f"found a call from a page of {origin[:60]!r}, expected one of this service; see --cors"
            )
        # Browsers cannot send headers with a WebSocket, so a stream may send its token in its first message.
        if scope["path"].startswith(_PROTECTED) and scope["type"] == "http" and scope["method"] != "OPTIONS":
            check_token(self._settings, bearer_token(headers))

    def _is_allowed(self, origin: str, host: str) -> bool:
        return origin in self._settings.cors_origins or urlsplit(origin).netloc.lower() == host


def check_token(settings: ServiceSettings, token: str | None) -> None:
    """Refuse a call without the right token. The comparison takes the same time for every wrong token.

    Raises:
        ProblemError: 401
    """
    if settings.token is None:
        return
    if token is None or not hmac.compare_digest(token.encode(), settings.token.encode()):
        found = "no token" if token is None else "a wrong token"
        raise ProblemError(
            401,
            f"found {found}, expected the header Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )


def bearer_token(headers: Headers) -> str | None:
    """The token in the header Authorization.

    >>> bearer_token(Headers({"Authorization": "Bearer abc"}))
    'abc'
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _route(scope: MutableMapping[str, object]) -> str:
    """The path of the route, never one that a client made up."""
    return str(getattr(scope.get("route"), "path", "other"))

"""Errors of the service as `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from emotrace.system.escaping import escape_control_characters

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request that cannot be answered as asked.

    Args:
        status: the HTTP status
        detail: one line: what was found, what was expected, what to do
        headers: further headers of the answer
        errors: the errors of the single files, if there were several

    >>> ProblemError(415, "found text, expected audio").body()["title"]
    'Unsupported Media Type'
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, escape_control_characters(detail)
        self.headers, self.errors = dict(headers or {}), list(errors)

    def body(self) -> dict[str, Any]:
        """The fields of the answer."""
        try:
            title = HTTPStatus(self.status).phrase
        except ValueError:
            title = "Error"
        fields: dict[str, Any] = {"type": "about:blank", "title": title, "status": self.status}
        return fields | {"detail": self.detail} | ({"errors": self.errors} if self.errors else {})

    def response(self) -> Response:
        """The answer."""
        return JSONResponse(self.body(), self.status, self.headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Make an application answer every error with a problem."""

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return error.response()

    async def http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return ProblemError(error.status_code, str(error.detail), error.headers).response()

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return ProblemError(422, "; ".join(map(_describe, error.errors()))).response()

    async def disconnected(_: Request, __: Exception) -> Response:
        return ProblemError(400, "found a connection that ended early, expected the whole body").response()

    async def unexpected(_: Request, __: Exception) -> Response:
        return ProblemError(500, "an error of the service; its log has the cause").response()

    app.add_exception_handler(ProblemError, problem)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, disconnected)
    app.add_exception_handler(Exception, unexpected)


def _describe(error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"{name}: found a parameter that this route does not have; /docs lists those that it has"
    found = json.dumps(error.get("input"), ensure_ascii=True, default=str)
    return f"{name}: found {found[:60]}, and {error['msg'][:1].lower()}{error['msg'][1:]}"

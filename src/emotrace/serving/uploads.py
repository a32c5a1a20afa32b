"""Request bodies: recordings as the parts of a form, or one recording as the body. Nothing is stored."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from emotrace.serving.problems import ProblemError
from emotrace.serving.settings import ServiceSettings

AUDIO, SEGMENTS = "audio", "segments"
_BODY_TYPES = ("audio/", "video/", "application/octet-stream", "application/ogg")
_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a request.

    Attributes:
        name: its name without folders, None if it has none
        content: its bytes
    """

    name: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files of a request: at least one recording, and perhaps a segment file."""

    recordings: tuple[Upload, ...]
    segments: Upload | None = None


class _InMemoryParser(MultiPartParser):
    """A parser that never writes a part to a temporary file."""

    spool_max_size = 0  # no size is too large


async def read_uploads(request: Request, settings: ServiceSettings, name: str | None = None) -> Uploads:
    """Read the body of a request.

    Args:
        request: the request
        settings: the limits
        name: name of the recording that is the body

    Raises:
        ProblemError: 400 for a damaged form, 408 if the body does not arrive in time, 413 if it is too large,
            415 if it is neither audio nor a form
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > settings.max_upload_bytes:
        raise _too_large(settings)
    try:
        async with asyncio.timeout(settings.request_timeout_s):
            if kind == "multipart/form-data":
                return await _read_form(request, settings)
            if kind and not kind.startswith(_BODY_TYPES):
                raise ProblemError(
                    415,
                    f"found a body of type {kind[:60]}, expected multipart/form-data or audio, such as "
                    "audio/wav; set the header Content-Type",
                )
            pieces = [chunk async for chunk in _limited(request, settings)]
    except TimeoutError:
        raise ProblemError(
            408,
            f"found an upload that takes more than {settings.request_timeout_s:g} s, expected a faster one",
        ) from None
    content = b"".join(pieces)
    if not content:
        raise ProblemError(400, "found an empty body, expected audio, or multipart/form-data with audio")
    return Uploads((Upload(safe_name(name), content),))


def safe_name(name: str | None) -> str | None:
    r"""The last part of a name that a client gave; None if nothing remains.

    >>> safe_name("C:\\fakepath\\a.wav"), safe_name("../../etc/passwd"), safe_name("..")
    ('a.wav', 'passwd', None)
    """
    if not name:
        return None
    last = PurePosixPath(name.replace("\\", "/").replace("\0", "")).name[-_MAX_NAME:]
    return None if last in ("", ".", "..") else last


async def _read_form(request: Request, settings: ServiceSettings) -> Uploads:
    try:
        form = await _InMemoryParser(request.headers, _limited(request, settings), max_fields=10).parse()
    except MultiPartException as error:
        raise ProblemError(
            400, f"found a damaged form ({error.message}), expected multipart/form-data"
        ) from None
    try:
        return await _files(form)
    finally:
        await form.close()


async def _files(form: FormData) -> Uploads:
    recordings: list[Upload] = []
    segments: Upload | None = None
    for field, value in form.multi_items():
        if field not in (AUDIO, SEGMENTS) or not isinstance(value, UploadFile):
            what = "" if isinstance(value, UploadFile) else " without a file name"
            raise ProblemError(
                400,
                f"found the part {field[:60]!r}{what}, expected files named {AUDIO} and one {SEGMENTS}",
            )
        upload = Upload(safe_name(value.filename), await value.read())
        if field == AUDIO:
            recordings.append(upload)
        elif segments is None:
            segments = upload
        else:
            raise ProblemError(400, f"found several parts named {SEGMENTS}, expected one")
    if not recordings:
        raise ProblemError(400, f"found no part named {AUDIO}, expected at least one")
    return Uploads(tuple(recordings), segments)


async def _limited(request: Request, settings: ServiceSettings) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > settings.max_upload_bytes:
            raise _too_large(settings)
        yield chunk


def _too_large(settings: ServiceSettings) -> ProblemError:
    return ProblemError(
        413,
        f"found a body of more than {settings.max_upload_mb:g} MB, expected at most that; "
        "compress the recording, or cut it",
        {"Connection": "close"},
    )


def deadline(settings: ServiceSettings) -> float:
    """The time of `time.monotonic` at which work that starts now must be done."""
    return time.monotonic() + settings.request_timeout_s

"""The page at `/`, the OpenAPI page at `/docs`, and the examples. No file comes from elsewhere."""

import io
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import soundfile
from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from emotrace.annotations.formats.plot import choose_colours
from emotrace.corpora.loaders.synthetic import multi_emotion_clip
from emotrace.serving.problems import ProblemError
from emotrace.serving.service import TheService

router = APIRouter(include_in_schema=False)
FOLDER = Path(str(files("emotrace.serving"))) / "static"
# Voices that are not part of the synthetic corpus. They show how the page works: models that were trained on
# people name other emotions than those that were meant.
EXAMPLES: dict[str, tuple[int, tuple[str, ...]]] = {
    "computer-voice-1": (25, ("neutral", "anger")),
    "computer-voice-2": (20, ("anger", "sadness")),
    "computer-voice-3": (28, ("neutral", "anger", "sadness")),
}


@router.get("/")
async def index() -> Response:
    """The page."""
    return FileResponse(FOLDER / "index.html")


@router.get("/docs")
async def docs() -> Response:
    """The OpenAPI description to read and to try."""
    return FileResponse(FOLDER / "docs.html", headers={"Content-Security-Policy": _DOCS_POLICY})


_DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"


@router.get("/page/facts.json")
async def facts(service: TheService) -> dict[str, object]:
    """What the page needs before anything is recognised."""
    return {
        "colours": choose_colours(service.recogniser.labels),
        "examples": list(EXAMPLES),
    }


@router.get("/page/examples/{name}.wav")
def example(name: str) -> Response:
    """A recording made by the synthetic corpus."""
    if name not in EXAMPLES:
        raise ProblemError(404, f"found no example {name[:40]!r}, expected one of {', '.join(EXAMPLES)}")
    return Response(example_wav(name), media_type="audio/wav")


@lru_cache
def example_wav(name: str) -> bytes:
    """The bytes of an example's WAV file."""
    speaker, emotions = EXAMPLES[name]
    clip = multi_emotion_clip(speaker=speaker, emotions=emotions)
    file = io.BytesIO()
    soundfile.write(file, clip.samples, clip.sample_rate_hz, format="WAV")
    return file.getvalue()


def add_files(app: FastAPI) -> None:
    """Serve the files of the page, and those of Swagger UI."""
    app.mount("/page", StaticFiles(directory=FOLDER), name="page")
    swagger = Path(str(files("fastapi_swagger"))) / "resources"
    app.mount("/swagger", StaticFiles(directory=swagger), name="swagger")

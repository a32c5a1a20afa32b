"""Routes about the service: the model, health, counters."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from emotrace.annotations.registry import FORMATS
from emotrace.corpora.registry import CORPORA
from emotrace.inference.model_config import ModelConfig
from emotrace.serving.schemas import PROBLEMS, ModelBody
from emotrace.serving.service import TheService

router = APIRouter(tags=["about"])
_METRICS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}, 401: PROBLEMS[401]}


@router.get("/v1/model", summary="Facts about the model, and the limits", responses={401: PROBLEMS[401]})
async def model(service: TheService) -> ModelBody:
    """The model: its emotions, what it was trained on, how accurate it is; and the limits of the service."""
    settings = service.settings
    return ModelBody(
        **model_facts(service.recogniser.config),
        limits={
            "upload_mb": settings.max_upload_mb,
            "duration_s": settings.max_duration_s,
            "request_s": settings.request_timeout_s,
            "streams": settings.max_streams,
        },
    )


def model_facts(config: ModelConfig) -> dict[str, Any]:
    """What clients may want to know about a model, as plain values."""
    return {
        "name": config.name,
        "version": config.version,
        "system": config.system,
        "labels": list(config.labels),
        "sample_rate_hz": config.sampling_rate,
        "minimum_s": config.minimum_samples / config.sampling_rate,
        "trained_on": [_describe_corpus(name) for name in (*config.earlier_corpora, config.corpus) if name],
        "protocol": config.protocol,
        "figures": {
            name: {"value": figure.value, "interval": figure.interval}
            for name, figure in config.figures.items()
        },
        "formats": [
            {"name": entry.name, "suffix": entry.suffix, "media_type": entry.media_type}
            for entry in FORMATS
            if entry.timeline
        ],
    }


def _describe_corpus(name: str) -> str:
    """The name of a corpus and, if it is known here, its kind of speech."""
    corpus = CORPORA.get(name)
    return name if corpus is None else f"{corpus.title} ({corpus.speech})" if corpus.speech else corpus.title


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether it takes requests", responses={503: PROBLEMS[503]})
async def readyz(service: TheService) -> dict[str, str]:
    """Whether the service takes requests now: it is not ending, and has room for another request."""
    service.check_running()
    with service.pool.admission():
        return {"status": "ready"}


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    responses={200: {"content": {"text/plain": {}}}, 401: PROBLEMS[401]},
)
async def metrics(service: TheService) -> Response:
    """Counters in the text format of Prometheus."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

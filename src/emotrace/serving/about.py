"""Routes about the service: the model, health, counters."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from emotrace.annotations.registry import FORMATS
from emotrace.inference.model_config import ModelConfig
from emotrace.serving.schemas import PROBLEMS, ModelBody
from emotrace.serving.service import TheService

router = APIRouter(tags=["about"])


@router.get("/v1/model", responses={401: PROBLEMS[401]})
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
        "trained_on": [*config.earlier_corpora, *([config.corpus] if config.corpus else [])],
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


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: PROBLEMS[503]})
async def readyz(service: TheService) -> dict[str, str]:
    """Whether the service takes requests now: it is not ending, and has room for another request."""
    service.check_running()
    with service.pool.admission():
        return {"status": "ready"}


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}, 401: PROBLEMS[401]})
async def metrics(service: TheService) -> Response:
    """Counters in the text format of Prometheus."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

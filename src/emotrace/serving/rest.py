"""The routes that recognise recordings."""

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.annotations.registry import Format
from emotrace.errors import ModelError
from emotrace.inference.result import choose_labels
from emotrace.serving import recognition
from emotrace.serving.limited_audio import AudioLimits
from emotrace.serving.negotiation import PREDICTION_FORMATS, TIMELINE_FORMATS, choose_format
from emotrace.serving.problems import ProblemError
from emotrace.serving.recognition import Failure, Outcome, PredictOptions, Recognised
from emotrace.serving.schemas import PredictQuery, TraceQuery, answers, request_body
from emotrace.serving.service import Service, TheService
from emotrace.serving.uploads import deadline, read_uploads

router = APIRouter(tags=["recognition"])
_HEADER_CHARACTERS = 4000


@router.post(
    "/v1/predict",
    summary="The emotion of recordings",
    responses=answers(PREDICTION_FORMATS),
    openapi_extra=request_body(segments=True),
)
async def predict(request: Request, service: TheService, query: Annotated[PredictQuery, Query()]) -> Response:
    """Recognise the emotion of recordings, of their channels, or of their segments.

    curl -F audio=@interview.wav http://127.0.0.1:8000/v1/predict
    curl -F audio=@interview.wav -F segments=@interview.srt http://127.0.0.1:8000/v1/predict?format=csv
    """
    chosen = choose_format(PREDICTION_FORMATS, query.format, request.headers.get("accept", ""))
    service.check_running()
    with service.pool.admission():
        uploads = await read_uploads(request, service.settings, query.file)
        if uploads.segments is not None and query.channels == "each":
            raise ProblemError(422, "found segments and channels=each, expected one of them; omit the other")
        if uploads.segments is None and query.tier is not None:
            raise ProblemError(422, "found a tier, which chooses a tier of a segment file, and no such file")
        emotions = None if query.emotions is None else _choose(service.recogniser.labels, query.emotions)
        options = PredictOptions(
            top_k=query.top_k,
            each_channel=query.channels == "each",
            abstain_below=query.abstain_below,
            tier=query.tier,
            emotions=emotions,
        )
        writing = PredictionOptions(
            emotions or service.recogniser.labels,
            query.top_k,
            uploads.segments is not None,
            options.each_channel,
        )
        limits = _limits(service)
        return await _answer(
            service,
            chosen,
            lambda: recognition.predict(service.recogniser, uploads, options, limits),
            lambda outcomes: recognition.write_predictions(outcomes, chosen, writing),
            chosen.warnings_in_predictions,
        )


@router.post(
    "/v1/trace",
    summary="The emotions of recordings over time",
    responses=answers(TIMELINE_FORMATS),
    openapi_extra=request_body(segments=False),
)
async def trace(request: Request, service: TheService, query: Annotated[TraceQuery, Query()]) -> Response:
    """Show when each emotion occurs in recordings.

    curl -F audio=@interview.wav http://127.0.0.1:8000/v1/trace?format=vtt
    curl -F audio=@interview.wav http://127.0.0.1:8000/v1/trace?frames=true
    """
    chosen = choose_format(TIMELINE_FORMATS, query.format, request.headers.get("accept", ""))
    if query.frames and chosen.name not in ("json", "csv"):
        raise ProblemError(422, f"found frames and the format {chosen.name}, expected json or csv")
    service.check_running()
    with service.pool.admission():
        uploads = await read_uploads(request, service.settings, query.file)
        if uploads.segments is not None:
            raise ProblemError(
                422, "found a segment file, expected recordings only; /v1/predict uses segments"
            )
        if len(uploads.recordings) > 1 and not chosen.many_recordings:
            raise ProblemError(
                422,
                f"found {len(uploads.recordings)} recordings, expected one, since a file of the format "
                f"{chosen.name} holds one; send one request for each",
            )
        limits = _limits(service)
        return await _answer(
            service,
            chosen,
            lambda: recognition.trace(service.recogniser, uploads, chosen, query.frames, limits),
            lambda outcomes: recognition.write_timelines(
                outcomes, chosen, query.frames, service.recogniser.labels
            ),
            chosen.warnings_in_timelines,
        )


def _choose(labels: Sequence[str], emotions: str) -> tuple[str, ...]:
    """The labels that the parameter `emotions` lists."""
    try:
        return choose_labels(labels, [name.strip() for name in emotions.split(",")])
    except ModelError as error:
        raise ProblemError(422, f"emotions: {error}") from None


def _limits(service: Service) -> AudioLimits:
    return AudioLimits(service.settings.max_duration_s, deadline(service.settings))


async def _answer(
    service: Service,
    chosen: Format,
    work: Callable[[], Sequence[Outcome]],
    write: Callable[[Sequence[Outcome]], bytes],
    has_warnings: bool,
) -> Response:
    """Do the work in the pool. If nothing could be recognised, the answer is a problem."""

    def recognise_and_write() -> tuple[Sequence[Outcome], bytes]:
        outcomes = work()
        done = any(isinstance(outcome, Recognised) for outcome in outcomes)
        return outcomes, write(outcomes) if done else b""

    outcomes, content = await service.pool.run(recognise_and_write)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    results = [outcome.result for outcome in outcomes if isinstance(outcome, Recognised)]
    service.metrics.recordings.labels("failed").inc(len(failures))
    service.metrics.recordings.labels("recognised").inc(len(results))
    service.metrics.audio_s.inc(sum(result.duration_s for result in results))
    if not results:
        raise _joint_problem(failures)
    headers = {}
    if failures:
        headers["Emotrace-Errors"] = _header([failure.to_dict() for failure in failures])
    if not has_warnings and any(result.warnings for result in results):
        warnings = [{"file": r.file, "warnings": [*map(str, r.warnings)]} for r in results if r.warnings]
        headers["Emotrace-Warnings"] = _header(warnings)
    charset = "; charset=utf-8" if chosen.media_type.startswith("text/") else ""
    return Response(content, headers=headers, media_type=f"{chosen.media_type}{charset}")


def _joint_problem(failures: Sequence[Failure]) -> ProblemError:
    first = failures[0].problem
    if len(failures) == 1:
        return first
    statuses = {failure.problem.status for failure in failures}
    return ProblemError(
        first.status if len(statuses) == 1 else 422,
        f"none of the {len(failures)} inputs could be recognised; the first: {first.detail}",
        first.headers,
        [failure.to_dict() for failure in failures],
    )


def _header(entries: Sequence[dict[str, Any]]) -> str:
    """Entries as JSON that fits into a header; those that do not fit are counted."""
    kept: list[dict[str, Any]] = []
    for number, entry in enumerate(entries):
        if len(json.dumps([*kept, entry])) > _HEADER_CHARACTERS:
            return json.dumps([*kept, {"further": len(entries) - number}])
        kept.append(entry)
    return json.dumps(kept)

"""What requests and answers contain, for validation and for the OpenAPI description."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from emotrace.annotations.registry import find_format
from emotrace.serving.problems import MEDIA_TYPE
from emotrace.serving.uploads import AUDIO, SEGMENTS


class Query(BaseModel):
    """Parameters that both routes have."""

    model_config = ConfigDict(extra="forbid")

    format: str | None = Field(
        None, description="The format of the answer; by default that of Accept, or JSON."
    )
    file: str | None = Field(
        None, description="Name of the recording, if it is the body.", examples=["a.wav"]
    )


class PredictQuery(Query):
    """The parameters of `/v1/predict`."""

    top_k: int | None = Field(None, ge=1, le=1000, description="Number of scores, from the highest.")
    channels: Literal["mix", "each"] = Field("mix", description="each: a result for each channel.")
    emotions: str | None = Field(
        None,
        description="Emotions that can occur, two or more, such as anger,neutral. The scores of the others "
        "are left out, and these are scaled to sum to 1. By default, all emotions of the model.",
        examples=["anger,neutral"],
    )
    abstain_below: float = Field(0.0, ge=0, le=1, description="No label if the best score is lower.")
    tier: str | None = Field(None, description="Tier of a segment file that has tiers.")


class TraceQuery(Query):
    """The parameters of `/v1/trace`."""

    frames: bool = Field(False, description="Also the scores over time (json), or only them (csv).")


class SpanBody(BaseModel):
    """One emotion between two times in seconds."""

    start: float
    end: float
    emotion: str
    score: float


class ResultBody(BaseModel):
    """The result of one recording, of one of its channels or of one of its segments."""

    schema_version: int
    model: str
    file: str | None
    duration_s: float
    label: str | None
    score: float | None
    scores: dict[str, float] | None
    timeline: list[SpanBody]
    warnings: list[str]


class FailureBody(BaseModel):
    """A recording that could not be recognised, among others that could."""

    file: str | None
    error: dict[str, Any]


class ProblemBody(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FailureBody] = []


class ModelBody(BaseModel):
    """The model and the limits of the service."""

    name: str
    version: str
    system: str
    labels: list[str]
    sample_rate_hz: int
    minimum_s: float
    trained_on: list[str]
    protocol: str | None
    figures: dict[str, Any]
    formats: list[dict[str, str]]
    limits: dict[str, float]


_DESCRIPTIONS = {
    400: "The body is damaged or empty.",
    401: "The token is missing or wrong.",
    403: "A page of another origin calls.",
    406: "No such format.",
    408: "The body does not arrive in time.",
    413: "The body or the recording is too long.",
    415: "The body is not audio that can be read here.",
    422: "The audio or a parameter is unusable.",
    429: "Too many requests; Retry-After says when to try again.",
    503: "The service is ending, or the work takes too long.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}}}
    for status, text in _DESCRIPTIONS.items()
}
_BINARY = {"type": "string", "format": "binary"}


def request_body(segments: bool) -> dict[str, Any]:
    """The OpenAPI description of a body: a form of files, or one recording."""
    fields: dict[str, Any] = {AUDIO: {"type": "array", "items": _BINARY, "minItems": 1}}
    if segments:
        fields[SEGMENTS] = _BINARY
    form = {"type": "object", "properties": fields, "required": [AUDIO], "additionalProperties": False}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form, "encoding": {AUDIO: {"contentType": "audio/wav"}}},
                "audio/wav": {"schema": _BINARY},
                "application/octet-stream": {"schema": _BINARY},
            },
        }
    }


def answers(formats: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the answers of a route that writes these formats."""
    content: dict[str, Any] = {find_format(name).media_type: {} for name in formats}
    one = {"anyOf": [ResultBody.model_json_schema(), FailureBody.model_json_schema()]}
    content["application/json"] = {"schema": {"type": "array", "items": one}}
    return {200: {"description": "One entry for each recording.", "content": content}, **PROBLEMS}

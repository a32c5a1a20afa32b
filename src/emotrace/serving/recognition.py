"""Recognition of the recordings of one request: one outcome each, in any annotation format."""

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotrace.annotations.formats.csv_table import format_frame_header, format_frames
from emotrace.annotations.formats.json_text import format_object
from emotrace.annotations.matching import match
from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.annotations.reading import parse_segments
from emotrace.annotations.recording_summary import RecordingSummary
from emotrace.annotations.registry import Format, import_function
from emotrace.audio.reading import AudioStream
from emotrace.errors import EmotraceError, SegmentError
from emotrace.inference.frame_scores import FrameCollector, FrameScores
from emotrace.inference.recogniser import Recogniser
from emotrace.inference.result import Result
from emotrace.inference.segments import recognise_segments
from emotrace.serving.limited_audio import AudioLimits, check_deadline, open_upload
from emotrace.serving.problems import ProblemError
from emotrace.serving.uploads import Upload, Uploads

_ESCAPED = "backslashreplace"
_DRAWING = threading.Lock()  # matplotlib does not promise to work in several threads


@dataclass(frozen=True, slots=True)
class Recognised:
    """A result, and what else its format needs."""

    result: Result
    summary: RecordingSummary | None = None
    frame_scores: FrameScores | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording or a segment without a result."""

    file: str | None
    problem: ProblemError

    def to_dict(self) -> dict[str, Any]:
        return {"file": self.file, "error": {"status": self.problem.status, "detail": self.problem.detail}}


Outcome = Recognised | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """The options of `/v1/predict`, as on the command line."""

    top_k: int | None = None
    each_channel: bool = False
    abstain_below: float = 0.0
    tier: str | None = None
    emotions: tuple[str, ...] | None = None


def predict(
    recogniser: Recogniser, uploads: Uploads, options: PredictOptions, limits: AudioLimits
) -> list[Outcome]:
    """Recognise each recording, each of its channels, or each of its segments.

    Raises:
        ProblemError: 422 if the segment file is unusable
    """
    if uploads.segments is not None:
        outcomes = _predict_segments(recogniser, uploads, uploads.segments, options.tier, limits)
    else:

        def recognise(sound: AudioStream) -> list[Recognised]:
            results = recogniser.recognise_channels(sound) if options.each_channel else [recogniser(sound)]
            return [Recognised(result) for result in results]

        outcomes = _for_each(uploads.recordings, recognise, limits)
    return [
        Recognised(_restrict(outcome.result, options)) if isinstance(outcome, Recognised) else outcome
        for outcome in outcomes
    ]


def _restrict(result: Result, options: PredictOptions) -> Result:
    """A result among the possible emotions, without its label if its score is too low."""
    if options.emotions is not None:
        result = result.among(options.emotions)
    return result.abstaining_below(options.abstain_below)


def trace(
    recogniser: Recogniser, uploads: Uploads, chosen_format: Format, frames: bool, limits: AudioLimits
) -> list[Outcome]:
    """Recognise each recording, with its scores over time or its summary if the format needs them."""

    def recognise(sound: AudioStream) -> list[Recognised]:
        if chosen_format.needs_audio:
            summary = RecordingSummary(recogniser.config.sampling_rate)
            return [Recognised(recogniser(sound, summary), summary)]
        if not frames:
            return [Recognised(recogniser(sound))]
        collector = FrameCollector()
        result = recogniser(sound, collector)
        scores = None if result.scores is None else collector.frame_scores(result)
        return [Recognised(result, frame_scores=scores)]

    return _for_each(uploads.recordings, recognise, limits)


def write_predictions(
    outcomes: Sequence[Outcome], chosen_format: Format, options: PredictionOptions
) -> bytes:
    """The results as a document; JSON also has the failures, in their places."""
    if chosen_format.name in ("json", "jsonl"):
        lines = [_object(outcome, options.top_k) for outcome in outcomes]
        return _json_document(lines, as_lines=chosen_format.name == "jsonl")
    assert chosen_format.predictions is not None
    results = [outcome.result for outcome in outcomes if isinstance(outcome, Recognised)]
    pieces: Iterator[str] = import_function(chosen_format.predictions)(results, options)
    return "".join(pieces).encode(errors=_ESCAPED)


def write_timelines(
    outcomes: Sequence[Outcome], chosen_format: Format, frames: bool, labels: tuple[str, ...]
) -> bytes:
    """The timelines as a document; JSON also has the failures, in their places."""
    if chosen_format.name == "json":
        return _json_document([_object(outcome, labels=labels if frames else None) for outcome in outcomes])
    recognised = [outcome for outcome in outcomes if isinstance(outcome, Recognised)]
    if frames:
        rows = [row for found in recognised for row in format_frames(found.result, found.frame_scores)]
        return "".join([format_frame_header(labels), *rows]).encode(errors=_ESCAPED)
    if chosen_format.timelines is not None:
        pieces: Iterator[str] = import_function(chosen_format.timelines)([r.result for r in recognised])
        return "".join(pieces).encode(errors=_ESCAPED)
    assert chosen_format.timeline is not None
    write: Callable[..., Any] = import_function(chosen_format.timeline)
    (found,) = recognised
    if chosen_format.needs_audio:
        with _DRAWING:
            picture: bytes = write(found.result, found.summary, labels)
        return picture
    result = found.result
    if chosen_format.refers_to_recording and result.file:  # the folders of this machine are nobody's business
        result = dataclasses.replace(result, file=f"/{result.file}")
    text: str = write(result)
    return text.encode(errors=_ESCAPED)


def _for_each(
    recordings: Sequence[Upload], recognise: Callable[[AudioStream], list[Recognised]], limits: AudioLimits
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for upload in recordings:
        try:
            check_deadline(limits)
            with open_upload(upload, limits) as sound:
                outcomes += recognise(sound)
        except ProblemError as problem:
            outcomes.append(Failure(upload.name, problem))
    return outcomes


def _predict_segments(
    recogniser: Recogniser, uploads: Uploads, file: Upload, tier: str | None, limits: AudioLimits
) -> list[Outcome]:
    source = Path(file.name or "segments")
    names = [Path(upload.name or f"audio-{number}") for number, upload in enumerate(uploads.recordings, 1)]
    if len(set(names)) < len(names):
        raise ProblemError(
            422, "found recordings of the same name, expected different names, since segments name them"
        )
    by_name = dict(zip(names, uploads.recordings, strict=True))
    try:
        matches = match(parse_segments(file.content, str(source), tier), names, source)
    except SegmentError as error:
        raise ProblemError(422, str(error)) from None
    outcomes: list[Outcome] = [Failure(None, ProblemError(422, error)) for error in matches.errors]

    def open_recording(name: Path) -> AbstractContextManager[AudioStream]:
        return open_upload(by_name[name], limits)

    for name, upload in by_name.items():
        try:
            if name not in matches.segments:
                raise ProblemError(422, f"{name}: found no segment of it in {source}, expected at least one")
            results = recognise_segments(recogniser, name, matches.segments[name], source, open_recording)
        except ProblemError as problem:
            outcomes.append(Failure(upload.name, problem))
            continue
        outcomes += [
            Failure(upload.name, ProblemError(422, str(result)))
            if isinstance(result, EmotraceError)
            else Recognised(result)
            for result in results
        ]
    return outcomes


def _object(outcome: Outcome, top_k: int | None = None, labels: tuple[str, ...] | None = None) -> str:
    """One outcome as one line of JSON."""
    if isinstance(outcome, Failure):
        return json.dumps(outcome.to_dict())
    line = format_object(outcome.result, top_k)
    if labels is None:
        return line
    scores = outcome.frame_scores
    frames = None
    if scores is not None:
        frames = {
            "first_s": scores.first_s,
            "step_s": scores.step_s,
            "labels": [*labels, None],
            "scores": np.exp(scores.log_posteriors).round(4).tolist(),
        }
    return f'{line[:-1]}, "frames": {json.dumps(frames)}}}'


def _json_document(lines: Sequence[str], as_lines: bool = False) -> bytes:
    if as_lines:
        return "".join(f"{line}\n" for line in lines).encode(errors=_ESCAPED)
    return ("[\n  " + ",\n  ".join(lines) + "\n]\n").encode(errors=_ESCAPED)

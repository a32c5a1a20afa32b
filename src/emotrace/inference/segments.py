"""One result for each segment of a recording, in place of one for all of it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from emotrace.audio.reading import Audio
from emotrace.errors import EmotraceError, SegmentError
from emotrace.inference.recogniser import Recogniser
from emotrace.inference.result import Result
from emotrace.segment import Segment
from emotrace.timeline import Timeline
from emotrace.warning import RecognitionWarning, WarningCode

SLACK_S = 0.1  # how far a segment may reach past the end: encoders pad, and programs round
# A recording's silence and length do not apply to its segments, which are checked again. Its level and its
# bandwidth do, and a whole recording shows them more reliably than a few words.
_NOT_INHERITED: frozenset[WarningCode] = frozenset({"silence", "short"})
_INHERITED: frozenset[WarningCode] = frozenset({"clipped", "narrow-band", "out-of-range"})
_OVERLAP = RecognitionWarning("overlap", "overlaps another segment")


def recognise_segments(
    recogniser: Recogniser, recording: Path, segments: Sequence[Segment], source: Path
) -> list[Result | EmotraceError]:
    """Recognise each segment by itself: a result, or what is wrong with it.

    Segments that overlap are each recognised, with a warning, since two may speak at a time.

    Args:
        recogniser: the model
        recording: the file that holds them
        segments: what to recognise of it
        source: where the segments come from, for errors

    Raises:
        AudioError: if the recording cannot be used
    """
    recording_audio = recogniser.read(recording)
    overlapping_indices = overlapping_segments(segments)
    results: list[Result | EmotraceError] = []
    for index, segment in enumerate(segments):
        try:
            results.append(
                _recognise(recogniser, recording_audio, segment, overlaps=index in overlapping_indices)
            )
        except EmotraceError as error:
            results.append(
                SegmentError(
                    f"{recording}: segment {segment.start:.3f} to {segment.end:.3f} s "
                    f"({source.name}, line {segment.line}): {error}"
                )
            )
    return results


def overlapping_segments(segments: Sequence[Segment]) -> set[int]:
    """The numbers of segments that share time with another; where one ends, another may start.

    >>> sorted(overlapping_segments([Segment(0, 2), Segment(5, 6), Segment(1, 3), Segment(3, 5)]))
    [0, 2]
    """
    found = set()
    reaches, holder = float("-inf"), -1
    for index in sorted(range(len(segments)), key=lambda index: segments[index].start):
        if segments[index].start < reaches:
            found |= {holder, index}
        if segments[index].end > reaches:
            reaches, holder = segments[index].end, index
    return found


def _recognise(recogniser: Recogniser, recording_audio: Audio, segment: Segment, overlaps: bool) -> Result:
    _refuse_what_is_not_there(segment, recording_audio.duration_s)
    rate_hz = recording_audio.sample_rate_hz
    stretch = recording_audio.samples[round(segment.start * rate_hz) : round(segment.end * rate_hz)]
    found_s, least_s = len(stretch) / rate_hz, recogniser.config.minimum_samples / rate_hz
    if found_s < least_s:
        raise SegmentError(
            f"found {1000 * found_s:.0f} ms, expected at least {1000 * least_s:.0f} ms; "
            "join it to its neighbour, or leave it out"
        )
    result = recogniser((stretch, rate_hz))
    warnings = [warning for warning in recording_audio.warnings if warning.code not in _NOT_INHERITED]
    warnings += [warning for warning in result.warnings if warning.code not in _INHERITED]
    warnings += [_OVERLAP] if overlaps else []
    return dataclasses.replace(
        result,
        timeline=_shifted(result.timeline, segment.start),
        file=recording_audio.name,
        warnings=tuple(warnings),
        segment=segment,
    )


def _refuse_what_is_not_there(segment: Segment, duration_s: float) -> None:
    if not segment.start < segment.end:
        raise SegmentError("found an end that is not after its start, expected one later; correct its times")
    if segment.start < 0 or segment.end > duration_s + SLACK_S or segment.start >= duration_s:
        raise SegmentError(
            f"found no such stretch, expected one of a recording from 0 to {duration_s:.3f} s; "
            "is it of another recording?"
        )


def _shifted(timeline: Timeline, by_s: float) -> Timeline:
    """The same spans, later."""
    return Timeline(
        tuple(dataclasses.replace(span, start=span.start + by_s, end=span.end + by_s) for span in timeline)
    )

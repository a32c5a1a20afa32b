"""Recognition of the segments of a recording: one result per segment."""

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

SLACK_S = 0.1  # by which a segment may exceed the recording, because encoders pad and programs round
# A recording's silence and length do not apply to its segments, which are checked again. Its level and its
# bandwidth do, and a whole recording shows them more reliably than a few words.
_NOT_INHERITED: frozenset[WarningCode] = frozenset({"silence", "short"})
_INHERITED: frozenset[WarningCode] = frozenset({"clipped", "narrow-band", "out-of-range"})
_OVERLAP = RecognitionWarning("overlap", "overlaps another segment")


def recognise_segments(
    recogniser: Recogniser, recording: Path, segments: Sequence[Segment], source: Path
) -> list[Result | EmotraceError]:
    """Recognise each segment by itself.

    Overlapping segments, as of two speakers at once, are recognised too, with a warning.

    Args:
        recogniser: the model
        recording: the audio file
        segments: its segments
        source: the segment file, for errors

    Returns:
        a result or an error for each segment

    Raises:
        AudioError: if the recording is unusable
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
    """Indices of the segments that overlap another one. Segments that only touch do not overlap.

    >>> sorted(overlapping_segments([Segment(0, 2), Segment(5, 6), Segment(1, 3), Segment(3, 5)]))
    [0, 2]
    """
    found = set()
    latest_end, latest_index = float("-inf"), -1
    for index in sorted(range(len(segments)), key=lambda index: segments[index].start):
        if segments[index].start < latest_end:
            found |= {latest_index, index}
        if segments[index].end > latest_end:
            latest_end, latest_index = segments[index].end, index
    return found


def _recognise(recogniser: Recogniser, recording_audio: Audio, segment: Segment, overlaps: bool) -> Result:
    _check_times(segment, recording_audio.duration_s)
    rate_hz = recording_audio.sample_rate_hz
    samples = recording_audio.samples[round(segment.start * rate_hz) : round(segment.end * rate_hz)]
    found_s, minimum_s = len(samples) / rate_hz, recogniser.config.minimum_samples / rate_hz
    if found_s < minimum_s:
        raise SegmentError(
            f"found {1000 * found_s:.0f} ms, expected at least {1000 * minimum_s:.0f} ms; "
            "join it to its neighbour, or leave it out"
        )
    result = recogniser((samples, rate_hz))
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


def _check_times(segment: Segment, duration_s: float) -> None:
    if not segment.start < segment.end:
        raise SegmentError(
            "found an end that is not after its start, expected a later one; correct the times"
        )
    if segment.start < 0 or segment.end > duration_s + SLACK_S or segment.start >= duration_s:
        raise SegmentError(
            f"found a recording of {duration_s:.3f} s, expected one that contains the segment; "
            "check that the segment file belongs to it"
        )


def _shifted(timeline: Timeline, by_s: float) -> Timeline:
    """The timeline, `by_s` seconds later."""
    return Timeline(
        tuple(dataclasses.replace(span, start=span.start + by_s, end=span.end + by_s) for span in timeline)
    )

"""Recognition of the segments of a recording: one result per segment.

The recording is read block by block, and each block goes to the segments that contain it, so memory depends
neither on the length of the recording nor on those of its segments.
"""

import dataclasses
import heapq
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from emotrace.audio.preprocessing import StreamPreprocessor
from emotrace.audio.quality import Samples
from emotrace.audio.reading import AudioStream, open_audio
from emotrace.errors import EmotraceError, SegmentError
from emotrace.inference.recogniser import Recogniser
from emotrace.inference.result import Result
from emotrace.inference.streaming import Stream
from emotrace.segment import Segment
from emotrace.timeline import Timeline
from emotrace.warning import RecognitionWarning, WarningCode

OPEN_SEGMENTS = 16  # recognised at the same time; if more overlap, the recording is read again
SLACK_S = 0.1  # by which a segment may exceed the recording, because encoders pad and programs round
# A recording's silence and length do not apply to its segments, which are checked again. Its level and its
# bandwidth do, and a whole recording shows them more reliably than a few words.
_NOT_INHERITED: frozenset[WarningCode] = frozenset({"silence", "short"})
_INHERITED: frozenset[WarningCode] = frozenset({"clipped", "narrow-band", "out-of-range"})
_OVERLAP = RecognitionWarning("overlap", "overlaps another segment")


def recognise_segments(
    recogniser: Recogniser,
    recording: Path,
    segments: Sequence[Segment],
    source: Path,
    open_recording: Callable[[Path], AbstractContextManager[AudioStream]] = open_audio,
) -> list[Result | EmotraceError]:
    """Recognise each segment by itself.

    Overlapping segments, as of two speakers at once, are recognised too, with a warning.

    Args:
        recogniser: the model
        recording: the audio file
        segments: its segments
        source: the segment file, for errors
        open_recording: opens the recording, once for each pass over it

    Returns:
        a result or an error for each segment

    Raises:
        AudioError: if the recording is unusable
    """
    usable = [index for index, segment in enumerate(segments) if 0 <= segment.start < segment.end]
    outcomes: dict[int, Result | EmotraceError] = {}
    whole: _Recording | None = None
    for indices in _passes(segments, usable):
        whole = _read_once(
            recogniser, open_recording(recording), {index: segments[index] for index in indices}, outcomes
        )
    assert whole is not None
    overlapping_indices = overlapping_segments(segments)
    results: list[Result | EmotraceError] = []
    for index, segment in enumerate(segments):
        try:
            _check_times(segment, whole.duration_s)
            results.append(_complete(outcomes[index], segment, whole, overlaps=index in overlapping_indices))
        except EmotraceError as error:
            results.append(
                SegmentError(
                    f"{recording}: segment {segment.start:.3f} to {_end(segment, whole.duration_s):.3f} s "
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


def _passes(segments: Sequence[Segment], indices: Sequence[int]) -> list[list[int]]:
    """Segments by the pass over the recording that recognises them; at least one pass.

    At most `OPEN_SEGMENTS` segments of a pass overlap at any time, so memory does not depend on their number.

    >>> _passes([Segment(0, 9)] * 40 + [Segment(9, 10)], [0, 1, 40])
    [[0, 1, 40]]
    >>> [len(indices) for indices in _passes([Segment(0, 9)] * 40, range(40))]
    [16, 16, 8]
    """
    passes: list[list[int]] = [[]]
    ends: list[tuple[float, int]] = []  # when each place of a pass becomes free
    for index in sorted(indices, key=lambda index: segments[index].start):
        place = len(ends)
        if ends and ends[0][0] <= segments[index].start:
            place = heapq.heappop(ends)[1]
        heapq.heappush(ends, (segments[index].end, place))
        if place // OPEN_SEGMENTS == len(passes):
            passes.append([])
        passes[place // OPEN_SEGMENTS].append(index)
    return passes


@dataclass(frozen=True, slots=True)
class _Recording:
    """What one pass found out about the whole recording."""

    duration_s: float
    warnings: tuple[RecognitionWarning, ...]
    name: str | None


@dataclass(slots=True)
class _OpenSegment:
    """A segment whose samples are being recognised."""

    index: int
    start: int
    stop: float
    stream: Stream
    samples: int = 0

    def push(self, samples: Samples, position: int) -> None:
        """Recognise the part of a block of the recording that belongs to the segment."""
        first, last = max(0, self.start - position), min(len(samples), self.stop - position)
        part = samples[first : max(first, int(last))]
        self.samples += len(part)
        self.stream.push(part)


def _read_once(
    recogniser: Recogniser,
    opened: AbstractContextManager[AudioStream],
    segments: Mapping[int, Segment],
    outcomes: dict[int, Result | EmotraceError],
) -> _Recording:
    """Read the recording once, block by block, and recognise these segments, which are in order."""
    rate_hz = recogniser.config.sampling_rate
    minimum = recogniser.config.minimum_samples
    waiting = deque(segments.items())
    open_segments: list[_OpenSegment] = []
    position = 0

    def process(samples: Samples, ended: bool = False) -> None:
        nonlocal position
        end = position + len(samples)
        while waiting and round(waiting[0][1].start * rate_hz) < end:
            index, segment = waiting.popleft()
            start = round(segment.start * rate_hz)
            stop = math.inf if math.isinf(segment.end) else round(segment.end * rate_hz)
            open_segments.append(_OpenSegment(index, start, stop, recogniser.stream(rate_hz)))
        still_open = []
        for part in open_segments:
            try:
                part.push(samples, position)
                if ended or part.stop <= end:
                    outcomes[part.index] = _finish(part, minimum, rate_hz)
                else:
                    still_open.append(part)
            except EmotraceError as error:
                outcomes[part.index] = error
        open_segments[:] = still_open
        position = end

    with opened as sound:
        preprocessor = StreamPreprocessor(sound.rate_hz, rate_hz, sound.name)
        for block in sound.blocks:
            process(preprocessor.push(block))
        process(preprocessor.flush(minimum / rate_hz), ended=True)
        return _Recording(position / rate_hz, preprocessor.warnings(sound.warnings), sound.file)


def _finish(part: _OpenSegment, minimum: int, rate_hz: int) -> Result:
    if part.samples < minimum:
        raise SegmentError(
            f"found {1000 * part.samples / rate_hz:.0f} ms, expected at least "
            f"{1000 * minimum / rate_hz:.0f} ms; join it to its neighbour, or leave it out"
        )
    part.stream.flush()
    return part.stream.result()


def _complete(
    outcome: Result | EmotraceError, segment: Segment, recording: _Recording, overlaps: bool
) -> Result:
    """The result of a segment, with its place in the recording and the recording's warnings."""
    if isinstance(outcome, EmotraceError):
        raise outcome
    warnings = [warning for warning in recording.warnings if warning.code not in _NOT_INHERITED]
    warnings += [warning for warning in outcome.warnings if warning.code not in _INHERITED]
    warnings += [_OVERLAP] if overlaps else []
    return dataclasses.replace(
        outcome,
        timeline=_shifted(outcome.timeline, segment.start),
        file=recording.name,
        warnings=tuple(warnings),
        segment=dataclasses.replace(segment, end=_end(segment, recording.duration_s)),
    )


def _end(segment: Segment, duration_s: float) -> float:
    """The end of a segment in seconds; a segment without an end lasts until that of its recording."""
    return duration_s if math.isinf(segment.end) else segment.end


def _check_times(segment: Segment, duration_s: float) -> None:
    if not segment.start < segment.end:
        raise SegmentError(
            "found an end that is not after its start, expected a later one; correct the times"
        )
    if segment.start < 0 or _end(segment, duration_s) > duration_s + SLACK_S or segment.start >= duration_s:
        raise SegmentError(
            f"found a recording of {duration_s:.3f} s, expected one that contains the segment; "
            "check that the segment file belongs to it"
        )


def _shifted(timeline: Timeline, by_s: float) -> Timeline:
    """The timeline, `by_s` seconds later."""
    return Timeline(
        tuple(dataclasses.replace(span, start=span.start + by_s, end=span.end + by_s) for span in timeline)
    )

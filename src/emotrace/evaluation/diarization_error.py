"""How far a timeline is from the truth: emotion diarization error rate, and distance of the boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from emotrace.timeline import Timeline


@dataclass(frozen=True)
class TimelineError:
    """Seconds of a recording that a timeline gets wrong, by kind, and its whole duration.

    Attributes:
        missed_s: an emotion shows, and none is told
        false_s: an emotion is told, and none shows
        confused_s: an emotion shows, and another is told
        duration_s: of the recording
    """

    missed_s: float
    false_s: float
    confused_s: float
    duration_s: float

    @property
    def rate(self) -> float:
        """EDER of Wang et al. (2023): the share of the time that is wrong."""
        return (self.missed_s + self.false_s + self.confused_s) / self.duration_s

    def __add__(self, other: TimelineError) -> TimelineError:
        """The same over several recordings, each counting by its length."""
        return TimelineError(
            self.missed_s + other.missed_s,
            self.false_s + other.false_s,
            self.confused_s + other.confused_s,
            self.duration_s + other.duration_s,
        )


def timeline_error(truth: Timeline, found: Timeline, duration_s: float) -> TimelineError:
    """Compare two timelines of a recording.

    >>> from emotrace.timeline import Span
    >>> truth = Timeline((Span(0, 2, "anger", 1), Span(2, 4, "sadness", 1)))
    >>> found = Timeline((Span(0, 1, "anger", 1), Span(1.5, 3.5, "sadness", 1), Span(3.5, 5, "anger", 1)))
    >>> timeline_error(truth, found, 5.0)
    TimelineError(missed_s=0.5, false_s=1.0, confused_s=1.0, duration_s=5.0)
    """
    edges = {0.0, duration_s}
    for span in (*truth, *found):
        edges |= {min(max(time_s, 0.0), duration_s) for time_s in (span.start, span.end)}
    ordered = sorted(edges)
    missed = false = confused = 0.0
    for start, end in pairwise(ordered):
        true_span, decoded = truth.at((start + end) / 2), found.at((start + end) / 2)
        if true_span is not None and decoded is None:
            missed += end - start
        elif true_span is None and decoded is not None:
            false += end - start
        elif true_span is not None and decoded is not None and true_span.emotion != decoded.emotion:
            confused += end - start
    return TimelineError(missed, false, confused, duration_s)


def changes_s(timeline: Timeline) -> list[float]:
    """When the emotion changes: between two spans of different emotions, halfway across a gap.

    >>> from emotrace.timeline import Span
    >>> changes_s(Timeline((Span(0, 1, "anger", 1), Span(2, 3, "sadness", 1), Span(3, 4, "sadness", 1))))
    [1.5]
    """
    spans = timeline.spans
    return [(one.end + other.start) / 2 for one, other in pairwise(spans) if one.emotion != other.emotion]


def boundary_errors_s(truth: Timeline, found: Timeline) -> list[float]:
    """For each change in truth the distance to the nearest one that is told; infinite where none is.

    >>> from emotrace.timeline import Span
    >>> truth = Timeline((Span(0, 2, "anger", 1), Span(2, 4, "sadness", 1)))
    >>> boundary_errors_s(truth, truth), boundary_errors_s(truth, Timeline())
    ([0.0], [inf])
    """
    decoded = changes_s(found)
    return [
        min((abs(time_s - other) for other in decoded), default=float("inf")) for time_s in changes_s(truth)
    ]

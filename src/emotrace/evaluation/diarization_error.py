"""Errors of a timeline: emotion diarization error rate, and distances of the emotion boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from emotrace.timeline import Timeline


@dataclass(frozen=True)
class ErrorDurations:
    """Durations of the errors of a timeline, in seconds.

    Attributes:
        missed_s: the truth has an emotion, the timeline has none
        false_s: the timeline has an emotion, the truth has none
        confused_s: the timeline has another emotion than the truth
        duration_s: duration of the recording
    """

    missed_s: float
    false_s: float
    confused_s: float
    duration_s: float

    @property
    def rate(self) -> float:
        """Emotion diarization error rate of Wang et al. (2023): the share of the duration with an error."""
        return (self.missed_s + self.false_s + self.confused_s) / self.duration_s

    def __add__(self, other: ErrorDurations) -> ErrorDurations:
        """The errors of two recordings together."""
        return ErrorDurations(
            self.missed_s + other.missed_s,
            self.false_s + other.false_s,
            self.confused_s + other.confused_s,
            self.duration_s + other.duration_s,
        )


def error_durations(truth: Timeline, found: Timeline, duration_s: float) -> ErrorDurations:
    """Compare the timeline of a recording with its true timeline.

    >>> from emotrace.timeline import Span
    >>> truth = Timeline((Span(0, 2, "anger", 1), Span(2, 4, "sadness", 1)))
    >>> found = Timeline((Span(0, 1, "anger", 1), Span(1.5, 3.5, "sadness", 1), Span(3.5, 5, "anger", 1)))
    >>> error_durations(truth, found, 5.0)
    ErrorDurations(missed_s=0.5, false_s=1.0, confused_s=1.0, duration_s=5.0)
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
    return ErrorDurations(missed, false, confused, duration_s)


def change_times_s(timeline: Timeline) -> list[float]:
    """Times at which the emotion changes; in a gap between two emotions, the middle of the gap.

    >>> from emotrace.timeline import Span
    >>> change_times_s(Timeline((Span(0, 1, "anger", 1), Span(2, 3, "sadness", 1), Span(3, 4, "sadness", 1))))
    [1.5]
    """
    pairs = pairwise(timeline.spans)
    return [(a.end + b.start) / 2 for a, b in pairs if a.emotion != b.emotion]


def boundary_errors_s(truth: Timeline, found: Timeline) -> list[float]:
    """The distance of each true change to the nearest change in `found`; infinite if there is none.

    >>> from emotrace.timeline import Span
    >>> truth = Timeline((Span(0, 2, "anger", 1), Span(2, 4, "sadness", 1)))
    >>> boundary_errors_s(truth, truth), boundary_errors_s(truth, Timeline())
    ([0.0], [inf])
    """
    found_s = change_times_s(found)
    return [
        min((abs(time_s - other_s) for other_s in found_s), default=float("inf"))
        for time_s in change_times_s(truth)
    ]

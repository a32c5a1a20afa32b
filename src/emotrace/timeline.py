"""Where in time an emotion shows: spans, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Span:
    """One emotion from `start` to `end`, in seconds, with a score from 0 to 1.

    >>> Span(start=0.5, end=1.25, emotion="anger", score=0.9).duration_s
    0.75
    """

    start: float
    end: float
    emotion: str
    score: float

    @property
    def duration_s(self) -> float:
        return self.end - self.start

    def to_dict(self) -> dict[str, Any]:
        """The span as plain values, times in whole milliseconds, for JSON.

        >>> Span(0.12345, 1.4, "anger", 0.95).to_dict()
        {'start': 0.123, 'end': 1.4, 'emotion': 'anger', 'score': 0.95}
        """
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "emotion": self.emotion,
            "score": round(self.score, 6),
        }


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """What becomes known of a span while a recording goes on.

    Attributes:
        kind: "opened" once, "extended" each time that more of it is known, "closed" once, when it is final
        span: as far as it is known, its score so far

    >>> SpanEvent("opened", Span(0.0, 2.5, "anger", 0.9)).to_dict()
    {'event': 'opened', 'start': 0.0, 'end': 2.5, 'emotion': 'anger', 'score': 0.9}
    """

    kind: Literal["opened", "extended", "closed"]
    span: Span

    def to_dict(self) -> dict[str, Any]:
        return {"event": self.kind, **self.span.to_dict()}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Spans ordered by time, none overlapping another; gaps are where no emotion shows.

    >>> timeline = Timeline((Span(0.0, 1.0, "anger", 0.9), Span(1.5, 2.0, "sadness", 0.6)))
    >>> [span.emotion for span in timeline], timeline.at(0.5).emotion, timeline.at(1.2)
    (['anger', 'sadness'], 'anger', None)

    Raises:
        ValueError: if a span ends before it starts, or starts before the one before it ends
    """

    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        end = float("-inf")
        for span in self.spans:
            if not end <= span.start <= span.end:
                raise ValueError(f"expected ordered spans without overlap, found {span} after {end} s")
            end = span.end

    def __iter__(self) -> Iterator[Span]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, index: int) -> Span:
        return self.spans[index]

    def at(self, time_s: float) -> Span | None:
        """The span that holds this moment, or None where no emotion shows."""
        return next((span for span in self.spans if span.start <= time_s < span.end), None)

"""Timelines: which emotion a recording expresses when, as ordered spans."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Span:
    """One emotion between two times.

    Attributes:
        start: start in seconds
        end: end in seconds
        emotion: the emotion
        score: the model's confidence, from 0 to 1

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
        """The span as plain values for JSON, with times rounded to milliseconds.

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
    """A change of a span while a recording is processed incrementally.

    Attributes:
        kind: "opened" once, "extended" each time the span grows, "closed" once, when the span is final
        span: the span up to now, with its score up to now

    >>> SpanEvent("opened", Span(0.0, 2.5, "anger", 0.9)).to_dict()
    {'event': 'opened', 'start': 0.0, 'end': 2.5, 'emotion': 'anger', 'score': 0.9}
    """

    kind: Literal["opened", "extended", "closed"]
    span: Span

    def to_dict(self) -> dict[str, Any]:
        return {"event": self.kind, **self.span.to_dict()}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Spans in the order of time, without overlap. A gap means that no emotion is expressed there.

    >>> timeline = Timeline((Span(0.0, 1.0, "anger", 0.9), Span(1.5, 2.0, "sadness", 0.6)))
    >>> [span.emotion for span in timeline], timeline.at(0.5).emotion, timeline.at(1.2)
    (['anger', 'sadness'], 'anger', None)

    Raises:
        ValueError: if a span ends before it starts, or starts before the previous span ends
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
        """The span that contains a time, or None in a gap."""
        return next((span for span in self.spans if span.start <= time_s < span.end), None)


@dataclass(frozen=True, slots=True)
class Provisional:
    """What a stream's result would be if the recording ended now, without the spans that are closed.

    Closed spans and these spans together are a timeline. What they give for times before `final_until_s` does
    not change any more; the rest may.

    Attributes:
        time_s: end of the audio that is included, in seconds
        final_until_s: time in seconds before which spans are final
        spans: the span that was opened and not closed, if there is one, and those after it
        label: the emotion of the recording so far; None for silence, and where the model rejects it
        scores: probability of each emotion in the recording so far; None for silence

    >>> state = Provisional(
    ...     4.0, 1.5, (Span(0.5, 4.0, "anger", 0.8),), "anger", {"anger": 0.8, "sadness": 0.2}
    ... )
    >>> state.current
    Span(start=0.5, end=4.0, emotion='anger', score=0.8)
    """

    time_s: float
    final_until_s: float
    spans: tuple[Span, ...] = ()
    label: str | None = None
    scores: dict[str, float] | None = None

    @property
    def current(self) -> Span | None:
        """The span at the end of the audio, None if there is no emotion now."""
        return self.spans[-1] if self.spans and self.spans[-1].end >= self.time_s else None

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values for JSON, with times rounded to milliseconds."""
        scores = self.scores
        return {
            "time": round(self.time_s, 3),
            "final_until": round(self.final_until_s, 3),
            "label": self.label,
            "scores": None if scores is None else {name: round(score, 6) for name, score in scores.items()},
            "spans": [span.to_dict() for span in self.spans],
        }

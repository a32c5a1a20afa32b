"""Results of recognition, one per input."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from emotrace.segment import Segment
from emotrace.timeline import Timeline
from emotrace.warning import RecognitionWarning

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Result:
    """The emotion of one recording, or of one segment of it, and its timeline.

    Attributes:
        label: the emotion; None for digital silence, for a rejected input and where the model abstains
        score: probability of the likeliest emotion; None for silence
        scores: probability of each emotion, in the model's order, with a sum of 1; None for silence
        timeline: spans of emotions, in seconds from the start of the file
        duration_s: duration of the recording or of the segment
        file: the file's name as it was given, None for bytes and samples
        warnings: changes that were made to the audio, and reasons to doubt the result
        model: name of the model
        segment: the segment, None for a whole recording
        channel: number of the channel from 1, None if all channels were mixed
    """

    label: str | None
    score: float | None
    scores: dict[str, float] | None
    timeline: Timeline
    duration_s: float
    file: str | None
    warnings: tuple[RecognitionWarning, ...]
    model: str
    segment: Segment | None = None
    channel: int | None = None

    def abstaining_below(self, probability: float) -> Self:
        """This result, without its label if its score is less than `probability`.

        >>> scores = {"anger": 0.4, "sadness": 0.35, "neutral": 0.25}
        >>> unsure = Result("anger", 0.4, scores, Timeline(), 2.0, "a.wav", (), "tiny")
        >>> unsure.abstaining_below(0.3).label, unsure.abstaining_below(0.5).label
        ('anger', None)
        >>> [str(warning) for warning in unsure.abstaining_below(0.5).warnings]
        ['abstained: anger scores 0.40, below 0.50']
        """
        if self.label is None or self.score is None or self.score >= probability:
            return self
        text = f"abstained: {self.label} scores {self.score:.2f}, below {probability:.2f}"
        warning = RecognitionWarning("abstained", text)
        return dataclasses.replace(self, label=None, warnings=(*self.warnings, warning))

    def best(self, count: int | None = None) -> dict[str, float]:
        """The `count` highest scores in descending order; all of them for None, and none for silence.

        >>> Result("anger", 0.6, {"sadness": 0.4, "anger": 0.6}, Timeline(), 2.0, None, (), "tiny").best(1)
        {'anger': 0.6}
        """
        ranked = sorted((self.scores or {}).items(), key=lambda item: -item[1])
        return dict(ranked[:count])

    def to_hf(self) -> list[dict[str, str | float]]:
        """The scores in the format of transformers' `audio-classification` pipeline; none for silence.

        >>> scores = {"sadness": 0.4, "anger": 0.6}
        >>> Result("anger", 0.6, scores, Timeline(), 2.0, None, (), "tiny").to_hf()
        [{'label': 'anger', 'score': 0.6}, {'label': 'sadness', 'score': 0.4}]
        """
        return [{"label": label, "score": score} for label, score in self.best().items()]

    def to_dict(self, top_k: int | None = None) -> dict[str, Any]:
        """The result as plain values for JSON (schema version 1); `top_k` keeps the highest scores only."""
        scores = self.scores if top_k is None or self.scores is None else self.best(top_k)
        return {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "file": self.file,
            **({} if self.channel is None else {"channel": self.channel}),
            **({} if self.segment is None else self.segment.to_dict()),
            "duration_s": round(self.duration_s, 3),
            "label": self.label,
            "score": None if self.score is None else round(self.score, 6),
            "scores": None if scores is None else {name: round(score, 6) for name, score in scores.items()},
            "timeline": [span.to_dict() for span in self.timeline],
            "warnings": [warning.text for warning in self.warnings],
        }

"""Results of recognition, one per input."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from emotrace.errors import ModelError
from emotrace.segment import Segment
from emotrace.system.escaping import escape_control_characters
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

    def among(self, emotions: Sequence[str]) -> Self:
        """This result for recordings in which only some emotions can occur.

        Their scores are scaled to sum to 1, the best of them is the label, and the timeline has no spans of
        other emotions. An input without a label keeps none.

        Raises:
            ModelError: the model has no such emotion, or there are fewer than two

        >>> scores = {"anger": 0.2, "sadness": 0.2, "neutral": 0.6}
        >>> Result("neutral", 0.6, scores, Timeline(), 2.0, None, (), "tiny").among(
        ...     ["anger", "sadness"]
        ... ).scores
        {'anger': 0.5, 'sadness': 0.5}
        """
        if self.scores is None:
            return self
        scores = renormalise(self.scores, choose_labels(tuple(self.scores), emotions))
        best = max(scores, key=scores.__getitem__)
        return dataclasses.replace(
            self,
            label=None if self.label is None else best,
            score=scores[best],
            scores=scores,
            timeline=Timeline(tuple(span for span in self.timeline if span.emotion in scores)),
        )

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


def choose_labels(labels: Sequence[str], emotions: Sequence[str]) -> tuple[str, ...]:
    """The labels of a model that are in `emotions`, in the model's order.

    Raises:
        ModelError: there are fewer than two, one is no label of the model or is there twice, or `emotions` is
            a string

    >>> choose_labels(("anger", "fear", "calm"), ["calm", "anger"])
    ('anger', 'calm')
    >>> choose_labels(("anger", "fear", "calm"), "calm")
    Traceback (most recent call last):
    emotrace.errors.ModelError: found the emotion 'calm' alone, expected a list, such as ['calm']
    """
    if isinstance(emotions, str):
        raise ModelError(f"found the emotion {emotions!r} alone, expected a list, such as [{emotions!r}]")
    if not emotions or not set(emotions) <= set(labels):
        other = next((emotion for emotion in emotions if emotion not in labels), None)
        found = "no emotion" if other is None else escape_control_characters(other[:40]) or "an empty name"
        raise ModelError(f"found {found}, expected some of the model's labels {', '.join(labels)}")
    if len(set(emotions)) < len(emotions):
        raise ModelError("found an emotion twice, expected different emotions; name each once")
    chosen = tuple(label for label in labels if label in emotions)
    if len(chosen) < 2:
        raise ModelError(
            f"found only the emotion {chosen[0]}, whose score would always be 1; expected two or more of "
            f"{', '.join(labels)}"
        )
    return chosen


def renormalise(scores: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    """The scores of `labels` alone, scaled to sum to 1; uniform where all of them are 0.

    >>> renormalise({"anger": 0.125, "calm": 0.5, "sadness": 0.375}, ["anger", "sadness"])
    {'anger': 0.25, 'sadness': 0.75}
    """
    total = sum(scores[label] for label in labels)
    return {label: scores[label] / total if total else 1 / len(labels) for label in labels}

"""What a writer of predictions needs besides the results."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """Settings of one list of predictions.

    Attributes:
        labels: the model's emotions, in the order of its outputs
        top_k: how many of the best scores to write; None writes all
        segments: whether each result belongs to a segment of a recording rather than to a whole recording
        channels: whether each result belongs to one channel of a recording
    """

    labels: tuple[str, ...] = ()
    top_k: int | None = None
    segments: bool = False
    channels: bool = False

"""Scores over time of a live stream, for a client that draws them."""

from collections.abc import Sequence
from typing import Any

from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats
from emotrace.inference.streaming import Stream
from emotrace.timeline import Provisional


class FrameRows:
    """Collects the posteriors of frames, as an observer of a stream."""

    def __init__(self) -> None:
        self.first_s = self.step_s = 0.0
        self._rows: list[Floats] = []

    def add_samples(self, samples: Samples) -> None:
        """Ignore samples."""

    def add_frames(self, posteriors: Floats, first_s: float, step_s: float) -> None:
        """Keep the posteriors of the next frames."""
        self.first_s, self.step_s = first_s, step_s
        self._rows.append(posteriors)

    def take(self) -> list[list[float]]:
        """The rows since the last call, rounded for JSON.

        >>> import numpy as np
        >>> rows = FrameRows()
        >>> rows.add_frames(np.array([[0.25, 0.75]]), first_s=0.1, step_s=0.02)
        >>> rows.take(), rows.take()
        ([[0.25, 0.75]], [])
        """
        rows, self._rows = self._rows, []
        return [row for block in rows for row in block.round(4).tolist()]


class LiveFrames:
    """The frames of a stream that a client does not have yet, and those that may still change.

    Args:
        labels: the emotions of the model
        final: the observer of the stream
    """

    def __init__(self, labels: Sequence[str], final: FrameRows) -> None:
        self._labels, self._final = [*labels, None], final
        self._sent = 0

    def provisional(self, stream: Stream) -> tuple[Provisional, dict[str, Any]]:
        """The state of a stream, and its frames, the first of which has the number `first`.

        They replace the frames of earlier calls from that number on.
        """
        rest = FrameRows()
        state = stream.provisional(rest)
        final, open_rows = self._final.take(), rest.take()
        timed = rest if open_rows else self._final
        frames = {
            "first": self._sent,
            "first_s": timed.first_s,
            "step_s": timed.step_s,
            "labels": self._labels,
            "scores": final + open_rows,
        }
        self._sent += len(final)
        return state, frames

"""The two interfaces of an output layer: `Head`, the layer, and `Objective`, its loss and its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy.typing as npt
from torch import Tensor, nn

from emotrace.decoding.ctc import Decoding, Floats

# The emotions of an utterance in order: index of each (None: no emotion), and its share of the duration.
Parts = Sequence[tuple[int | None, float]]


class Objective(Protocol):
    """What is computed from the outputs of a head: the loss in training, and the scores of utterances."""

    @property
    def is_per_frame(self) -> bool:
        """Whether the outputs are those of frames, with a blank class last, or those of utterances."""

    @property
    def output_name(self) -> Literal["log_posteriors", "log_scores"]:
        """Name of the output in an exported model; the runtime reads either of the two."""

    @property
    def decoding(self) -> Decoding:
        """How the runtime turns posteriors of frames into scores."""

    def loss(
        self,
        output: Tensor,
        steps: Tensor,
        labels: Tensor,
        parts: Sequence[Parts],
        weights: Tensor,
        smoothing: float,
    ) -> Tensor:
        """Mean over utterances of the loss, each times the weight of its class.

        Args:
            output: output of the head
            steps: (batch,) true lengths in steps
            labels: (batch,) index of each utterance's emotion
            parts: the emotions of each utterance over time
            weights: (K,) class weights
            smoothing: label smoothing, 0 to 1
        """

    def log_scores(self, output: npt.ArrayLike, steps: npt.ArrayLike) -> Floats:
        """Log-scores of utterances, (batch, K), not normalised."""


class Head(nn.Module):
    """Features of each step (batch, step, feature), (batch,) true lengths → log-posteriors or log-scores.

    Attributes:
        objective: loss and scores of these outputs
    """

    objective: Objective

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Outputs of the network."""
        raise NotImplementedError

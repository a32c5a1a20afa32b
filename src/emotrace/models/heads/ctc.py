"""Connectionist temporal classification: Zhao et al. (2021), section 3.6, eqs. 10 and 11."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.decoding.ctc import Decoding, Floats, log_scores
from emotrace.models.architectures import System
from emotrace.models.heads.head import Head, Parts
from emotrace.models.layers.frame_batch_norm import FrameBatchNorm
from emotrace.recipe import Recipe


@dataclass(frozen=True)
class CTCObjective:
    """CTC loss, and scores decoded from posteriors.

    Attributes:
        target: "single", each emotion once, or "repeated", about three times a second (`repeated_target`)
        frames_per_step: 10-ms frames in one output step
        decoding: how posteriors become scores
    """

    target: str = "single"
    frames_per_step: float = 1
    decoding: Decoding = "likelihood"
    is_per_frame: ClassVar[bool] = True
    output_name: ClassVar[Literal["log_posteriors"]] = "log_posteriors"

    def loss(
        self,
        output: Tensor,
        steps: Tensor,
        labels: Tensor,
        parts: Sequence[Parts],
        weights: Tensor,
        smoothing: float,
    ) -> Tensor:
        """Mean over utterances of CTC loss times class weight; `labels` and `smoothing` are unused."""
        frames = (steps * self.frames_per_step).tolist()
        targets = [self.label_sequence(*pair) for pair in zip(parts, frames, strict=True)]
        return ctc_loss(output, steps, targets, weights)

    def label_sequence(self, parts: Parts, frames: int) -> list[int]:
        """Target sequence of an utterance of `frames` 10-ms frames; parts without emotion add no label.

        >>> CTCObjective("repeated").label_sequence([(2, 0.5), (0, 0.5)], 150)
        [2, 2, 0, 0]
        """
        emotions = [(label, share) for label, share in parts if label is not None]
        if self.target == "single":
            return [label for label, _ in emotions]
        return [same for label, share in emotions for same in repeated_target(label, round(share * frames))]

    def log_scores(self, output: npt.ArrayLike, steps: npt.ArrayLike) -> Floats:
        """Log-scores decoded from log-posteriors, (batch, step, K + 1) → (batch, K)."""
        return log_scores(output, steps, self.decoding)


class StepDense(nn.Module):
    """A dense layer at every step, with batch normalisation over real steps and ReLU: Han et al. (2018).

    Shape: (batch, step, feature), (batch,) true lengths → (batch, step, width).

    >>> StepDense(512, 128)(torch.randn(2, 9, 512), torch.tensor([9, 4])).shape
    torch.Size([2, 9, 128])
    """

    def __init__(self, features: int, width: int, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.dense = nn.Linear(features, width)
        self.norm = FrameBatchNorm(width, momentum, eps)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Output of the layer at each step."""
        maps = self.dense(x).transpose(1, 2)[..., None]
        return self.norm(maps, lengths)[..., 0].transpose(1, 2).relu()


class CTCHead(Head):
    """Log-posteriors of each emotion and, last, of the blank (the paper's Null), at every step.

    Shape: (batch, step, feature), (batch,) true lengths → (batch, step, K + 1).

    Args:
        dense: width of a `StepDense` before the output; None: no such layer

    >>> head = CTCHead(128, labels=4)
    >>> head(torch.randn(2, 9, 128), torch.tensor([9, 4])).exp().sum(2).allclose(torch.ones(2, 9))
    True
    """

    def __init__(
        self,
        features: int,
        labels: int,
        objective: CTCObjective | None = None,
        dense: int | None = None,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ):
        super().__init__()
        self.objective = objective or CTCObjective()
        self.dense = StepDense(features, dense, momentum, eps) if dense else None
        self.output = nn.Linear(dense or features, labels + 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logarithms of the softmax."""
        if self.dense is not None:
            x = self.dense(x, lengths)
        return self.output(x).float().log_softmax(2)


def build_ctc_head(
    recipe: Recipe, system: System, features: int, labels: int, frames_per_step: float
) -> CTCHead:
    """The CTC head of a system; the dense layer is that of the baseline of Han et al. (2018)."""
    fixed, front = system.literature, recipe.front
    dense = recipe.baseline(fixed.dense) if fixed and fixed.dense else None
    objective = CTCObjective(system.ctc_target(recipe), frames_per_step, system.decoding(recipe))
    return CTCHead(features, labels, objective, dense, front.batch_norm_momentum, front.batch_norm_eps)


def ctc_loss(
    log_posteriors: Tensor, steps: Tensor, targets: Sequence[Sequence[int]], weights: Tensor | None = None
) -> Tensor:
    """Mean over utterances of -log P(l | X) (eq. 10), each times the weight of its first label.

    Unlike PyTorch's default mean, each utterance counts the same, whatever the length of its target.

    Args:
        log_posteriors: (batch, step, K + 1), blank last
        steps: (batch,) true lengths
        targets: the label sequence of each utterance; it may be empty
        weights: (K,) class weights

    >>> half = torch.full((1, 1, 2), 0.5).log()
    >>> round(ctc_loss(half, torch.tensor([1]), [[0]]).exp().item(), 6)
    2.0
    """
    flat = torch.tensor([label for target in targets for label in target], dtype=torch.long)
    sizes = torch.tensor([len(target) for target in targets])
    losses = F.ctc_loss(
        log_posteriors.float().transpose(0, 1),
        flat.to(log_posteriors.device),
        steps,
        sizes.to(steps.device),
        blank=log_posteriors.shape[2] - 1,
        reduction="none",
    )
    if weights is not None:
        first = [weights[target[0]] if target else weights.new_ones(()) for target in targets]
        losses = losses * torch.stack(first)
    return losses.mean()


def repeated_target(label: int, frames: int, per_frame: float = 0.03) -> list[int]:
    """Han et al. (2018): the utterance's label, max(1, int(per_frame x frames)) times; about 3 a second.

    >>> repeated_target(2, 100)
    [2, 2, 2]
    """
    return [label] * max(1, int(per_frame * frames))

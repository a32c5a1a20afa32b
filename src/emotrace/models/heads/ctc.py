"""Connectionist temporal classification: Zhao et al. (2021), section 3.6, eqs. 10 and 11."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.models.layers.pcnse import FrameBatchNorm


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
        """What the layer gives at each step."""
        maps = self.dense(x).transpose(1, 2)[..., None]
        return self.norm(maps, lengths)[..., 0].transpose(1, 2).relu()


class CTCHead(nn.Module):
    """Log-posteriors of each emotion and, last, of the blank (the paper's Null), at every step.

    Shape: (batch, step, width) → (batch, step, K + 1).

    >>> CTCHead(128, labels=4)(torch.randn(2, 9, 128)).exp().sum(2).allclose(torch.ones(2, 9))
    True
    """

    def __init__(self, width: int, labels: int):
        super().__init__()
        self.output = nn.Linear(width, labels + 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logarithms of the softmax."""
        return self.output(x).float().log_softmax(2)


def ctc_loss(
    log_posteriors: Tensor, steps: Tensor, targets: Sequence[Sequence[int]], weights: Tensor | None = None
) -> Tensor:
    """Mean over utterances of -log P(l | X) (eq. 10), each times the weight of its first label.

    Unlike the library's default mean, an utterance counts the same whatever its length.

    Args:
        log_posteriors: (batch, step, K + 1), blank last.
        steps: (batch,) true lengths.
        targets: the label sequence of each utterance; it may be empty.
        weights: (K,) class weights.

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

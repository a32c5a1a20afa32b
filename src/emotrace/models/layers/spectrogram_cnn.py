"""Convolutions of the baselines on a linear spectrogram: Satt et al. (2017), Ma et al. (2018)."""

from __future__ import annotations

from torch import Tensor, nn

from emotrace.models.layers.conv_block import ConvBlock, Pool, first_centre, positions_out

KERNELS = ((12, 16), (8, 12), (5, 7))  # frames x bands
WIDTHS = (16, 24, 32)


class SpectrogramConv(nn.Module):
    """Three same-padded convolutions, each with batch normalisation, ReLU and a 2x2 max-pool.

    Shape: (batch, channel, frame, band), (batch,) true lengths → (batch, step, feature), (batch,); one step
    for eight frames.

    >>> import torch
    >>> cnn = SpectrogramConv(channels=1, bands=200)
    >>> local, steps = cnn(torch.randn(1, 1, 297, 200), torch.tensor([297]))
    >>> local.shape, steps.tolist()
    (torch.Size([1, 37, 800]), [37])
    """

    frames_per_step = 8

    def __init__(
        self,
        channels: int,
        bands: int,
        widths: tuple[int, ...] = WIDTHS,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ):
        super().__init__()
        self.blocks = nn.ModuleList(
            ConvBlock(
                inputs,
                width,
                kernel,
                same=True,
                pool=Pool(2, 2),
                reduction=None,
                batch_norm=True,
                momentum=momentum,
                eps=eps,
            )
            for inputs, width, kernel in zip((channels, *widths), widths, KERNELS, strict=False)
        )
        self.features_out = self.positions_out(bands) * widths[-1]

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Local features of each step, and their true lengths."""
        for block in self.blocks:
            x, lengths = block(x, lengths)
        # "batch channel step band -> batch step (band channel)", as in the paper's Reshape.
        return x.permute(0, 2, 3, 1).flatten(2), lengths

    def positions_out(self, positions: int) -> int:
        """Number of steps for a number of frames; number of output bands for a number of bands."""
        return positions_out(self.blocks, positions)

    def centre_of_first_step(self) -> float:
        """Centre of step 0 in frames: an even kernel sees one later frame more than earlier ones.

        >>> SpectrogramConv(1, 200).centre_of_first_step()
        5.0
        """
        return first_centre(self.blocks)

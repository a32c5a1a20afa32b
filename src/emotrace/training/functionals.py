"""Logistic regression on the functionals of clips, and what it says of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from emotrace.model.systems import Network, System
from emotrace.recipe import Recipe
from emotrace.training.augment import HIGHEST_BANDS, LOWEST_BANDS, narrowed
from emotrace.training.clips import Clip, window_batches
from emotrace.training.fold import FromStatic
from emotrace.training.scoring import Floats, model_log_scores
from emotrace.training.seeds import seed_of

STEPS = 100


def fit_functionals(network: Network, clips: Sequence[Clip], recipe: Recipe, seed: int) -> None:
    """Set the classifier of `network.functionals` by clips of training speakers.

    Where the recipe has `rooms`, it hears each of them as it is, in two rooms, and through two channels: from
    clean takes alone it learns what an echo of a third of a second or a rate of 8 kHz takes away.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, "functionals"))
    fit(network, [*clips, *(elsewhere(clips, generator) if recipe.rooms else [])], recipe.functionals)


def elsewhere(clips: Sequence[Clip], generator: torch.Generator) -> list[Clip]:
    """The clips in two rooms, and through two channels, one of which loses low frequencies too."""

    def share() -> float:
        return torch.rand((), generator=generator).item()

    def room(window: Tensor) -> Tensor:
        return echoing(window, 0.1 * 10 ** share(), 0.5 + 2 * share())

    def channel(window: Tensor, lowest: float) -> Tensor:
        return narrowed(window, lowest, 1 - HIGHEST_BANDS * share(), 20 + 60 * share())

    takes: tuple[Callable[[Tensor], Tensor], ...] = (
        room,
        room,
        lambda window: channel(window, 0.0),
        lambda window: channel(window, LOWEST_BANDS * share()),
    )
    return [
        replace(clip, views=(tuple(take(window) for window in clip.windows),))
        for take in takes
        for clip in clips
    ]


def echoing(static: Tensor, decay_s: float, loudness: float) -> Tensor:
    """As a room gives it back: the power of each band, and after it so many times as much, falling by 60 dB.

    Shape: (frame, band) in and out.

    >>> one = torch.full((4, 1), -9.0).index_fill(0, torch.tensor([0]), 0.0)
    >>> echoing(one, 0.3, 1.0).exp().squeeze(1).mul(100).round().tolist()
    [100.0, 37.0, 23.0, 15.0]
    """
    frames = torch.arange(1, round(decay_s * 100) + 2)
    tail = 10.0 ** (-6 * frames / (decay_s * 100))
    tail *= loudness / tail.sum()
    power = static.T.exp()
    echo = F.conv1d(F.pad(power[:, None], (len(tail), 0)), tail.flip(0)[None, None])[:, 0, : len(static)]
    return (power + echo).T.log()


def fit(network: Network, clips: Sequence[Clip], l2: float) -> None:
    """Set the classifier of `network.functionals`: each window is an example, emotions weigh the same.

    The loss is the mean log-loss and `l2` / 2 times the squares of the weights, and has one minimum, found in
    double precision.
    """
    classifier = network.functionals
    assert classifier is not None
    x = statistics_of(network, clips).double()
    truth = torch.tensor([clip.label for clip in clips for _ in clip.windows])
    emotions = len(classifier.bias)
    mean, deviation = x.mean(0), x.std(0) + 1e-4
    x = (x - mean) / deviation
    rarity = 1 / torch.bincount(truth, minlength=emotions).clamp(min=1).double()
    balance = rarity[truth] / rarity[truth].sum()
    weight = torch.zeros(emotions, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(emotions, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        losses = F.cross_entropy(F.linear(x, weight, bias), truth, reduction="none")
        value = (losses * balance).sum() + l2 / 2 * weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    for own, found in (
        (classifier.mean, mean),
        (classifier.scale, 1 / deviation),
        (classifier.weight, weight.detach()),
        (classifier.bias, bias.detach()),
    ):
        own.copy_(found)


def statistics_of(network: Network, clips: Sequence[Clip]) -> Tensor:
    """The functionals of every window in the order of the clips, (window, statistic)."""
    classifier = network.functionals
    assert classifier is not None
    return torch.cat(in_order(network, clips, classifier.statistics))


def window_log_scores(
    network: Network, clips: Sequence[Clip], system: System, recipe: Recipe, *, functionals: bool = True
) -> list[list[Floats]]:
    """Log-scores (K,) of each window of each clip: the network's, and what functionals add."""
    model = FromStatic(network, recipe.augmentation)
    logs = model_log_scores(model, clips, system.loss, system.decoding(recipe))
    if network.functionals is None or not functionals:
        return logs
    more = iter(in_order(network, clips, network.functionals))
    return [[row + next(more)[0].double().numpy() for row in rows] for rows in logs]


def in_order(
    network: Network, clips: Sequence[Clip], asked: Callable[[Tensor, Tensor], Tensor]
) -> list[Tensor]:
    """What is said of the spectrogram of every window, a row each, in the order of the clips."""
    assert network.functionals is not None
    device = network.functionals.mean.device
    found: dict[tuple[int, int], Tensor] = {}
    with torch.inference_mode():
        for places, batch in window_batches(clips):
            frames = batch.lengths.to(device)
            spectrogram = network.front.spectrogram(batch.x.transpose(1, 2).to(device), frames)
            for place, row in zip(places, asked(spectrogram, frames).cpu(), strict=True):
                found[place] = row[None]
    return [found[c, w].clone() for c, clip in enumerate(clips) for w in range(len(clip.windows))]

"""Logistic regression on the functionals of clips, and what it says of others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from emotrace.model.functionals import OF_THE_WHOLE
from emotrace.model.random_kernels import FLAT
from emotrace.model.systems import Network, System
from emotrace.recipe import Recipe
from emotrace.training.augment import HIGHEST_BANDS, LOWEST_BANDS, augment, narrowed
from emotrace.training.clips import Clip, window_batches
from emotrace.training.fold import FromStatic
from emotrace.training.scoring import Floats, fit_temperature, model_log_scores
from emotrace.training.seeds import seed_of

STEPS = 100
MIXED = 20_000  # frames that a mixture is fitted to
MIXTURE_STEPS = 30
LEAST_VARIANCE = 1e-3  # of a component, where the variance of all is 1


def fit_functionals(network: Network, clips: Sequence[Clip], recipe: Recipe, seed: int) -> None:
    """Set the classifier of `network.functionals` by clips of training speakers.

    It hears each of them as it is, and four more takes of it.
    """
    fit_mixture(network, clips, seed_of(seed, "mixture"))
    generator = torch.Generator().manual_seed(seed_of(seed, "functionals"))
    fit(network, [*clips, *other_takes(clips, recipe, generator)], recipe.functionals)


def other_takes(clips: Sequence[Clip], recipe: Recipe, generator: torch.Generator) -> list[Clip]:
    """Four takes of each clip with other tempo and vocal tract, as the recipe's augmentation has them.

    Where the recipe has `rooms`, two of them are in rooms, and two came through channels, one of which loses
    low frequencies too: from clean takes alone a classifier of functionals learns what an echo of a third of
    a second or a rate of 8 kHz takes away.
    """

    def share() -> float:
        return torch.rand((), generator=generator).item()

    def spoken(window: Tensor) -> Tensor:
        return augment(window, recipe.augmentation, generator, recipe.longest_frames)

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
        replace(clip, views=(tuple(take(spoken(window)) for window in clip.windows),))
        for take in (takes if recipe.rooms else [lambda window: window] * len(takes))
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


def fit_mixture(network: Network, clips: Sequence[Clip], seed: int) -> None:
    """Set the mixture of `network.functionals` by frames of training speakers.

    Of `MIXED` frames drawn by chance, every value in its own deviations, so that all count the same.
    """
    classifier = network.functionals
    assert classifier is not None

    def described(spectrogram: Tensor, frames: Tensor) -> list[Tensor]:
        centred, within = classifier.centred(spectrogram, frames)
        return [
            rows[own.bool()] for rows, own in zip(classifier.mixed(centred), within[:, 0, :, 0], strict=True)
        ]

    frames = torch.cat(in_order(network, clips, described)).double().numpy()
    components = len(classifier.fisher.weights)
    drawn = np.random.default_rng(seed).permutation(len(frames))[:MIXED]
    frames = frames[np.resize(drawn, max(len(drawn), components))]  # again, where there are very few
    unit = frames.std(0) + FLAT
    mixture = GaussianMixture(
        components,
        covariance_type="diag",
        reg_covar=LEAST_VARIANCE,
        max_iter=MIXTURE_STEPS,
        random_state=seed % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(frames / unit)
    for own, found in (
        (classifier.fisher.weights, mixture.weights_),
        (classifier.fisher.means, mixture.means_ * unit),
        (classifier.fisher.deviations, mixture.covariances_**0.5 * unit),
    ):
        own.copy_(torch.from_numpy(found))


def fit(network: Network, clips: Sequence[Clip], l2: float) -> None:
    """Set the classifier of `network.functionals`: each window is an example, emotions weigh the same.

    Each kind of statistics is fitted apart, so that none leans on the errors of another.
    """
    classifier = network.functionals
    assert classifier is not None
    x = statistics_of(network, clips).double()
    truth = torch.tensor([clip.label for clip in clips for _ in clip.windows])
    mean, deviation = x.mean(0), x.std(0) + 1e-4
    kinds = ((x - mean) / deviation).split(classifier.kinds, 1)
    weights, biases = zip(*(regression(kind, truth, len(classifier.bias), l2) for kind in kinds), strict=True)
    for own, found in (
        (classifier.mean, mean),
        (classifier.scale, 1 / deviation),
        (classifier.weight, torch.cat(weights, 1) / len(kinds)),
        (classifier.bias, sum(biases) / len(kinds)),
    ):
        own.copy_(found)


def regression(x: Tensor, truth: Tensor, emotions: int, l2: float) -> tuple[Tensor, Tensor]:
    """Weights (emotion, statistic) and biases of a logistic regression, in double precision.

    The loss is the mean log-loss, emotions weighing the same, and `l2` / 2 times the squares of the weights;
    it has one minimum.
    """
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
    return weight.detach(), bias.detach()


def fit_share(network: Network, clips: Sequence[Clip], system: System, recipe: Recipe) -> None:
    """Set `network.functionals.share` by clips of validation speakers: what calibrates either, as a ratio."""
    classifier = network.functionals
    assert classifier is not None
    classifier.share.fill_(1.0)
    own = fit_temperature(window_log_scores(network, clips, system, recipe, functionals=False), clips)
    classifier.share.fill_(own / fit_temperature(classifier_log_scores(network, clips), clips))


def statistics_of(network: Network, clips: Sequence[Clip]) -> Tensor:
    """The functionals of every window in the order of the clips, (window, statistic)."""
    classifier = network.functionals
    assert classifier is not None
    return torch.stack(in_order(network, clips, classifier.statistics))


def window_log_scores(
    network: Network, clips: Sequence[Clip], system: System, recipe: Recipe, *, functionals: bool = True
) -> list[list[Floats]]:
    """Log-scores (K,) of each window of each clip: the network's, and what functionals add."""
    model = FromStatic(network, recipe.augmentation)
    logs = model_log_scores(model, clips, system.loss, system.decoding(recipe))
    if network.functionals is None or not functionals:
        return logs
    both = zip(logs, classifier_log_scores(network, clips), strict=True)
    return [[row + OF_THE_WHOLE * more for row, more in zip(*rows, strict=True)] for rows in both]


def classifier_log_scores(network: Network, clips: Sequence[Clip]) -> list[list[Floats]]:
    """What functionals say of each window of each clip, times their share."""
    assert network.functionals is not None
    rows = iter(in_order(network, clips, network.functionals))
    return [[next(rows).double().numpy() for _ in clip.windows] for clip in clips]


def in_order(
    network: Network, clips: Sequence[Clip], asked: Callable[[Tensor, Tensor], Iterable[Tensor]]
) -> list[Tensor]:
    """What is said of the spectrogram of every window, one by one, in the order of the clips."""
    assert network.functionals is not None
    device = network.functionals.mean.device
    found: dict[tuple[int, int], Tensor] = {}
    with torch.inference_mode():
        for places, batch in window_batches(clips):
            frames = batch.lengths.to(device)
            spectrogram = network.front.spectrogram(batch.x.transpose(1, 2).to(device), frames)
            for place, row in zip(places, asked(spectrogram, frames), strict=True):
                found[place] = row.cpu()
    return [found[c, w].clone() for c, clip in enumerate(clips) for w in range(len(clip.windows))]

"""Utterances as training data: windows of features, and batches of windows of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from emotrace.audio.windowing import window_samples
from emotrace.corpora import Utterance
from emotrace.corpora.utterance_audio import clear_audio_cache, read_utterance
from emotrace.features.log_power import LogPower

# The emotions of an example in order: index of each (None: no emotion), and its share of the duration.
Parts = tuple[tuple[int | None, float], ...]


@dataclass(frozen=True)
class Example:
    """One utterance: its windows as features over time, and its emotion.

    Attributes:
        label: index of the emotion; meaningless where `parts` is given
        views: windows (time, feature), frames of static bands for a front, or steps of local features for a
            back end; first as recorded, then augmented
        durations: samples of each window, with which scores of windows are averaged
        parts: the emotions of a concatenation; empty where there is one emotion
        spectra: the windows as power spectra (frame, bin), for functionals and acoustic augmentation; empty
            where these are not used
        corpus: the corpus of a collection that it belongs to; empty where there is one corpus
        weight: how often it is drawn in an epoch, where the mean is 1
    """

    name: str
    speaker: str
    label: int
    views: tuple[tuple[Tensor, ...], ...]
    durations: tuple[int, ...]
    parts: Parts = ()
    spectra: tuple[Tensor, ...] = ()
    corpus: str = ""
    weight: float = 1.0

    @property
    def windows(self) -> tuple[Tensor, ...]:
        """The windows without augmentation."""
        return self.views[0]


class Batch(NamedTuple):
    """Windows padded to the longest: (batch, time, feature), true lengths (batch,), labels (batch,).

    `parts` has the emotions of each example; an utterance has one, for all of its duration.
    """

    x: Tensor
    lengths: Tensor
    labels: Tensor
    parts: tuple[Parts, ...]


def read_examples(
    utterances: Sequence[Utterance],
    emotions: Sequence[str],
    spectrum: LogPower,
    max_frames: int,
    *,
    spectra: bool = False,
) -> list[Example]:
    """The windows of each utterance as static bands, and, with `spectra`, as power spectra.

    Raises:
        AudioError: a file cannot be used; the message names it.
    """
    indices = {emotion: index for index, emotion in enumerate(emotions)}
    examples = []
    for utterance in utterances:
        samples = torch.from_numpy(read_utterance(utterance).samples)
        windows, durations, powers = [], [], []
        with torch.inference_mode():
            for start, stop in window_samples(
                len(samples), max_frames, max_frames // 2, spectrum.frame_samples
            ):
                power = spectrum.power(samples[None, start:stop])
                windows.append(spectrum.band_log_power(power)[0].T.contiguous().clone())
                durations.append(stop - start)
                if spectra:
                    powers.append(power[0].clone())
        examples.append(
            Example(
                utterance.name,
                utterance.speaker,
                indices[utterance.emotion],
                (tuple(windows),),
                tuple(durations),
                spectra=tuple(powers),
            )
        )
    clear_audio_cache()  # an hour of audio takes 230 MB
    return examples


def make_batch(windows: Sequence[Tensor], examples: Sequence[Example]) -> Batch:
    """One batch with one window of each example, padded with zeros.

    >>> examples = [Example("a", "ann", 0, (), ()), Example("b", "bea", 1, (), ())]
    >>> make_batch([torch.ones(3, 2), torch.ones(1, 2)], examples).x.shape
    torch.Size([2, 3, 2])
    """
    return Batch(
        torch.nn.utils.rnn.pad_sequence(list(windows), batch_first=True),
        torch.tensor([len(window) for window in windows]),
        torch.tensor([example.label for example in examples]),
        tuple(example.parts or ((example.label, 1.0),) for example in examples),
    )


def epoch_batches(
    examples: Sequence[Example],
    size: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Iterator[Batch]:
    """One pass over the examples in batches of similar length, in random order.

    One random window of a random view of each example is used, and augmented by `change`. Lengths are varied
    by up to a tenth before sorting, so that batches differ from epoch to epoch. Where examples have different
    weights, as many as there are are drawn by these weights, with replacement.
    """
    weights = torch.tensor([example.weight for example in examples], dtype=torch.float64)
    if not torch.allclose(weights, torch.ones_like(weights)):
        indices = torch.multinomial(weights, len(examples), replacement=True, generator=generator)
        examples = [examples[i] for i in indices.tolist()]
    drawn = []
    for example in examples:
        view = example.views[_draw(len(example.views), generator)]
        window = view[_draw(len(view), generator)]
        drawn.append(change(window, generator) if change else window)
    factors = 1 + 0.1 * torch.rand(len(examples), generator=generator)
    order = sorted(range(len(examples)), key=lambda i: len(drawn[i]) * factors[i].item())
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    if len(groups) > 1 and len(groups[0]) > 1 and len(groups[-1]) < 2:
        groups[-2:] = [groups[-2] + groups[-1]]  # batch normalisation needs more than one example
    for group in torch.randperm(len(groups), generator=generator).tolist():
        yield make_batch([drawn[i] for i in groups[group]], [examples[i] for i in groups[group]])


def window_batches(
    examples: Sequence[Example], size: int = 16
) -> Iterator[tuple[list[tuple[int, int]], Batch]]:
    """Every window of every example in batches of similar length, with the indices (example, window)."""
    indices = [(e, w) for e, example in enumerate(examples) for w in range(len(example.windows))]
    indices.sort(key=lambda index: len(examples[index[0]].windows[index[1]]))
    for start in range(0, len(indices), size):
        group = indices[start : start + size]
        windows = [examples[e].windows[w] for e, w in group]
        yield group, make_batch(windows, [examples[e] for e, _ in group])


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator)) if count > 1 else 0

"""Utterances as the training sees them: windows of features, batches of like length."""

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


@dataclass(frozen=True)
class Example:
    """One utterance: its evaluation windows as features over time, and the place of its emotion.

    A window is (time, feature): frames of static bands for a front, steps of local features for a back end.
    `views` holds the same windows more than once, where they are seen elsewhere too or stage 2 is given
    augmented copies. `durations` are those of the windows as they were cut, in samples: the weights by which
    the runtime averages their scores. Where the emotion changes, `parts` says how: each emotion's place
    (None: no emotion), and its share of the time; the label says nothing then. `spectra` are the windows as
    power spectra (frame, bin), where functionals are to be fitted or takes of other places made.
    """

    name: str
    speaker: str
    label: int
    views: tuple[tuple[Tensor, ...], ...]
    durations: tuple[int, ...]
    parts: tuple[tuple[int | None, float], ...] = ()
    spectra: tuple[Tensor, ...] = ()

    @property
    def windows(self) -> tuple[Tensor, ...]:
        """The windows as they are, without augmentation."""
        return self.views[0]


class Batch(NamedTuple):
    """Windows padded to the longest: (batch, time, feature), true lengths (batch,), labels (batch,).

    `parts` are those of each clip, with its label all the time where its emotion does not change.
    """

    x: Tensor
    lengths: Tensor
    labels: Tensor
    parts: tuple[tuple[tuple[int | None, float], ...], ...]


def read_examples(
    utterances: Sequence[Utterance],
    emotions: Sequence[str],
    spectrum: LogPower,
    longest_frames: int,
    *,
    spectra: bool = False,
) -> list[Example]:
    """Windows of each utterance as static bands, log-Mel for most systems, and as `spectra` if asked.

    Raises:
        AudioError: a file that cannot be used; the message names it.
    """
    place = {emotion: index for index, emotion in enumerate(emotions)}
    examples = []
    for utterance in utterances:
        samples = torch.from_numpy(read_utterance(utterance).samples)
        windows, durations, powers = [], [], []
        with torch.inference_mode():
            for start, stop in window_samples(
                len(samples), longest_frames, longest_frames // 2, spectrum.frame_samples
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
                place[utterance.emotion],
                (tuple(windows),),
                tuple(durations),
                spectra=tuple(powers),
            )
        )
    clear_audio_cache()  # an hour of audio takes 230 MB
    return examples


def batched(windows: Sequence[Tensor], examples: Sequence[Example]) -> Batch:
    """One batch, a window of each clip, padded with zeros.

    >>> examples = [Example("a", "ann", 0, (), ()), Example("b", "bea", 1, (), ())]
    >>> batched([torch.ones(3, 2), torch.ones(1, 2)], examples).x.shape
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
    """One pass over the clips in batches of like length, in an order drawn anew.

    Of each clip one view and one window are drawn, and changed by `change`. Lengths are blurred by a tenth
    before sorting, so that the same clips do not always meet.
    """
    drawn = []
    for example in examples:
        view = example.views[_draw(len(example.views), generator)]
        window = view[_draw(len(view), generator)]
        drawn.append(change(window, generator) if change else window)
    blur = 1 + 0.1 * torch.rand(len(examples), generator=generator)
    order = sorted(range(len(examples)), key=lambda i: len(drawn[i]) * blur[i].item())
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    if len(groups) > 1 and len(groups[0]) > 1 and len(groups[-1]) < 2:  # batch statistics need company
        groups[-2:] = [groups[-2] + groups[-1]]
    for group in torch.randperm(len(groups), generator=generator).tolist():
        yield batched([drawn[i] for i in groups[group]], [examples[i] for i in groups[group]])


def window_batches(
    examples: Sequence[Example], size: int = 16
) -> Iterator[tuple[list[tuple[int, int]], Batch]]:
    """Every window of every clip in batches of like length, with (clip, window) places."""
    places = [(c, w) for c, example in enumerate(examples) for w in range(len(example.windows))]
    places.sort(key=lambda place: len(examples[place[0]].windows[place[1]]))
    for start in range(0, len(places), size):
        group = places[start : start + size]
        yield group, batched([examples[c].windows[w] for c, w in group], [examples[c] for c, _ in group])


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator)) if count > 1 else 0

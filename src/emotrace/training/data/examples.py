"""Utterances as the training sees them: windows of features, batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from emotrace.audio.windowing import window_samples
from emotrace.corpora import Utterance
from emotrace.corpora.utterance_audio import forget_files, read_utterance
from emotrace.features.spectrogram import LogPower


@dataclass(frozen=True)
class Clip:
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


def read_clips(
    utterances: Sequence[Utterance],
    emotions: Sequence[str],
    spectrum: LogPower,
    longest_frames: int,
    *,
    spectra: bool = False,
) -> list[Clip]:
    """Windows of each utterance as static bands, log-Mel for most systems, and as `spectra` if asked.

    Raises:
        AudioError: a file that cannot be used; the message names it.
    """
    place = {emotion: index for index, emotion in enumerate(emotions)}
    clips = []
    for utterance in utterances:
        samples = torch.from_numpy(read_utterance(utterance).samples)
        windows, durations, powers = [], [], []
        with torch.inference_mode():
            for start, stop in window_samples(
                len(samples), longest_frames, longest_frames // 2, spectrum.frame_samples
            ):
                power = spectrum.power(samples[None, start:stop])
                windows.append(spectrum.bands_of(power)[0].T.contiguous().clone())
                durations.append(stop - start)
                if spectra:
                    powers.append(power[0].clone())
        clips.append(
            Clip(
                utterance.name,
                utterance.speaker,
                place[utterance.emotion],
                (tuple(windows),),
                tuple(durations),
                spectra=tuple(powers),
            )
        )
    forget_files()  # an hour of audio takes 230 MB
    return clips


def batched(windows: Sequence[Tensor], clips: Sequence[Clip]) -> Batch:
    """One batch, a window of each clip, padded with zeros.

    >>> clips = [Clip("a", "ann", 0, (), ()), Clip("b", "bea", 1, (), ())]
    >>> batched([torch.ones(3, 2), torch.ones(1, 2)], clips).x.shape
    torch.Size([2, 3, 2])
    """
    return Batch(
        torch.nn.utils.rnn.pad_sequence(list(windows), batch_first=True),
        torch.tensor([len(window) for window in windows]),
        torch.tensor([clip.label for clip in clips]),
        tuple(clip.parts or ((clip.label, 1.0),) for clip in clips),
    )


def epoch_batches(
    clips: Sequence[Clip],
    size: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Iterator[Batch]:
    """One pass over the clips in batches of like length, in an order drawn anew.

    Of each clip one view and one window are drawn, and changed by `change`. Lengths are blurred by a tenth
    before sorting, so that the same clips do not always meet.
    """
    drawn = []
    for clip in clips:
        view = clip.views[_draw(len(clip.views), generator)]
        window = view[_draw(len(view), generator)]
        drawn.append(change(window, generator) if change else window)
    blur = 1 + 0.1 * torch.rand(len(clips), generator=generator)
    order = sorted(range(len(clips)), key=lambda i: len(drawn[i]) * blur[i].item())
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    if len(groups) > 1 and len(groups[0]) > 1 and len(groups[-1]) < 2:  # batch statistics need company
        groups[-2:] = [groups[-2] + groups[-1]]
    for group in torch.randperm(len(groups), generator=generator).tolist():
        yield batched([drawn[i] for i in groups[group]], [clips[i] for i in groups[group]])


def window_batches(clips: Sequence[Clip], size: int = 16) -> Iterator[tuple[list[tuple[int, int]], Batch]]:
    """Every window of every clip in batches of like length, with (clip, window) places."""
    places = [(c, w) for c, clip in enumerate(clips) for w in range(len(clip.windows))]
    places.sort(key=lambda place: len(clips[place[0]].windows[place[1]]))
    for start in range(0, len(places), size):
        group = places[start : start + size]
        yield group, batched([clips[c].windows[w] for c, w in group], [clips[c] for c, _ in group])


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator)) if count > 1 else 0

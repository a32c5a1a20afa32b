"""Clips whose emotion changes, made of one speaker's utterances: what CTC can learn to align from.

A network that sees a whole utterance, and one label for it, has no reason to say where the emotion is. A
sequence of labels gives it one, and needs no times: finding them is what CTC is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from emotrace.training.clips import Clip

MOST_PARTS = 3


def changing_clips(
    clips: Sequence[Clip],
    count: int,
    longest: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor],
) -> list[Clip]:
    """`count` clips of two or three utterances of one speaker each, no two neighbours of one emotion.

    Each utterance is changed by `change`, then cut at random places to its part of `longest` frames. None
    come where no speaker has two emotions.

    Args:
        clips: windows of static bands (frame, band)
    """
    speakers: dict[str, list[Clip]] = {}
    for clip in clips:
        speakers.setdefault(clip.speaker, []).append(clip)
    able = [own for own in speakers.values() if len({clip.label for clip in own}) > 1]
    return [_changing(able[_draw(len(able), generator)], longest, generator, change)
            for _ in range(count if able else 0)]  # fmt: skip


def _changing(
    own: Sequence[Clip],
    longest: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor],
) -> Clip:
    parts = 2 + _draw(MOST_PARTS - 1, generator)
    chosen: list[Clip] = []
    windows: list[Tensor] = []
    for _ in range(parts):
        others = [clip for clip in own if not chosen or clip.label != chosen[-1].label]
        chosen.append(others[_draw(len(others), generator)])
        window = chosen[-1].windows[_draw(len(chosen[-1].windows), generator)]
        window = change(window, generator)
        start = _draw(max(0, len(window) - longest // parts) + 1, generator)
        windows.append(window[start : start + longest // parts])
    whole = torch.cat(windows)
    shares = [len(window) / len(whole) for window in windows]
    return Clip(
        " + ".join(clip.name for clip in chosen),
        chosen[0].speaker,
        chosen[0].label,
        ((whole,),),
        (len(whole),),
        tuple((clip.label, share) for clip, share in zip(chosen, shares, strict=True)),
    )


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))

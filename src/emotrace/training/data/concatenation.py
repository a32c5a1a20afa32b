"""Clips whose emotion changes, made of one speaker's utterances: what CTC can learn to align from.

A network that sees a whole utterance, and one label for it, has no reason to say where the emotion is. A
sequence of labels gives it one, and needs no times: finding them is what CTC is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from emotrace.training.data.examples import Example

MOST_PARTS = 3


def concatenated_examples(
    examples: Sequence[Example],
    count: int,
    longest: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor],
    non_speech: Sequence[Example] = (),
) -> list[Example]:
    """`count` clips of two or three utterances of one speaker each, no two neighbours of one emotion.

    Each utterance is changed by `change`, then cut at random places to its part of `longest` frames. In every
    other clip a stretch of one that is `non_speech` comes first, last or between. No clips come where no
    speaker has two emotions.

    Args:
        clips: windows of static bands (frame, band)
    """
    speakers: dict[str, list[Example]] = {}
    for example in examples:
        speakers.setdefault(example.speaker, []).append(example)
    able = [own for own in speakers.values() if len({example.label for example in own}) > 1]
    concatenated = []
    for number in range(count if able else 0):
        own = able[_draw(len(able), generator)]
        other = non_speech[_draw(len(non_speech), generator)] if non_speech and number % 2 else None
        concatenated.append(_concatenated(own, longest, generator, change, other))
    return concatenated


def _concatenated(
    own: Sequence[Example],
    longest: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor],
    other: Example | None,
) -> Example:
    parts = 2 + _draw(MOST_PARTS - 1, generator)
    most = longest // (parts + (other is not None))
    view = _draw(min(len(example.views) for example in own), generator)  # all of them in one place
    chosen: list[Example] = []
    windows: list[Tensor] = []
    for _ in range(parts):
        others = [example for example in own if not chosen or example.label != chosen[-1].label]
        chosen.append(others[_draw(len(others), generator)])
        seen = chosen[-1].views[view]
        window = seen[_draw(len(seen), generator)]
        windows.append(_cut(change(window, generator), most, generator))
    labels: list[int | None] = [example.label for example in chosen]
    if other is not None:
        place = _draw(parts + 1, generator)
        chosen.insert(place, other)
        labels.insert(place, None)
        windows.insert(place, _cut(other.windows[0], most, generator))
    whole = torch.cat(windows)
    shares = [len(window) / len(whole) for window in windows]
    return Example(
        " + ".join(example.name for example in chosen),
        own[0].speaker,
        own[0].label,
        ((whole,),),
        (len(whole),),
        tuple(zip(labels, shares, strict=True)),
    )


def _cut(window: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """At most so many frames, from a random place."""
    start = _draw(max(0, len(window) - most) + 1, generator)
    return window[start : start + most]


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))

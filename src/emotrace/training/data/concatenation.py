"""Training examples in which the emotion changes, concatenated from utterances of one speaker.

A network that only sees utterances with one label cannot learn when the emotion shows. Sequences of labels
teach it, and need no times, since CTC finds the alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from emotrace.training.data.examples import Example

MAX_UTTERANCES = 3


def concatenated_examples(
    examples: Sequence[Example],
    count: int,
    max_frames: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor],
    non_speech: Sequence[Example] = (),
) -> list[Example]:
    """`count` examples of two or three utterances of one speaker; neighbours have different emotions.

    Each utterance is augmented by `change`, then cut at a random position to its share of `max_frames`. Every
    second example also has a segment of one of `non_speech`, first, last or in between. The list is empty if
    no speaker has two emotions.

    Args:
        examples: windows of static bands (frame, band)
    """
    by_speaker: dict[str, list[Example]] = {}
    for example in examples:
        by_speaker.setdefault(example.speaker, []).append(example)
    usable = [group for group in by_speaker.values() if len({example.label for example in group}) > 1]
    concatenated = []
    for number in range(count if usable else 0):
        group = usable[_draw(len(usable), generator)]
        sound = non_speech[_draw(len(non_speech), generator)] if non_speech and number % 2 else None
        concatenated.append(_concatenate(group, max_frames, generator, change, sound))
    return concatenated


def _concatenate(
    group: Sequence[Example],
    max_frames: int,
    generator: torch.Generator,
    change: Callable[[Tensor, torch.Generator], Tensor],
    sound: Example | None,
) -> Example:
    count = 2 + _draw(MAX_UTTERANCES - 1, generator)
    max_segment = max_frames // (count + (sound is not None))
    # All utterances have the same view, and so the same acoustic condition.
    view = _draw(min(len(example.views) for example in group), generator)
    chosen: list[Example] = []
    windows: list[Tensor] = []
    for _ in range(count):
        candidates = [example for example in group if not chosen or example.label != chosen[-1].label]
        chosen.append(candidates[_draw(len(candidates), generator)])
        view_windows = chosen[-1].views[view]
        window = view_windows[_draw(len(view_windows), generator)]
        windows.append(_cut(change(window, generator), max_segment, generator))
    labels: list[int | None] = [example.label for example in chosen]
    if sound is not None:
        index = _draw(count + 1, generator)
        chosen.insert(index, sound)
        labels.insert(index, None)
        windows.insert(index, _cut(sound.windows[0], max_segment, generator))
    joined = torch.cat(windows)
    shares = [len(window) / len(joined) for window in windows]
    return Example(
        " + ".join(example.name for example in chosen),
        group[0].speaker,
        group[0].label,
        ((joined,),),
        (len(joined),),
        tuple(zip(labels, shares, strict=True)),
    )


def _cut(window: Tensor, max_frames: int, generator: torch.Generator) -> Tensor:
    """At most `max_frames` frames from a random position."""
    start = _draw(max(0, len(window) - max_frames) + 1, generator)
    return window[start : start + max_frames]


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))

"""Clips whose emotion changes hold what they say they hold."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emotrace.training.data.concatenation import changing_clips
from emotrace.training.data.examples import Clip
from emotrace.training.loop import Objective
from emotrace.training.progress import silent
from emotrace.training.split import Experiment, Part, train_part


def clips_of(speakers: dict[str, list[int]]) -> list[Clip]:
    """Clips of 30 to 300 frames whose first band tells the label and second band the frame."""
    random = torch.Generator().manual_seed(1)
    found = []
    for speaker, labels in speakers.items():
        for number, label in enumerate(labels):
            frames = int(torch.randint(30, 300, (1,), generator=random))
            window = torch.stack([torch.full((frames,), float(label)), torch.arange(float(frames))], dim=1)
            found.append(Clip(f"{speaker}{number}", speaker, label, ((window,),), (frames,)))
    return found


def unchanged(window: Tensor, _: torch.Generator) -> Tensor:
    return window


def made(clips: list[Clip], seed: int = 0, longest: int = 200) -> list[Clip]:
    return changing_clips(clips, 60, longest, torch.Generator().manual_seed(seed), unchanged)


def test_each_holds_stretches_of_one_speakers_utterances_and_says_how_long() -> None:
    clips = clips_of({"ann": [0, 1, 2], "bea": [0, 0, 3, 3]})
    found = made(clips)
    assert {len(clip.parts) for clip in found} == {2, 3}
    assert {clip.speaker for clip in found} == {"ann", "bea"}
    by_name = {clip.name: clip for clip in clips}
    for clip in found:
        (window,) = clip.windows
        assert len(window) <= 200
        assert all(one[0] != other[0] for one, other in zip(clip.parts, clip.parts[1:], strict=False))
        at = 0
        for name, (label, share) in zip(clip.name.split(" + "), clip.parts, strict=True):
            source = by_name[name]
            assert (source.speaker, source.label) == (clip.speaker, label)
            stretch = window[at : at + round(share * len(window))]
            at += len(stretch)
            first = int(stretch[0, 1])
            assert torch.equal(stretch, source.windows[0][first : first + len(stretch)])
            assert len(stretch) == min(len(source.windows[0]), 200 // len(clip.parts))
        assert at == len(window)
    names = [clip.name for clip in found]
    assert [clip.name for clip in made(clips)] == names
    assert [clip.name for clip in made(clips, seed=1)] != names


def test_all_of_a_clip_is_in_one_place() -> None:
    """Of clips with several views all parts are of the same one, and every view has its turn."""
    clips = [
        replace(clip, views=tuple((window + 1000 * place,) for window in clip.windows for place in range(3)))
        for clip in clips_of({"ann": [0, 1, 2], "bea": [0, 3]})
    ]
    places = [(clip.windows[0][:, 0] // 1000).unique().tolist() for clip in made(clips)]
    assert {tuple(found) for found in places} == {(0.0,), (1.0,), (2.0,)}


def test_a_speaker_of_one_emotion_gives_none() -> None:
    assert {clip.speaker for clip in made(clips_of({"ann": [0, 1], "bea": [2, 2]}))} == {"ann"}
    assert made(clips_of({"bea": [2, 2]})) == []


def test_in_every_other_a_stretch_has_no_emotion() -> None:
    noise = Clip("noise", "", 0, ((torch.full((400, 2), -1.0),),), (400,), ((None, 1.0),))
    clips = clips_of({"ann": [0, 1, 2]})
    found = changing_clips(clips, 40, 200, torch.Generator().manual_seed(0), unchanged, [noise])
    with_none = [clip for clip in found if None in dict(clip.parts)]
    assert len(with_none) == 20
    assert {[label for label, _ in clip.parts].index(None) for clip in with_none} == {0, 1, 2, 3}
    for clip in with_none:
        (window,) = clip.windows
        assert len(window) <= 200
        share = dict(clip.parts)[None]
        assert (window[:, 1] == -1).sum() == round(share * len(window)) == 200 // len(clip.parts)
        assert None not in Objective("ctc", "repeated").target(clip.parts, 1000)


def test_a_training_takes_them_in(experiment: Experiment, tmp_path: Path) -> None:
    part = Part(train=("ann", "bea", "cem"), validation=("dov",), test=("eve",))
    curves = []
    for changing in (0.0, 1.0):
        recipe = experiment.recipe.model_copy(update={"changing": changing})
        folder = tmp_path / str(changing)
        train_part(replace(experiment, recipe=recipe), part, fold=0, seed=1, folder=folder, tell=silent)
        curves.append([(folder / stage / "curve.csv").read_text() for stage in ("front-pcnse", "back")])
    assert curves[0][0] == curves[1][0]
    assert curves[0][1] != curves[1][1]

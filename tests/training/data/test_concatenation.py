"""Concatenations hold the segments and shares that they state."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emotrace.models.heads.ctc import CTCObjective
from emotrace.training.data.concatenation import concatenated_examples
from emotrace.training.data.examples import Example
from emotrace.training.experiment import Experiment
from emotrace.training.progress import no_progress
from emotrace.training.split import SpeakerSplit, train_split


def clips_of(speakers: dict[str, list[int]]) -> list[Example]:
    """Examples of 30 to 300 frames; the first band holds the label and the second the index of the frame."""
    random = torch.Generator().manual_seed(1)
    found = []
    for speaker, labels in speakers.items():
        for number, label in enumerate(labels):
            frames = int(torch.randint(30, 300, (1,), generator=random))
            window = torch.stack([torch.full((frames,), float(label)), torch.arange(float(frames))], dim=1)
            found.append(Example(f"{speaker}{number}", speaker, label, ((window,),), (frames,)))
    return found


def unchanged(window: Tensor, _: torch.Generator) -> Tensor:
    return window


def made(examples: list[Example], seed: int = 0, longest: int = 200) -> list[Example]:
    return concatenated_examples(examples, 60, longest, torch.Generator().manual_seed(seed), unchanged)


def test_a_concatenation_holds_segments_of_one_speaker_and_states_their_shares() -> None:
    examples = clips_of({"ann": [0, 1, 2], "bea": [0, 0, 3, 3]})
    found = made(examples)
    assert {len(example.parts) for example in found} == {2, 3}
    assert {example.speaker for example in found} == {"ann", "bea"}
    by_name = {example.name: example for example in examples}
    for example in found:
        (window,) = example.windows
        assert len(window) <= 200
        assert all(one[0] != other[0] for one, other in zip(example.parts, example.parts[1:], strict=False))
        at = 0
        for name, (label, share) in zip(example.name.split(" + "), example.parts, strict=True):
            source = by_name[name]
            assert (source.speaker, source.label) == (example.speaker, label)
            stretch = window[at : at + round(share * len(window))]
            at += len(stretch)
            first = int(stretch[0, 1])
            assert torch.equal(stretch, source.windows[0][first : first + len(stretch)])
            assert len(stretch) == min(len(source.windows[0]), 200 // len(example.parts))
        assert at == len(window)
    names = [example.name for example in found]
    assert [example.name for example in made(examples)] == names
    assert [example.name for example in made(examples, seed=1)] != names


def test_all_segments_of_a_concatenation_have_the_same_view() -> None:
    """Of clips with several views all parts are of the same one, and every view has its turn."""
    examples = [
        replace(
            example, views=tuple((window + 1000 * place,) for window in example.windows for place in range(3))
        )
        for example in clips_of({"ann": [0, 1, 2], "bea": [0, 3]})
    ]
    places = [(example.windows[0][:, 0] // 1000).unique().tolist() for example in made(examples)]
    assert {tuple(found) for found in places} == {(0.0,), (1.0,), (2.0,)}


def test_a_speaker_with_one_emotion_gives_no_concatenation() -> None:
    assert {example.speaker for example in made(clips_of({"ann": [0, 1], "bea": [2, 2]}))} == {"ann"}
    assert made(clips_of({"bea": [2, 2]})) == []


def test_every_second_concatenation_has_a_segment_without_emotion() -> None:
    noise = Example("noise", "", 0, ((torch.full((400, 2), -1.0),),), (400,), ((None, 1.0),))
    examples = clips_of({"ann": [0, 1, 2]})
    found = concatenated_examples(examples, 40, 200, torch.Generator().manual_seed(0), unchanged, [noise])
    with_none = [example for example in found if None in dict(example.parts)]
    assert len(with_none) == 20
    assert {[label for label, _ in example.parts].index(None) for example in with_none} == {0, 1, 2, 3}
    for example in with_none:
        (window,) = example.windows
        assert len(window) <= 200
        share = dict(example.parts)[None]
        assert (window[:, 1] == -1).sum() == round(share * len(window)) == 200 // len(example.parts)
        assert None not in CTCObjective("repeated").label_sequence(example.parts, 1000)


def test_training_uses_concatenations(experiment: Experiment, tmp_path: Path) -> None:
    part = SpeakerSplit(train=("ann", "bea", "cem"), validation=("dov",), test=("eve",))
    curves = []
    for changing in (0.0, 1.0):
        recipe = experiment.recipe.model_copy(update={"concatenated_per_utterance": changing})
        folder = tmp_path / str(changing)
        train_split(
            replace(experiment, recipe=recipe), part, fold=0, seed=1, folder=folder, progress=no_progress
        )
        curves.append([(folder / stage / "curve.csv").read_text() for stage in ("front-pcnse", "back")])
    assert curves[0][0] == curves[1][0]
    assert curves[0][1] != curves[1][1]

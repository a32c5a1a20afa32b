"""What functionals say along a clip, against stretches cut and asked one by one."""

import pytest
import torch
from torch import Tensor

from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.functionals.segments import (
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    cut_segments,
    segments_to_steps,
)
from emotrace.recipes import load_recipe

FRAMES = torch.tensor([400, 230, 150, 90, 16])


@pytest.fixture
def network() -> EmotionModel:
    torch.manual_seed(0)
    network = build(load_recipe([]), "pcnse-sadrn-ctc", labels=4).eval()
    assert network.functionals is not None
    network.functionals.weight.normal_(std=0.02)
    # One mixture for all components would leave means of zero, whose roots are rounding's.
    network.functionals.fisher.means.normal_()
    return network


@pytest.fixture
def static() -> Tensor:
    """Clips softer and softer, with what must not matter beyond their ends."""
    random = torch.Generator().manual_seed(0)
    return torch.randn(5, 40, 400, generator=random) - torch.arange(400) / 50


@pytest.fixture
def periods() -> Tensor:
    """Loudness, and how like themselves the frames of the clips are at each lag."""
    random = torch.Generator().manual_seed(1)
    loudness = torch.randn(5, 1, 400, generator=random) - torch.arange(400) / 50
    return torch.cat([loudness, 2 * torch.rand(5, 40, 400, generator=random) - 1], 1)


def starts(frames: int, longest: int) -> list[int]:
    """Where stretches begin: a half of one before each middle, and within the clip."""
    middles = range(SEGMENT_HOP_FRAMES // 2, longest + SEGMENT_HOP_FRAMES // 2, SEGMENT_HOP_FRAMES)
    return [max(0, min(middle - SEGMENT_FRAMES // 2, frames - SEGMENT_FRAMES)) for middle in middles]


def test_stretches_lie_around_the_middles_and_within_the_clip(static: Tensor) -> None:
    found, real = cut_segments(static, FRAMES)
    wanted = [
        (row, frames, start) for row, frames in enumerate(FRAMES.tolist()) for start in starts(frames, 400)
    ]
    assert len(found) == len(real) == len(wanted) == 20
    for stretch, count, (row, frames, start) in zip(found, real.tolist(), wanted, strict=True):
        assert count == min(SEGMENT_FRAMES, frames)
        assert stretch[:, :count].equal(static[row, :, start : start + count])


def test_each_step_is_told_what_its_stretch_alone_would_be(
    network: EmotionModel, static: Tensor, periods: Tensor
) -> None:
    assert network.functionals is not None
    steps = network.front.steps_out(400)
    with torch.inference_mode():
        found = network.step_scores((static, periods, FRAMES), steps)
        for row, frames in enumerate(FRAMES.tolist()):
            places = starts(frames, frames)
            for step in range(network.front.steps_out(frames)):
                middle = network.front.first_frame + step * network.front.frames_per_step
                start = places[int(middle // SEGMENT_HOP_FRAMES)]
                stretch, own = (
                    x[row : row + 1, :, start : start + min(SEGMENT_FRAMES, frames)]
                    for x in (static, periods)
                )
                real = torch.tensor([stretch.shape[2]])
                wanted = network.functionals.segment_scores(
                    network.representations(stretch, own, real), real
                )[0]
                torch.testing.assert_close(found[row, step], wanted, atol=1e-4, rtol=1e-4)
    assert found[0].std(0).min() > 0.01  # the stretches are told different things


def test_a_clip_alone_is_told_what_it_is_told_in_company(
    network: EmotionModel, static: Tensor, periods: Tensor
) -> None:
    steps = network.front.steps_out(400)
    with torch.inference_mode():
        together = network.step_scores((static, periods, FRAMES), steps)
        for row, frames in enumerate(FRAMES.tolist()):
            own = network.front.steps_out(frames)
            one = slice(row, row + 1)
            sound = static[one, :, :frames], periods[one, :, :frames], FRAMES[one]
            alone = network.step_scores(sound, own)
            torch.testing.assert_close(together[row, :own], alone[0], atol=1e-4, rtol=1e-4)


def test_a_step_beyond_the_last_stretch_is_told_the_last() -> None:
    said = segments_to_steps(torch.tensor([[[1.0], [2.0]]]), 300, first_frame=0.0, frames_per_step=1)
    assert said[0, [0, 99, 100, 299], 0].tolist() == [1, 1, 2, 2]

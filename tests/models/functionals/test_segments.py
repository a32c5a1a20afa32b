"""Scores of functionals over time, against segments cut and scored one by one."""

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
    # With equal components the vectors would be zero, and their square roots rounding errors.
    network.functionals.fisher.means.normal_()
    return network


@pytest.fixture
def static() -> Tensor:
    """Clips that become softer, with noise beyond their ends."""
    random = torch.Generator().manual_seed(0)
    return torch.randn(5, 40, 400, generator=random) - torch.arange(400) / 50


@pytest.fixture
def autocorrelation() -> Tensor:
    """Log-power, and autocorrelation at each lag."""
    random = torch.Generator().manual_seed(1)
    loudness = torch.randn(5, 1, 400, generator=random) - torch.arange(400) / 50
    return torch.cat([loudness, 2 * torch.rand(5, 40, 400, generator=random) - 1], 1)


def starts(frames: int, longest: int) -> list[int]:
    """Start of each segment: half a segment before its centre, and within the clip."""
    centres = range(SEGMENT_HOP_FRAMES // 2, longest + SEGMENT_HOP_FRAMES // 2, SEGMENT_HOP_FRAMES)
    return [max(0, min(centre - SEGMENT_FRAMES // 2, frames - SEGMENT_FRAMES)) for centre in centres]


def test_segments_are_centred_on_every_hop_and_lie_within_the_clip(static: Tensor) -> None:
    found, real_frames = cut_segments(static, FRAMES)
    expected = [
        (row, frames, start) for row, frames in enumerate(FRAMES.tolist()) for start in starts(frames, 400)
    ]
    assert len(found) == len(real_frames) == len(expected) == 20
    for segment, count, (row, frames, start) in zip(found, real_frames.tolist(), expected, strict=True):
        assert count == min(SEGMENT_FRAMES, frames)
        assert segment[:, :count].equal(static[row, :, start : start + count])


def test_each_step_has_the_score_of_its_segment_alone(
    network: EmotionModel, static: Tensor, autocorrelation: Tensor
) -> None:
    assert network.functionals is not None
    steps = network.front.steps_out(400)
    with torch.inference_mode():
        found = network.step_scores((static, autocorrelation, FRAMES), steps)
        for row, frames in enumerate(FRAMES.tolist()):
            segment_starts = starts(frames, frames)
            for step in range(network.front.steps_out(frames)):
                centre = network.front.first_frame + step * network.front.frames_per_step
                start = segment_starts[int(centre // SEGMENT_HOP_FRAMES)]
                segment, segment_autocorrelation = (
                    x[row : row + 1, :, start : start + min(SEGMENT_FRAMES, frames)]
                    for x in (static, autocorrelation)
                )
                real_frames = torch.tensor([segment.shape[2]])
                expected = network.functionals.segment_scores(
                    network.representations(segment, segment_autocorrelation, real_frames), real_frames
                )[0]
                torch.testing.assert_close(found[row, step], expected, atol=1e-4, rtol=1e-4)
    assert found[0].std(0).min() > 0.01  # segments differ


def test_batch_mates_never_change_step_scores(
    network: EmotionModel, static: Tensor, autocorrelation: Tensor
) -> None:
    steps = network.front.steps_out(400)
    with torch.inference_mode():
        together = network.step_scores((static, autocorrelation, FRAMES), steps)
        for row, frames in enumerate(FRAMES.tolist()):
            steps_alone = network.front.steps_out(frames)
            one = slice(row, row + 1)
            spectra = static[one, :, :frames], autocorrelation[one, :, :frames], FRAMES[one]
            alone = network.step_scores(spectra, steps_alone)
            torch.testing.assert_close(together[row, :steps_alone], alone[0], atol=1e-4, rtol=1e-4)


def test_a_step_beyond_the_last_segment_has_its_score() -> None:
    scores = segments_to_steps(torch.tensor([[[1.0], [2.0]]]), 300, first_frame=0.0, frames_per_step=1)
    assert scores[0, [0, 99, 100, 299], 0].tolist() == [1, 1, 2, 2]

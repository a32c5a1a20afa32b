"""Augmentation of spectrograms stays within its limits and changes nothing else."""

import math

import pytest
import torch
from torch import Tensor

from emotrace.recipe import Augmentation
from emotrace.training.augmentation.spectrogram import augment, masks

ALL = Augmentation(
    tempo_perturbation=0.2,
    vtlp=0.1,
    gain_db=6.0,
    time_masks=2,
    band_masks=2,
    band_mask_bands=5,
)


def augmented(settings: Augmentation, static: Tensor, seed: int = 0, max_frames: int = 500) -> Tensor:
    return augment(static, settings, torch.Generator().manual_seed(seed), max_frames)


@pytest.fixture
def static() -> Tensor:
    """A log-Mel spectrogram (frame, band) with digital silence in its first frames."""
    x = torch.randn(120, 40, generator=torch.Generator().manual_seed(1)) * 3 - 8
    x[:5] = math.log(1e-10)
    return x


def test_settings_of_zero_change_nothing(static: Tensor) -> None:
    assert torch.equal(augmented(Augmentation(), static), static)
    assert masks(torch.tensor([10]), 10, 40, Augmentation()) is None


def test_gain_shifts_all_bands_equally_and_within_its_limit(static: Tensor) -> None:
    shifts = [augmented(Augmentation(gain_db=6.0), static, seed) - static for seed in range(200)]
    for shift in shifts:
        assert shift.max() - shift.min() < 1e-5
    decibels = torch.stack([10 * shift.mean() / math.log(10) for shift in shifts])
    assert decibels.abs().max() <= 6.0
    assert decibels.min() < -5.5 and decibels.max() > 5.5  # noqa: PT018


def test_tempo_perturbation_stays_within_its_limits_and_keeps_both_ends(static: Tensor) -> None:
    copies = [augmented(Augmentation(tempo_perturbation=0.2), static, seed) for seed in range(200)]
    frames = [len(x) for x in copies]
    assert 96 <= min(frames) < 98
    assert 142 < max(frames) <= 144
    for x in copies:
        assert torch.equal(x[0], static[0])
        assert torch.allclose(x[-1], static[-1], atol=1e-4)
        assert x.min() > static.min() - 1e-5
        assert x.max() < static.max() + 1e-5


def test_the_number_of_frames_after_a_change_of_tempo_is_limited(static: Tensor) -> None:
    assert {
        len(augmented(Augmentation(tempo_perturbation=0.5), static, seed, max_frames=120))
        for seed in range(50)
    } <= {*range(60, 121)}
    assert {
        len(augmented(Augmentation(tempo_perturbation=0.9), static[:17], seed)) for seed in range(50)
    } <= {*range(16, 33)}


def test_vtlp_moves_bands_and_not_frames() -> None:
    rising = torch.arange(40.0).repeat(7, 1)  # the value of each band is its place
    for seed in range(50):
        x = augmented(Augmentation(vtlp=0.1), rising, seed)
        assert x.shape == rising.shape
        assert torch.equal(x, x[:1].expand(7, 40))
        factor = (x[0, 20] / 20).item()
        assert 0.9 <= factor <= 1.1
        assert torch.allclose(x[0], (torch.arange(40.0) * factor).clamp(max=39), atol=1e-4)


@pytest.mark.parametrize("frames", [16, 40, 500])
def test_masks_cover_at_most_the_configured_width(frames: int) -> None:
    settings = Augmentation(time_masks=1, time_mask_frames=30, band_masks=1, band_mask_bands=6)
    torch.manual_seed(0)
    keep = masks(torch.full((300,), frames), frames, 40, settings)
    assert keep is not None
    assert keep.shape == (300, 1, frames, 40)
    assert set(keep.unique().tolist()) == {0.0, 1.0}
    hidden = keep[:, 0] == 0
    frames_hidden, bands_hidden = hidden.all(2), hidden.all(1)
    hidden_frames, hidden_bands = frames_hidden.sum(1), bands_hidden.sum(1)
    assert hidden_frames.max() <= math.ceil(min(30, frames // 5))
    assert hidden_bands.max() <= 6
    assert hidden_frames.max() > 0 and hidden_bands.max() > 0  # noqa: PT018
    assert torch.equal(hidden, frames_hidden[:, :, None] | bands_hidden[:, None])


def test_time_masks_cover_real_frames_only() -> None:
    settings = Augmentation(time_masks=1, time_mask_frames=30)
    keep = masks(torch.full((300,), 20), 100, 40, settings)
    assert keep is not None
    assert (keep[:, 0, 20:] == 1).all()
    assert (keep[:, 0, :20] == 0).any()


def test_all_changes_together_are_finite_and_depend_on_the_generator_alone(static: Tensor) -> None:
    for seed in range(20):
        x = augmented(ALL, static, seed)
        assert x.dtype == torch.float32
        assert x.isfinite().all()
        assert torch.equal(x, augmented(ALL, static, seed))
        torch.manual_seed(seed)  # what the global generator holds does not matter
        assert torch.equal(x, augmented(ALL, static, seed))
        assert x.shape != augmented(ALL, static, seed + 1).shape or not torch.equal(
            x, augmented(ALL, static, seed + 1)
        )


def test_the_input_is_not_modified(static: Tensor) -> None:
    before = static.clone()
    augmented(ALL, static)
    assert torch.equal(static, before)

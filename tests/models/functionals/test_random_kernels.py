"""Random kernels against NumPy, one kernel and one frame at a time."""

import numpy as np
import pytest
import torch

from emotrace.models.functionals.random_kernels import (
    DILATIONS,
    KERNELS_PER_DILATION,
    MIN_DEVIATION,
    RandomKernels,
)

BANDS = 24


@pytest.fixture
def kernels() -> RandomKernels:
    return RandomKernels(BANDS)


@pytest.fixture
def bands() -> torch.Tensor:
    """Centred, and zero beyond the second's 37 frames."""
    x = torch.randn(2, 80, BANDS, generator=torch.Generator().manual_seed(0))
    x[1, 37:] = 0
    return x


WITHIN = torch.ones(2, 80, 1).index_fill(1, torch.arange(37, 80), 0)
WITHIN[0] = 1


def response(x: np.ndarray, profile: np.ndarray, taps: np.ndarray, dilation: int) -> np.ndarray:
    """Of one kernel at every frame; beyond the ends there is nothing."""
    seen = x @ profile
    return np.array(
        [
            sum(
                tap * seen[frame + dilation * (place - 4)]
                for place, tap in enumerate(taps)
                if 0 <= frame + dilation * (place - 4) < len(seen)
            )
            for frame in range(len(seen))
        ]
    )


def test_they_are_numpys(kernels: RandomKernels, bands: torch.Tensor) -> None:
    found = kernels(bands, WITHIN).numpy()
    assert found.shape == (2, kernels.size)
    for utterance, frames in enumerate((80, 37)):
        x = bands[utterance, :frames].double().numpy()
        for kernel in range(0, kernels.size, 23):
            profile, taps = (part[kernel].double().numpy() for part in (kernels.profiles, kernels.taps))
            z = response(x, profile, taps, DILATIONS[kernel // KERNELS_PER_DILATION])
            wanted = np.maximum(z, 0).mean() / (np.sqrt((z**2).mean()) + MIN_DEVIATION)
            assert found[utterance, kernel] == pytest.approx(wanted, abs=2e-5)


def test_loudness_does_not_count_and_sign_does(kernels: RandomKernels, bands: torch.Tensor) -> None:
    once = kernels(bands, WITHIN)
    assert torch.allclose(kernels(10 * bands, WITHIN), once, atol=5e-3)
    assert (kernels(-bands.square(), WITHIN) - kernels(bands.square(), WITHIN)).abs().max() > 0.1


def test_every_model_has_the_same(kernels: RandomKernels) -> None:
    torch.manual_seed(7)
    again = RandomKernels(BANDS)
    assert again.profiles.equal(kernels.profiles)
    assert again.taps.equal(kernels.taps)
    assert kernels.taps.sum(1).abs().max() < 1e-6


def test_no_profile_is_so_small_that_products_are_slow(kernels: RandomKernels) -> None:
    profiles = RandomKernels(40).profiles
    assert profiles[profiles != 0].abs().min() > torch.finfo(torch.float32).tiny

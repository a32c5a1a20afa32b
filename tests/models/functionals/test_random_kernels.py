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
    """Two utterances, zero beyond the 37 frames of the second."""
    x = torch.randn(2, 80, BANDS, generator=torch.Generator().manual_seed(0))
    x[1, 37:] = 0
    return x


MASK = torch.ones(2, 80, 1).index_fill(1, torch.arange(37, 80), 0)
MASK[0] = 1


def response(x: np.ndarray, profile: np.ndarray, taps: np.ndarray, dilation: int) -> np.ndarray:
    """Response of one kernel at every frame; values beyond the ends are zero."""
    projection = x @ profile
    return np.array(
        [
            sum(
                tap * projection[frame + dilation * (index - 4)]
                for index, tap in enumerate(taps)
                if 0 <= frame + dilation * (index - 4) < len(projection)
            )
            for frame in range(len(projection))
        ]
    )


def test_responses_equal_numpys(kernels: RandomKernels, bands: torch.Tensor) -> None:
    found = kernels(bands, MASK).numpy()
    assert found.shape == (2, kernels.size)
    for utterance, frames in enumerate((80, 37)):
        x = bands[utterance, :frames].double().numpy()
        for kernel in range(0, kernels.size, 23):
            profile, taps = (part[kernel].double().numpy() for part in (kernels.profiles, kernels.taps))
            z = response(x, profile, taps, DILATIONS[kernel // KERNELS_PER_DILATION])
            expected = np.maximum(z, 0).mean() / (np.sqrt((z**2).mean()) + MIN_DEVIATION)
            assert found[utterance, kernel] == pytest.approx(expected, abs=2e-5)


def test_responses_depend_on_the_sign_and_not_on_the_scale(
    kernels: RandomKernels, bands: torch.Tensor
) -> None:
    once = kernels(bands, MASK)
    assert torch.allclose(kernels(10 * bands, MASK), once, atol=5e-3)
    assert (kernels(-bands.square(), MASK) - kernels(bands.square(), MASK)).abs().max() > 0.1


def test_all_models_have_the_same_kernels(kernels: RandomKernels) -> None:
    torch.manual_seed(7)
    again = RandomKernels(BANDS)
    assert again.profiles.equal(kernels.profiles)
    assert again.taps.equal(kernels.taps)
    assert kernels.taps.sum(1).abs().max() < 1e-6


def test_no_profile_contains_denormal_numbers(kernels: RandomKernels) -> None:
    profiles = RandomKernels(40).profiles
    assert profiles[profiles != 0].abs().min() > torch.finfo(torch.float32).tiny

"""The Fisher vector against autograd: it is the gradient of a mixture's log-likelihood."""

import math

import pytest
import torch
from sklearn.mixture import GaussianMixture

from emotrace.models.functionals.fisher_vector import FisherVector
from emotrace.models.functionals.statistics import frame_weights

COMPONENTS, VALUES = 5, 3


@pytest.fixture
def vector() -> FisherVector:
    random = torch.Generator().manual_seed(0)
    vector = FisherVector(2, COMPONENTS, VALUES).double()
    vector.means.normal_(generator=random)
    vector.deviations.uniform_(0.5, 2, generator=random)
    shares = torch.tensor([0.1, 0.15, 0.2, 0.25, 0.3])
    vector.weights.copy_(torch.stack([shares, shares.flip(0)]))
    return vector


@pytest.fixture
def frames() -> torch.Tensor:
    """Two utterances in two representations."""
    return 2 * torch.randn(2, 2, 40, VALUES, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def log_likelihood(x: torch.Tensor, logits: torch.Tensor, m: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """Mean log-likelihood over frames."""
    apart = ((x[:, None] - m) / s).square().sum(2) / 2 + s.log().sum(1) + VALUES / 2 * math.log(2 * math.pi)
    return (logits.log_softmax(0) - apart).logsumexp(1).mean()


def by_autograd(vector: FisherVector, representation: int, x: torch.Tensor) -> torch.Tensor:
    """Gradients divided by the square root of Fisher's information, for frames of one component each."""
    shares, centres, widths = (x[representation] for x in (vector.weights, vector.means, vector.deviations))
    logits, means, deviations = (value.clone().requires_grad_() for value in (shares.log(), centres, widths))
    log_likelihood(x, logits, means, deviations).backward()
    assert logits.grad is not None
    assert means.grad is not None
    assert deviations.grad is not None
    rare = shares.sqrt()[:, None]
    whole = torch.cat(
        [
            logits.grad[:, None] / rare,
            means.grad * widths / rare,
            deviations.grad * widths / rare / math.sqrt(2),
        ],
        1,
    ).flatten()
    return whole.sign() * whole.abs().sqrt()


def test_the_fisher_vector_equals_the_gradient_by_autograd(
    vector: FisherVector, frames: torch.Tensor
) -> None:
    found = vector(frames, torch.full((2, 1, 40), 1 / 40, dtype=torch.float64))
    for representation in range(2):
        for row, x in zip(found[representation], frames[representation], strict=True):
            assert row.std() > 0.1
            torch.testing.assert_close(row, by_autograd(vector, representation, x))


def test_the_likelihood_of_the_oracle_equals_scikit_learns(
    vector: FisherVector, frames: torch.Tensor
) -> None:
    mixture = GaussianMixture(COMPONENTS, covariance_type="diag")
    mixture.weights_, mixture.means_ = vector.weights[0].numpy(), vector.means[0].numpy()
    mixture.precisions_cholesky_ = 1 / vector.deviations[0].numpy()
    ours = log_likelihood(frames[0, 0], vector.weights[0].log(), vector.means[0], vector.deviations[0])
    assert ours.item() == pytest.approx(mixture.score(frames[0, 0].numpy()))


def test_frames_beyond_the_end_never_change_the_vector(vector: FisherVector, frames: torch.Tensor) -> None:
    weight = frame_weights(torch.arange(40) < torch.tensor([[40], [25]])).double()
    alone = vector(frames[:, 1:, :25], torch.full((1, 1, 25), 1 / 25, dtype=torch.float64))
    torch.testing.assert_close(vector(frames, weight)[:, 1:], alone, atol=1e-6, rtol=1e-6)


def test_frames_drawn_from_the_mixture_have_a_vector_near_zero() -> None:
    random = torch.Generator().manual_seed(2)
    vector = FisherVector(1, 2, 1).double()
    vector.means.copy_(torch.tensor([[[-3.0], [3.0]]]))
    x = torch.randn(1, 200_000, 1, generator=random, dtype=torch.float64)
    x += 6 * torch.randint(0, 2, x.shape, generator=random) - 3
    weight = torch.full((1, 1, 200_000), 1 / 200_000, dtype=torch.float64)
    assert vector(x[None], weight).abs().max() < 0.1
    assert vector(x[None] + 1, weight).abs().max() > 0.5

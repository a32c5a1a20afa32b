"""Functionals against NumPy and SciPy, one utterance at a time, and their invariances."""

import numpy as np
import pytest
import torch
from scipy.fft import dct

from emotrace.features.deltas import stack_deltas
from emotrace.models.functionals.classifier import (
    COEFFICIENTS,
    FISHER_COEFFICIENTS,
    UTTERANCE_WEIGHT,
    FunctionalsClassifier,
)
from emotrace.models.functionals.random_kernels import MIN_DEVIATION
from emotrace.models.functionals.statistics import (
    MARGIN_FRAMES,
    MODULATION_FRAMES,
    cosine_transform,
    trim_silence,
)

BANDS = 24


@pytest.fixture
def representations() -> torch.Tensor:
    """Two representations of three utterances of up to 90 frames, with noise beyond their ends."""
    return torch.randn(2, 3, 3, 90, BANDS, generator=torch.Generator().manual_seed(0)).cumsum(3) / 5


FRAMES = torch.tensor([90, 57, 16])


def random_classifier(seed: int, std: float) -> FunctionalsClassifier:
    """A classifier of four emotions with random weights in all parts."""
    random = torch.Generator().manual_seed(seed)
    classifier = FunctionalsClassifier(3, BANDS, 4)
    for own in (classifier.fisher.means, classifier.mean, classifier.weight, classifier.bias):
        own.normal_(std=std, generator=random)
    classifier.fusion_weight.fill_(1.7)
    return classifier


def moving_average(x: np.ndarray, size: int) -> np.ndarray:
    """Mean over the frames that exist."""
    half = size // 2
    return np.array([x[max(0, t - half) : t + half + 1].mean(0) for t in range(len(x))])


def variations_oracle(utterance: np.ndarray) -> np.ndarray:
    """The variations of one representation, (channel, frame, value), as the docstring defines them."""
    coefficients = dct(utterance, axis=2, norm="ortho")[:, :, :COEFFICIENTS]
    x = np.concatenate([utterance, coefficients], axis=2).astype(np.float64)
    deviation = x.std(1)
    above = np.maximum((x - x.mean(1, keepdims=True)) / (deviation[:, None] + MIN_DEVIATION), 0).mean(1)
    static, modulations = x[0], []
    for size in MODULATION_FRAMES:
        smooth = moving_average(static, size)
        modulations.append((static - smooth).std(0))
        static = smooth
    return np.concatenate([deviation, above, np.array(modulations)]).ravel()


def first_coefficients(image: np.ndarray) -> torch.Tensor:
    """First coefficients of a representation (channel, frame, value) less their means, by frame."""
    low = dct(image.astype(np.float64), axis=2, norm="ortho")[:, :, :FISHER_COEFFICIENTS]
    low = low - low.mean(1, keepdims=True)
    return torch.from_numpy(low.transpose(1, 0, 2).reshape(image.shape[1], -1)).float()


def test_variations_equal_numpys(representations: torch.Tensor) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    found = classifier.statistics(representations, FRAMES).split(classifier.feature_set_sizes, 1)[0]
    for row, utterance, frames in zip(found, representations[0], FRAMES.tolist(), strict=True):
        expected = variations_oracle(utterance[:, :frames].numpy())
        np.testing.assert_allclose(row.numpy(), expected, atol=2e-5)
        assert expected.std() > 0.1


def test_kernels_and_fisher_vectors_use_centred_values_and_first_coefficients(
    representations: torch.Tensor,
) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    classifier.fisher.means.normal_(generator=torch.Generator().manual_seed(1))
    _, kernels, *fisher_vectors = classifier.statistics(representations, FRAMES).split(
        classifier.feature_set_sizes, 1
    )
    for index, frames in enumerate(FRAMES.tolist()):
        within = torch.ones(1, frames, 1)
        static = representations[0, index, :1, :frames]
        expected = classifier.kernels(static - static.mean(1, keepdim=True), within)[0]
        assert torch.allclose(kernels[index], expected, atol=1e-5)
        for representation in range(2):
            pair = first_coefficients(representations[representation, index, :, :frames].numpy()).expand(
                2, 1, -1, -1
            )
            expected = classifier.fisher(pair, within.mT / frames)[representation, 0]
            assert torch.allclose(fisher_vectors[representation][index], expected, atol=1e-3)


def test_frames_beyond_the_true_length_never_change_the_statistics(representations: torch.Tensor) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    alone = classifier.statistics(representations[:, 1:2, :, :57], FRAMES[1:2])
    among_others = classifier.statistics(representations, FRAMES)[1:2]
    others = sum(classifier.feature_set_sizes[:2])
    torch.testing.assert_close(among_others[:, :others], alone[:, :others], atol=1e-6, rtol=1e-6)
    # Fisher vectors are square roots, which turn a rounding error of 1e-8 into 1e-4.
    squares, expected = (found[:, others:] * found[:, others:].abs() for found in (among_others, alone))
    torch.testing.assert_close(squares, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("before", "after"), [(80, 0), (0, 70), (35, 50)])
def test_silence_around_an_utterance_never_changes_the_statistics(
    representations: torch.Tensor, before: int, after: int
) -> None:
    """Silence longer than the margin gives the same statistics as silence as long as the margin."""
    classifier = FunctionalsClassifier(3, BANDS, 4)
    static = representations[:, 0, 0].transpose(1, 2)

    def within_silence(first: int, last: int) -> torch.Tensor:
        before_speech, after_speech = (
            torch.tensor([-20.0, 0.0])[:, None, None].expand(2, BANDS, n) for n in (first, last)
        )
        x = torch.cat([before_speech, static, after_speech], 2)
        frames = torch.tensor([x.shape[2]])
        return classifier.statistics(stack_deltas(x, frames.expand(2))[:, None], frames)

    few = within_silence(MARGIN_FRAMES if before else 0, MARGIN_FRAMES if after else 0)
    torch.testing.assert_close(within_silence(before, after), few, atol=2e-3, rtol=1e-3)


def test_segment_scores_use_fisher_vectors_of_all_frames(representations: torch.Tensor) -> None:
    classifier = random_classifier(2, std=0.3)
    quiet = representations[:, :1].clone()
    quiet[0, :, 0, 40:] = -20.0
    found = classifier.segment_scores(quiet, torch.tensor([90]))[0]
    scores_of_sets = []
    for representation, feature_set in enumerate((2, 3)):
        pair = first_coefficients(quiet[representation, 0].numpy()).expand(2, 1, -1, -1)
        vector = classifier.fisher(pair, torch.full((1, 1, 90), 1 / 90))[representation, 0]
        mean, scale = (
            own.split(classifier.feature_set_sizes)[feature_set]
            for own in (classifier.mean, classifier.scale)
        )
        weight = (
            classifier.weight.split(classifier.feature_set_sizes, 1)[feature_set] * 3.5
        )  # the sum of the feature sets' weights
        scores_of_sets.append(weight @ ((vector - mean) * scale))
    scores = torch.stack(scores_of_sets).sum(0) / 1.5 + classifier.bias
    expected = torch.cat([1.7 * scores[:4].log_softmax(0), scores[4:]])
    torch.testing.assert_close(found, expected, atol=1e-2, rtol=1e-3)
    assert expected.std() > 0.1
    speech_alone = classifier.segment_scores(quiet[:, :, :, :50], torch.tensor([50]))[0]
    assert (speech_alone - found).abs().max() > 0.1


def test_a_pause_within_speech_is_not_trimmed(representations: torch.Tensor) -> None:
    bands = representations[0, :1, 0].clone()
    bands[:, 30:60] = -20.0
    assert trim_silence(bands, torch.tensor([90])).all()


def test_a_recording_of_silence_alone_is_not_trimmed() -> None:
    assert (
        trim_silence(torch.full((1, 40, BANDS), -3.0), torch.tensor([25]))[0].tolist()
        == [True] * 25 + [False] * 15
    )


def test_a_linear_channel_never_changes_the_statistics(representations: torch.Tensor) -> None:
    """A microphone or a room adds a constant to each log-band."""
    classifier = FunctionalsClassifier(3, BANDS, 4)
    channel = torch.zeros(2, 1, 3, 1, BANDS)
    channel[:, :, 0] = torch.linspace(-2, 3, BANDS)
    original, filtered = (
        classifier.statistics(x, FRAMES).split(classifier.feature_set_sizes, 1)
        for x in (representations, representations + channel)
    )
    for ours, theirs, error in zip(
        original, filtered, (1e-4, 1e-4, 5e-3, 5e-3), strict=True
    ):  # roots near 0 are steep
        assert torch.allclose(ours, theirs, atol=error)
        assert ours.std() > 0.1


def test_constant_input_has_finite_scores() -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    flat = torch.full((2, 1, 3, 40, BANDS), -3.0)
    found = classifier.statistics(flat, torch.tensor([40]))
    varying, kernels, *fisher_vectors = found.split(classifier.feature_set_sizes, 1)
    assert max(varying.abs().max(), kernels.abs().max()) < 1e-2
    assert all(vectors.isfinite().all() for vectors in fisher_vectors)
    assert classifier(torch.zeros_like(flat), torch.tensor([40])).isfinite().all()


def test_the_cosine_transform_equals_scipys() -> None:
    expected = dct(np.eye(40), axis=0, norm="ortho")[:COEFFICIENTS]
    np.testing.assert_allclose(cosine_transform(40, COEFFICIENTS).numpy(), expected, atol=1e-6)
    assert cosine_transform(8, COEFFICIENTS).shape == (8, 8)


def test_the_fusion_weight_multiplies_log_probabilities(representations: torch.Tensor) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    classifier.weight.normal_(generator=torch.Generator().manual_seed(1))
    once = classifier(representations, FRAMES)
    assert torch.allclose(once.exp().sum(1), torch.ones(3), atol=1e-5)
    classifier.fusion_weight.fill_(2.5)
    assert torch.allclose(classifier(representations, FRAMES), 2.5 * once, atol=1e-5)


def test_speech_presence_and_emotions_never_change_each_other(representations: torch.Tensor) -> None:
    """The last row of the weights is a classifier of its own."""
    classifier = random_classifier(3, std=0.1)
    standardised = (classifier.statistics(representations, FRAMES) - classifier.mean) * classifier.scale
    whole = classifier.utterance_scores(representations, FRAMES)
    no_speech = standardised @ classifier.weight[4] + classifier.bias[4]
    torch.testing.assert_close(whole[:, 4], UTTERANCE_WEIGHT * no_speech, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(whole[:, :4], UTTERANCE_WEIGHT * classifier(representations, FRAMES))
    part = classifier.segment_scores(representations, FRAMES)
    classifier.weight[4], classifier.bias[4] = 7.0, 7.0
    assert classifier.utterance_scores(representations, FRAMES)[:, :4].equal(whole[:, :4])
    assert classifier.segment_scores(representations, FRAMES)[:, :4].equal(part[:, :4])

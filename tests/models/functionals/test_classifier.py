"""Functionals against NumPy and SciPy, one utterance at a time; and what must not move them."""

import numpy as np
import pytest
import torch
from scipy.fft import dct

from emotrace.features.deltas import stack_deltas as front_spectrogram
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
def heard() -> torch.Tensor:
    """Two pictures of three utterances of up to 90 frames, with what must not matter beyond their ends."""
    return torch.randn(2, 3, 3, 90, BANDS, generator=torch.Generator().manual_seed(0)).cumsum(3) / 5


FRAMES = torch.tensor([90, 57, 16])


def drawn(seed: int, std: float) -> FunctionalsClassifier:
    """A classifier of four emotions whose parts all say something, by chance."""
    random = torch.Generator().manual_seed(seed)
    classifier = FunctionalsClassifier(3, BANDS, 4)
    for own in (classifier.fisher.means, classifier.mean, classifier.weight, classifier.bias):
        own.normal_(std=std, generator=random)
    classifier.fusion_weight.fill_(1.7)
    return classifier


def moving_average(x: np.ndarray, size: int) -> np.ndarray:
    """Of the frames that are there."""
    half = size // 2
    return np.array([x[max(0, t - half) : t + half + 1].mean(0) for t in range(len(x))])


def by_numpy(utterance: np.ndarray) -> np.ndarray:
    """The variations of a picture, (channel, frame, value), as the docstring has them."""
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
    """Of a picture (channel, frame, value) less their means, (frame, coefficient of a channel)."""
    low = dct(image.astype(np.float64), axis=2, norm="ortho")[:, :, :FISHER_COEFFICIENTS]
    low = low - low.mean(1, keepdims=True)
    return torch.from_numpy(low.transpose(1, 0, 2).reshape(image.shape[1], -1)).float()


def test_variations_are_numpys(heard: torch.Tensor) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    found = classifier.statistics(heard, FRAMES).split(classifier.feature_set_sizes, 1)[0]
    for row, utterance, frames in zip(found, heard[0], FRAMES.tolist(), strict=True):
        wanted = by_numpy(utterance[:, :frames].numpy())
        np.testing.assert_allclose(row.numpy(), wanted, atol=2e-5)
        assert wanted.std() > 0.1


def test_the_other_kinds_read_centred_values_and_first_coefficients(heard: torch.Tensor) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    classifier.fisher.means.normal_(generator=torch.Generator().manual_seed(1))
    _, kernels, *fisher_vectors = classifier.statistics(heard, FRAMES).split(classifier.feature_set_sizes, 1)
    for place, frames in enumerate(FRAMES.tolist()):
        within = torch.ones(1, frames, 1)
        static = heard[0, place, :1, :frames]
        wanted = classifier.kernels(static - static.mean(1, keepdim=True), within)[0]
        assert torch.allclose(kernels[place], wanted, atol=1e-5)
        for picture in range(2):
            pair = first_coefficients(heard[picture, place, :, :frames].numpy()).expand(2, 1, -1, -1)
            wanted = classifier.fisher(pair, within.mT / frames)[picture, 0]
            assert torch.allclose(fisher_vectors[picture][place], wanted, atol=1e-3)


def test_what_follows_an_utterance_does_not_count(heard: torch.Tensor) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    alone = classifier.statistics(heard[:, 1:2, :, :57], FRAMES[1:2])
    among_others = classifier.statistics(heard, FRAMES)[1:2]
    others = sum(classifier.feature_set_sizes[:2])
    torch.testing.assert_close(among_others[:, :others], alone[:, :others], atol=1e-6, rtol=1e-6)
    # Of Fisher vectors the roots are given, and a root makes 1e-4 of rounding's 1e-8.
    squares, wanted = (found[:, others:] * found[:, others:].abs() for found in (among_others, alone))
    torch.testing.assert_close(squares, wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("before", "after"), [(80, 0), (0, 70), (35, 50)])
def test_silence_around_an_utterance_does_not_count(heard: torch.Tensor, before: int, after: int) -> None:
    """With as much of it as the margin the statistics are those with any more, at the front's own level."""
    classifier = FunctionalsClassifier(3, BANDS, 4)
    static = heard[:, 0, 0].transpose(1, 2)

    def within_silence(first: int, last: int) -> torch.Tensor:
        waiting, room = (torch.tensor([-20.0, 0.0])[:, None, None].expand(2, BANDS, n) for n in (first, last))
        x = torch.cat([waiting, static, room], 2)
        frames = torch.tensor([x.shape[2]])
        return classifier.statistics(front_spectrogram(x, frames.expand(2))[:, None], frames)

    few = within_silence(MARGIN_FRAMES if before else 0, MARGIN_FRAMES if after else 0)
    torch.testing.assert_close(within_silence(before, after), few, atol=2e-3, rtol=1e-3)


def test_of_a_part_fisher_vectors_tell_and_every_frame_counts(heard: torch.Tensor) -> None:
    classifier = drawn(2, std=0.3)
    quiet = heard[:, :1].clone()
    quiet[0, :, 0, 40:] = -20.0
    found = classifier.segment_scores(quiet, torch.tensor([90]))[0]
    said = []
    for picture, kind in enumerate((2, 3)):
        pair = first_coefficients(quiet[picture, 0].numpy()).expand(2, 1, -1, -1)
        vector = classifier.fisher(pair, torch.full((1, 1, 90), 1 / 90))[picture, 0]
        mean, scale = (
            own.split(classifier.feature_set_sizes)[kind] for own in (classifier.mean, classifier.scale)
        )
        weight = (
            classifier.weight.split(classifier.feature_set_sizes, 1)[kind] * 3.5
        )  # their counts are 3.5 in all
        said.append(weight @ ((vector - mean) * scale))
    scores = torch.stack(said).sum(0) / 1.5 + classifier.bias
    wanted = torch.cat([1.7 * scores[:4].log_softmax(0), scores[4:]])
    torch.testing.assert_close(found, wanted, atol=1e-2, rtol=1e-3)
    assert wanted.std() > 0.1
    spoken_alone = classifier.segment_scores(quiet[:, :, :, :50], torch.tensor([50]))[0]
    assert (spoken_alone - found).abs().max() > 0.1


def test_a_pause_counts(heard: torch.Tensor) -> None:
    bands = heard[0, :1, 0].clone()
    bands[:, 30:60] = -20.0
    assert trim_silence(bands, torch.tensor([90])).all()


def test_of_silence_alone_all_is_heard() -> None:
    assert (
        trim_silence(torch.full((1, 40, BANDS), -3.0), torch.tensor([25]))[0].tolist()
        == [True] * 25 + [False] * 15
    )


def test_a_microphone_does_not_count(heard: torch.Tensor) -> None:
    """What a linear channel adds to each band all the time leaves the statistics as they are."""
    classifier = FunctionalsClassifier(3, BANDS, 4)
    channel = torch.zeros(2, 1, 3, 1, BANDS)
    channel[:, :, 0] = torch.linspace(-2, 3, BANDS)
    here, there = (
        classifier.statistics(x, FRAMES).split(classifier.feature_set_sizes, 1)
        for x in (heard, heard + channel)
    )
    for ours, theirs, error in zip(
        here, there, (1e-4, 1e-4, 5e-3, 5e-3), strict=True
    ):  # roots near 0 are steep
        assert torch.allclose(ours, theirs, atol=error)
        assert ours.std() > 0.1


def test_what_does_not_vary_has_finite_scores() -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    flat = torch.full((2, 1, 3, 40, BANDS), -3.0)
    found = classifier.statistics(flat, torch.tensor([40]))
    varying, kernels, *departing = found.split(classifier.feature_set_sizes, 1)
    assert max(varying.abs().max(), kernels.abs().max()) < 1e-2
    assert all(kind.isfinite().all() for kind in departing)
    assert classifier(torch.zeros_like(flat), torch.tensor([40])).isfinite().all()


def test_cosines_are_scipys() -> None:
    wanted = dct(np.eye(40), axis=0, norm="ortho")[:COEFFICIENTS]
    np.testing.assert_allclose(cosine_transform(40, COEFFICIENTS).numpy(), wanted, atol=1e-6)
    assert cosine_transform(8, COEFFICIENTS).shape == (8, 8)


def test_a_share_multiplies_log_probabilities(heard: torch.Tensor) -> None:
    classifier = FunctionalsClassifier(3, BANDS, 4)
    classifier.weight.normal_(generator=torch.Generator().manual_seed(1))
    once = classifier(heard, FRAMES)
    assert torch.allclose(once.exp().sum(1), torch.ones(3), atol=1e-5)
    classifier.fusion_weight.fill_(2.5)
    assert torch.allclose(classifier(heard, FRAMES), 2.5 * once, atol=1e-5)


def test_whether_anybody_speaks_is_told_by_the_last_row(heard: torch.Tensor) -> None:
    """It is as if there were two classifiers, and neither moves the other."""
    classifier = drawn(3, std=0.1)
    standardised = (classifier.statistics(heard, FRAMES) - classifier.mean) * classifier.scale
    whole = classifier.utterance_scores(heard, FRAMES)
    no_speech = standardised @ classifier.weight[4] + classifier.bias[4]
    torch.testing.assert_close(whole[:, 4], UTTERANCE_WEIGHT * no_speech, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(whole[:, :4], UTTERANCE_WEIGHT * classifier(heard, FRAMES))
    part = classifier.segment_scores(heard, FRAMES)
    classifier.weight[4], classifier.bias[4] = 7.0, 7.0
    assert classifier.utterance_scores(heard, FRAMES)[:, :4].equal(whole[:, :4])
    assert classifier.segment_scores(heard, FRAMES)[:, :4].equal(part[:, :4])

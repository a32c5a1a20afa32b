"""The pooled classifier against NumPy, frame by frame."""

import numpy as np
import torch

from emotrace.models.functionals.pooled import (
    MIN_SPEECH_FRAMES,
    NO_SPEECH_LOG_ODDS,
    SEGMENT_FRAMES,
    PooledClassifier,
    pooled,
)

FRAMES = 100


def features() -> torch.Tensor:
    """Features (1, 6, 100) with silence at both ends."""
    x = torch.randn(1, 6, FRAMES, generator=torch.Generator().manual_seed(3)) + 2
    x[:, :, :20] = x[:, :, 90:] = 0
    return x


def test_statistics_are_those_of_the_speech() -> None:
    speech = features()[0, :, 20:90].numpy()
    expected = np.concatenate([speech.mean(1), speech.std(1)])
    np.testing.assert_allclose(pooled(features())[0, 0].numpy(), expected, rtol=1e-5)


def test_statistics_of_segments_are_those_of_the_speech_in_them() -> None:
    x = features()
    found = pooled(x, SEGMENT_FRAMES)[0].numpy()
    for frame in (0, 15, 50, 80, 99):
        first, stop = max(0, frame - SEGMENT_FRAMES // 2), frame + SEGMENT_FRAMES // 2 + 1
        segment = x[0, :, first:stop].numpy()
        speech = segment[:, np.abs(segment).sum(0) > 0]
        expected = np.concatenate([speech.mean(1), speech.std(1)])
        np.testing.assert_allclose(found[frame], expected, rtol=1e-4, atol=1e-4)


def test_a_clip_of_the_length_of_a_segment_has_statistics_of_each_frame() -> None:
    x = features()[:, :, 20 : 20 + SEGMENT_FRAMES]
    found = pooled(x, SEGMENT_FRAMES)[0]
    assert len(found) == SEGMENT_FRAMES
    torch.testing.assert_close(found[SEGMENT_FRAMES // 2], pooled(x)[0, 0])
    assert not torch.allclose(found[0], found[SEGMENT_FRAMES // 2])


def test_segments_without_speech_are_marked() -> None:
    classifier = PooledClassifier(6, 3)
    x = torch.zeros(1, 6, 300)
    x[:, :, : MIN_SPEECH_FRAMES - 1] = 1.0
    scores = classifier.segment_scores(x)
    assert scores[0, :, -1].eq(NO_SPEECH_LOG_ODDS).all()
    assert scores[0, :, :-1].eq(0).all()


def test_scores_are_a_logistic_regression_of_standardised_statistics() -> None:
    classifier = PooledClassifier(6, 3)
    generator = torch.Generator().manual_seed(4)
    for buffer in (classifier.mean, classifier.scale, classifier.weight, classifier.bias):
        buffer.copy_(torch.rand(buffer.shape, generator=generator))
    classifier.fusion_weight.fill_(0.5)
    statistics = pooled(features())[0, 0]
    logits = ((statistics - classifier.mean) * classifier.scale) @ classifier.weight.T + classifier.bias
    expected = 0.5 * (logits[:3] - torch.logsumexp(logits[:3], 0))
    torch.testing.assert_close(classifier(features(), torch.tensor([FRAMES]))[0], expected)
    utterance = classifier.utterance_scores(features(), torch.tensor([FRAMES]))[0]
    torch.testing.assert_close(utterance, 4 * torch.cat([expected, logits[3:]]))

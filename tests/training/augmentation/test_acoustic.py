"""Reverberation and noise add power, channels remove it, at the given ratios."""

import math

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from emotrace.features.linear_spectrogram import LinearSpectrogram
from emotrace.features.log_mel import LogMel
from emotrace.features.log_power import LogPower
from emotrace.recipe import Augmentation, Recipe
from emotrace.training.augmentation import acoustic as acoustic
from emotrace.training.augmentation.acoustic import (
    SNR_DB,
    AcousticAugmenter,
    augmented_copies,
    augmented_views,
    mel_positions,
    mix_at_snr,
    reverberate,
)
from emotrace.training.data.examples import Example

BANDS = 18
SPECTRUM = LogMel(BANDS)
AUGMENTED = Recipe(acoustic_augmentation=True, augmented_copies=7)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def examples() -> list[Example]:
    """Twenty clips of noise, one in five with two windows."""
    random, made = drawn(), []
    for number in range(20):
        frames = (60, 40) if number % 5 == 0 else (50 + number,)
        spectra = tuple(torch.randn(count, 257, generator=random).exp() for count in frames)
        windows = tuple(SPECTRUM.band_log_power(power[None])[0].T.contiguous() for power in spectra)
        made.append(Example(str(number), "a", number % 3, (windows,), frames, spectra=spectra))
    return made


def test_copies_are_unchanged_reverberated_band_limited_and_noisy_in_turn(examples: list[Example]) -> None:
    first, *others = augmented_copies(SPECTRUM, examples, AUGMENTED, drawn())
    assert first == examples
    assert len(others) == 7
    for number, copy in enumerate(others):
        for ours, example in zip(copy, examples, strict=True):
            assert (ours.name, ours.label, ours.durations) == (example.name, example.label, example.durations)
            for power, before in zip(ours.spectra, example.spectra, strict=True):
                assert power.shape == before.shape
                more = (power.log() - before.log()) * (-1 if number % 4 == 2 else 1)
                assert more.min() > -1e-4
                assert (more.max() > 0.01) == (number % 4 > 0)
    assert not any(torch.equal(a.spectra[0], b.spectra[0]) for a, b in zip(others[1], others[5], strict=True))
    again = list(augmented_copies(SPECTRUM, examples, AUGMENTED, drawn()))[1:]
    for one, other in zip(others, again, strict=True):
        assert all(torch.equal(a.spectra[0], b.spectra[0]) for a, b in zip(one, other, strict=True))


def test_copies_have_other_tempos_without_acoustic_augmentation_too(examples: list[Example]) -> None:
    recipe = Recipe(augmentation=Augmentation(tempo_perturbation=0.2))
    others = list(augmented_copies(SPECTRUM, examples, recipe, drawn()))[1:]
    assert len(others) == recipe.augmented_copies
    ratios = [
        len(b.spectra[0]) / len(a.spectra[0]) for copy in others for a, b in zip(examples, copy, strict=True)
    ]
    assert max(abs(ratio - 1) for ratio in ratios) == pytest.approx(0.2, abs=0.02)
    assert len({round(ratio, 2) for ratio in ratios}) > 20
    still = list(augmented_copies(SPECTRUM, examples, Recipe(), drawn()))[-1]
    for example, copy in zip(examples, still, strict=True):
        torch.testing.assert_close(copy.spectra[0], example.spectra[0])


@pytest.mark.parametrize(("most", "every"), [(24 * 9, 1), (24 * 5, 2), (24 * 3, 4), (24, 192)])
def test_copies_of_a_large_corpus_hold_fewer_examples_in_turn(
    examples: list[Example], most: int, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All examples occur in the same number of copies, and the number of windows is limited."""
    monkeypatch.setattr(acoustic, "MAX_WINDOWS", most)
    recipe = Recipe(acoustic_augmentation=True, augmented_copies=8)
    first, *others = augmented_copies(SPECTRUM, examples, recipe, drawn())
    assert first == examples
    names = [{example.name for example in copy} for copy in others]
    assert {len(names) for names in names} <= {20 // every, math.ceil(20 / every)}
    if every <= recipe.augmented_copies:
        assert set.union(*names) == {example.name for example in examples}
    if every > 1:
        assert names[0].isdisjoint(names[1])
        assert names[0] != names[4]  # the same condition, other examples
    assert sum(len(example.windows) for copy in others for example in copy) <= 1.2 * max(most - 24, 20)


def test_views_are_unchanged_reverberated_band_limited_and_noisy_in_turn(examples: list[Example]) -> None:
    """Each view as it was, in a room, through a channel, in noise; no tempo but the clip's own."""
    viewed = augmented_views(
        SPECTRUM, examples, AUGMENTED.model_copy(update={"augmented_copies": 9}), drawn()
    )
    for ours, example in zip(viewed, examples, strict=True):
        assert ours.views[0] is ours.views[4] is example.views[0]
        assert len(ours.views) == 8
        for number, view in enumerate(ours.views):
            for window, before in zip(view, example.windows, strict=True):
                assert window.shape == before.shape
                more = (window - before) * (-1 if number % 4 == 2 else 1)
                assert more.min() > -1e-4
                assert (more.max() > 0.01) == (number % 4 > 0)
        assert not any(torch.equal(ours.views[place][0], ours.views[place + 4][0]) for place in (1, 2, 3))
    again = augmented_views(SPECTRUM, examples, AUGMENTED.model_copy(update={"augmented_copies": 9}), drawn())
    assert all(torch.equal(a.views[3][0], b.views[3][0]) for a, b in zip(viewed, again, strict=True))


@pytest.mark.parametrize(("most", "views"), [(24 * 13, 12), (24 * 9, 8), (24 * 5, 4), (24, 4)])
def test_a_large_corpus_has_fewer_views(
    examples: list[Example], most: int, views: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acoustic, "MAX_WINDOWS", most)
    viewed = augmented_views(
        SPECTRUM, examples, Recipe(acoustic_augmentation=True, augmented_copies=12), drawn()
    )
    assert {len(example.views) for example in viewed} == {views}


def test_noise_is_mixed_at_the_given_signal_to_noise_ratio(examples: list[Example]) -> None:
    """From 60 Hz to 4 kHz, before pre-emphasis: what SciPy's filter passes of the waveforms."""
    random = np.random.default_rng(0)
    band = scipy.signal.butter(8, (60, 4000), "bandpass", fs=16_000, output="sos")
    speech, noise = 0.01 * random.normal(size=(2, 32_000)).cumsum(1) + random.normal(size=(2, 32_000))
    noise *= 3
    power, made = (SPECTRUM.power(torch.from_numpy(x[None]).float())[0] for x in (speech, noise))
    added = mix_at_snr(power, made, SPECTRUM.autocorrelation[:, 0], 12.0) - power
    gain = (added / made).mean().item()
    loud = [np.mean(scipy.signal.sosfilt(band, x) ** 2) for x in (speech, noise)]
    assert 10 * np.log10(loud[0] / (gain * loud[1])) == pytest.approx(12, abs=0.5)


def test_noises_differ_in_level_slope_and_modulation() -> None:
    augmenter = AcousticAugmenter(SPECTRUM, AUGMENTED, drawn())
    loudness = SPECTRUM.autocorrelation[:, 0]
    speech = SPECTRUM.power(torch.randn(1, 16_000, generator=drawn(1)))[0]
    added = [augmenter.in_noise(speech) - speech for _ in range(40)]
    ratios = [10 * ((speech @ loudness).mean() / (one @ loudness).mean()).log10().item() for one in added]
    assert SNR_DB[0] - 0.1 < min(ratios) < SNR_DB[0] + 4
    assert SNR_DB[1] - 4 < max(ratios) < SNR_DB[1] + 0.1
    swelling = [one.mean(1).std().item() / one.mean().item() for one in added]
    assert min(swelling) < 0.3
    assert max(swelling) > 0.6
    low, high = (SPECTRUM.hz > 300) & (SPECTRUM.hz < 1000), SPECTRUM.hz > 6000
    # Pre-emphasis raises white noise there by some 20 dB.
    tilts = [10 * (one[:, high].mean() / one[:, low].mean()).log10().item() for one in added]
    assert max(tilts) - min(tilts) > 10


@pytest.mark.parametrize(("spectrum", "bins"), [(LogMel(18), [0, 128, 256]), (LinearSpectrogram(), [0, 199])])
def test_positions_of_bins_are_those_of_the_mel_scale(spectrum: LogPower, bins: list[int]) -> None:
    """The last bin of one is 8 kHz, that of the other 3980 Hz."""
    mel = librosa.hz_to_mel(spectrum.hz[bins].numpy(), htk=True)
    expected = mel / librosa.hz_to_mel(8000, htk=True)
    assert mel_positions(spectrum.hz)[bins].numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("spectrum", [LogMel(18), LinearSpectrogram()])
def test_both_spectra_can_be_augmented(spectrum: LogPower) -> None:
    augmenter = AcousticAugmenter(spectrum, AUGMENTED, drawn())
    power = spectrum.power(torch.randn(1, 8_000))[0]
    for change in (
        augmenter.in_noise,
        augmenter.through_channel,
        augmenter.in_room,
        augmenter.perturb_speaker,
    ):
        assert change(power).shape[1] == power.shape[1]
        assert change(power).isfinite().all()


def test_augmented_digital_silence_is_finite() -> None:
    silence = torch.zeros(30, 257)
    augmenter = AcousticAugmenter(SPECTRUM, AUGMENTED, drawn())
    for change in (augmenter.in_noise, augmenter.in_room, augmenter.through_channel):
        assert change(silence).isfinite().all()


def test_reverberation_is_a_convolution_of_power() -> None:
    power = np.exp(np.random.default_rng(0).normal(size=(50, 3))).astype(np.float32)
    tail = 10 ** (-6 * np.arange(1, 22) / 20)
    tail *= 1.5 / tail.sum()
    expected = [power[:, band] + np.convolve(np.r_[0, power[:, band]], tail)[:50] for band in range(3)]
    found = reverberate(torch.from_numpy(power), 0.2, 1.5)
    np.testing.assert_allclose(found.numpy().T, expected, rtol=1e-4)

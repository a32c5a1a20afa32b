"""Features of an encoder are computed once for each view, and read from the cache later."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotrace.corpora import Utterance
from emotrace.errors import RunError
from emotrace.models.encoder_features import EncoderFeatures
from emotrace.models.encoders.moonshine import MoonshineEncoder, MoonshineSize
from emotrace.recipe import Recipe
from emotrace.training.data import encoder_examples
from emotrace.training.data.encoder_examples import cut, non_speech_features, read_encoder_examples
from emotrace.training.data.examples import Example

MAX_FRAMES = 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTRACE_CACHE", str(tmp_path))
    return tmp_path / "encoder-features"


@pytest.fixture(scope="module")
def features() -> EncoderFeatures:
    torch.manual_seed(0)
    return EncoderFeatures(MoonshineEncoder(MoonshineSize(64, 1, heads=2), 1), (0,)).eval()


def utterances() -> list[Utterance]:
    random = np.random.default_rng(0)
    recordings = [random.normal(0, 0.1, seconds * 16_000).astype(np.float32) for seconds in (1, 2)]
    return [
        Utterance(f"{number}.wav", (samples, 16_000), emotion, "", f"s{number}")
        for number, (samples, emotion) in enumerate(zip(recordings, ("anger", "sadness"), strict=True))
    ]


def read(features: EncoderFeatures, copies: int = 1) -> list[Example]:
    recipe = Recipe(acoustic_augmentation=True, augmented_copies=copies)
    return read_encoder_examples(utterances(), ("anger", "sadness"), features, recipe, MAX_FRAMES)


def test_windows_are_those_of_the_runtime(features: EncoderFeatures) -> None:
    first, second = read(features, copies=0)
    assert [len(window) for window in first.windows] == [(16_000 - 895) // 384 + 1]
    assert len(second.windows) > 1
    start = MAX_FRAMES // 2 * 384
    length = second.durations[1]
    expected, _ = features(
        torch.from_numpy(utterances()[1].audio[0][start : start + length])[None], torch.tensor([length])
    )
    torch.testing.assert_close(second.windows[1].float(), expected[0].T, atol=2e-2, rtol=2e-3)


def test_each_view_is_computed_once(
    features: EncoderFeatures, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(features)
    assert [len(example.views) for example in before] == [2, 2]
    assert len(list(cache.iterdir())) == 2

    def encode(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(encoder_examples, "encode", encode)
    after = read(features)
    for old, new in zip(before, after, strict=True):
        assert all(
            torch.equal(a, b)
            for x, y in zip(old.views, new.views, strict=True)
            for a, b in zip(x, y, strict=True)
        )
    with pytest.raises(AssertionError, match="computed again"):
        read(features, copies=2)


def test_a_damaged_cache_is_named(features: EncoderFeatures, cache: Path) -> None:
    read(features, copies=0)
    (file,) = cache.iterdir()
    file.write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"is damaged.*delete it"):
        read(features, copies=0)


def test_sounds_have_no_emotion_and_come_from_a_shared_pool(
    features: EncoderFeatures, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_examples, "POOL_SOUNDS", 4)
    monkeypatch.setattr(encoder_examples, "POOL_PART", 2)
    three = non_speech_features(3, features, Recipe(), MAX_FRAMES, "training")
    assert [sound.parts for sound in three] == [((None, 1.0),)] * 3
    five = non_speech_features(5, features, Recipe(), MAX_FRAMES, "training")
    assert len(list(cache.iterdir())) == 2
    assert all(torch.equal(a.windows[0], b.windows[0]) for a, b in zip(three, five, strict=False))
    assert torch.equal(five[0].windows[0], five[4].windows[0])
    (other,) = non_speech_features(1, features, Recipe(), MAX_FRAMES, "speech presence")
    assert not torch.equal(other.windows[0], five[0].windows[0])


def test_windows_are_cut_at_pauses_as_the_runtime_cuts_them(features: EncoderFeatures) -> None:
    """Training has two windows where the runtime has two; the silence around them is in none."""
    speech, silence = np.random.default_rng(0).normal(0, 0.1, 8_064), np.zeros(16_128)
    samples = np.concatenate([silence, speech, silence, speech, silence]).astype(np.float32)
    joined = Utterance("joined.wav", (samples, 16_000), "anger", "", "s1")
    (example,) = read_encoder_examples([joined], ("anger", "sadness"), features, Recipe(), 200)
    assert example.durations == (8_064, 8_064)
    first, second = example.windows
    torch.testing.assert_close(first.float(), second.float(), atol=0.1, rtol=0.1)


def test_a_silent_sound_has_a_window(features: EncoderFeatures) -> None:
    (window,) = cut(np.zeros(1_000, dtype=np.float32), features, 200)
    assert len(window.samples) == 2_800

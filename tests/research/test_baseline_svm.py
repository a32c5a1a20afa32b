"""`research/baseline_svm.py`: training and the choice of C use training speakers only."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SPEAKERS = ("ann", "bea", "cem", "dov", "eve", "fay")


@pytest.fixture
def baseline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "research")
    return importlib.import_module("baseline_svm")


def speech(baseline: ModuleType, offset: float = 0.0):
    """Two features: the first separates anger from sadness; each speaker has an offset."""
    random = np.random.default_rng(1)
    rows = [(speaker, emotion) for speaker in SPEAKERS for emotion in ("anger", "sadness", "calm") * 4]
    x = random.normal(size=(len(rows), 2))
    x[:, 0] += [{"anger": 5, "sadness": -5, "calm": 0}[emotion] for _, emotion in rows]
    x += offset * np.array([SPEAKERS.index(speaker) for speaker, _ in rows])[:, None]
    speakers, emotions = map(np.array, zip(*rows, strict=True))
    return baseline.Speech("synthetic", x, emotions, speakers)


def test_the_svm_separates_the_emotions_of_unseen_speakers(baseline: ModuleType) -> None:
    metrics, best_ua = baseline.cross_validate(speech(baseline).shared(), [(s,) for s in SPEAKERS])
    assert (metrics.n, metrics.speakers, metrics.ua, best_ua) == (48, 6, 1.0, 1.0)


def test_only_shared_emotions_are_kept(baseline: ModuleType) -> None:
    assert set(speech(baseline).shared().emotions) == {"anger", "sadness"}


def test_normalisation_per_speaker_removes_a_speakers_offset(baseline: ModuleType) -> None:
    near, far = (speech(baseline, offset).normalised_per_speaker() for offset in (0.0, 100.0))
    assert near.x == pytest.approx(far.x)
    for speaker in SPEAKERS:
        assert near.x[near.speakers == speaker].mean(axis=0) == pytest.approx(0, abs=1e-9)

"""The baseline learns from its training speakers, C among what it learns, and from nobody else."""

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
    """Two features, of which the first tells anger from sadness; each speaker has a level of their own."""
    random = np.random.default_rng(1)
    rows = [(speaker, emotion) for speaker in SPEAKERS for emotion in ("anger", "sadness", "calm") * 4]
    x = random.normal(size=(len(rows), 2))
    x[:, 0] += [{"anger": 5, "sadness": -5, "calm": 0}[emotion] for _, emotion in rows]
    x += offset * np.array([SPEAKERS.index(speaker) for speaker, _ in rows])[:, None]
    speakers, emotions = map(np.array, zip(*rows, strict=True))
    return baseline.Speech("made", x, emotions, speakers)


def test_speakers_apart_the_svm_finds_what_tells_emotions(baseline: ModuleType) -> None:
    scores, best_ua = baseline.crossvalidated(speech(baseline).shared(), [(s,) for s in SPEAKERS])
    assert (scores.n, scores.speakers, scores.ua, best_ua) == (48, 6, 1.0, 1.0)


def test_only_shared_emotions_are_kept(baseline: ModuleType) -> None:
    assert set(speech(baseline).shared().emotions) == {"anger", "sadness"}


def test_by_speaker_normalisation_takes_away_what_a_speaker_always_has(baseline: ModuleType) -> None:
    near, far = speech(baseline).by_speaker(), speech(baseline, offset=100.0).by_speaker()
    assert near.x == pytest.approx(far.x)
    for speaker in SPEAKERS:
        assert near.x[near.speakers == speaker].mean(axis=0) == pytest.approx(0, abs=1e-9)

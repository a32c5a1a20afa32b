"""What tells whether anybody speaks is scikit-learn's logistic regression, and knows what is drawn anew."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.functionals.classifier import UTTERANCE_WEIGHT
from emotrace.recipe import Recipe
from emotrace.training import speech_presence as no_speech
from emotrace.training.data.examples import Example
from emotrace.training.data.non_speech import non_speech_examples
from emotrace.training.experiment import Experiment
from emotrace.training.functionals import (
    classifier_log_scores,
    compute_statistics,
    fit_functionals,
    map_windows,
)
from emotrace.training.progress import no_progress
from emotrace.training.run_folder import read_run
from emotrace.training.speech_presence import MIN_FRAMES, fit_speech_presence, random_excerpt
from emotrace.training.split import SpeakerSplit, train_split

SPEAKERS = ("ann", "bea", "cem")


@pytest.fixture(scope="module")
def hearing(experiment: Experiment) -> Experiment:
    """The small experiment, with sounds without speech for functionals."""
    settings = {"functionals_l2": 0.1, "non_speech_per_utterance": 1.0, "augmented_copies": 0}
    return replace(experiment, recipe=experiment.recipe.model_copy(update=settings))


@pytest.fixture
def fitted(hearing: Experiment) -> EmotionModel:
    """A network whose functionals know three speakers, and nothing of sounds."""
    torch.manual_seed(0)
    network = build(hearing.recipe, hearing.system, 2).eval()
    fit_functionals(network, hearing.of(SPEAKERS), hearing.recipe, 1)
    return network


def log_odds(network: EmotionModel, examples: Sequence[Example]) -> np.ndarray:
    """Of there being no speech, of each window."""
    assert network.functionals is not None
    found = map_windows(network, examples, network.functionals.utterance_scores)
    return torch.stack(found)[:, -1].double().numpy() / UTTERANCE_WEIGHT


def test_it_is_scikit_learns(
    fitted: EmotionModel, hearing: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean of what a regression on each kind of statistics says, speech and sounds weighing the same."""
    examples, heard = hearing.of(SPEAKERS), []

    def noted(network: EmotionModel, some: Sequence[Example]) -> torch.Tensor:
        heard.append(compute_statistics(network, some))
        return heard[-1]

    monkeypatch.setattr(no_speech, "compute_statistics", noted)
    before = classifier_log_scores(fitted, examples)
    assert not log_odds(fitted, examples).any()
    fit_speech_presence(fitted, examples, hearing.recipe, 1)
    np.testing.assert_array_equal(classifier_log_scores(fitted, examples), before)

    *speech, sounds = heard
    windows = sum(len(example.windows) for example in examples)
    assert [len(some) for some in heard] == [windows] * 4 + [2 * windows]
    assert all((one - speech[0]).abs().max() > 0.1 for one in speech[1:])
    assert fitted.functionals is not None
    x = (torch.cat(heard) - fitted.functionals.mean) * fitted.functionals.scale
    truth = np.repeat([0, 1], [4 * windows, len(sounds)])
    kinds = np.split(x.double().numpy(), np.cumsum(fitted.functionals.feature_set_sizes)[:-1], axis=1)
    half = 0.1 / 2  # where there is one row of weights in place of two that differ
    regression = LogisticRegression(C=1 / (half * len(x)), class_weight="balanced", tol=1e-8, max_iter=10_000)
    said = [regression.fit(kind, truth).decision_function(kind)[:windows] for kind in kinds]
    wanted = np.average(said, axis=0, weights=(2, 2, 2, 1))
    np.testing.assert_allclose(log_odds(fitted, examples), wanted, rtol=1e-2, atol=1e-2)
    assert (wanted < 0).all()


def test_it_knows_other_speakers_and_sounds_drawn_anew(fitted: EmotionModel, hearing: Experiment) -> None:
    fit_speech_presence(fitted, hearing.of(SPEAKERS), hearing.recipe, 1)
    asked = non_speech_examples(48, fitted.spectrum, 300, torch.Generator().manual_seed(9), spectra=True)
    sounds, speech = log_odds(fitted, asked), log_odds(fitted, hearing.of(["dov", "eve"]))
    assert (sounds > 0).mean() > 0.8
    assert (speech < 0).mean() > 0.8
    assert (speech < np.median(sounds)).all()


def test_of_a_large_corpus_it_hears_a_part(
    fitted: EmotionModel, hearing: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples, heard = hearing.of(SPEAKERS), []

    def noted(network: EmotionModel, some: Sequence[Example]) -> torch.Tensor:
        heard.append([example.name for example in some])
        return compute_statistics(network, some)

    monkeypatch.setattr(no_speech, "compute_statistics", noted)
    monkeypatch.setattr(no_speech, "MAX_WINDOWS", 5)
    fit_speech_presence(fitted, examples, hearing.recipe, 1)
    third = [example.name for example in examples[::3]]
    assert heard[:4] == [third] * 4
    assert len(heard[4]) == 2 * len(third) == 8


def test_parts_are_of_any_length_from_anywhere(hearing: Experiment) -> None:
    (example, *_) = hearing.of(SPEAKERS)
    drawn = iter(np.random.default_rng(0).random(400))
    parts = [random_excerpt(example, lambda: float(next(drawn))).spectra[0] for _ in range(200)]
    whole = example.spectra[0]
    starts = [int((whole == part[0]).all(1).nonzero()) for part in parts]
    assert all(
        whole[start : start + len(part)].equal(part) for start, part in zip(starts, parts, strict=True)
    )
    lengths = [len(part) for part in parts]
    assert min(lengths) == MIN_FRAMES
    assert 0.9 * len(whole) < max(lengths) <= len(whole)
    assert min(starts) == 0
    assert max(start + length for start, length in zip(starts, lengths, strict=True)) == len(whole)


@pytest.mark.parametrize(
    ("system", "sounds"), [("pcnse-sadrn-ctc", 1.0), ("pcnse-sadrn-ctc", 0.0), ("pcnse", 1.0)]
)
def test_where_ctc_learns_from_sounds_functionals_do(
    hearing: Experiment, tmp_path: Path, system: str, sounds: float
) -> None:
    recipe: Recipe = hearing.recipe.model_copy(update={"non_speech_per_utterance": sounds})
    of = replace(hearing, recipe=recipe, system=system)
    part = SpeakerSplit(train=SPEAKERS, validation=("dov",), test=("eve",))
    train_split(of, part, fold=0, seed=1, folder=tmp_path, progress=no_progress)
    (tmp_path / "recipe.json").write_text(f'{{"recipe": {recipe.model_dump_json()}}}')
    _, _, network = read_run(tmp_path)
    known = log_odds(network, of.of(["eve"]))
    assert (known < 0).all() if sounds and system != "pcnse" else not known.any()

"""The detector of speech is a set of logistic regressions, and separates new speech from new sounds."""

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
from emotrace.training import speech_presence as presence_module
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
def with_sounds(experiment: Experiment) -> Experiment:
    """The small experiment, with sounds without speech for functionals."""
    settings = {"functionals_l2": 0.1, "non_speech_per_utterance": 1.0, "augmented_copies": 0}
    return replace(experiment, recipe=experiment.recipe.model_copy(update=settings))


@pytest.fixture
def fitted(with_sounds: Experiment) -> EmotionModel:
    """A network whose functionals know three speakers, and nothing of sounds."""
    torch.manual_seed(0)
    network = build(with_sounds.recipe, with_sounds.system, 2).eval()
    fit_functionals(network, with_sounds.of(SPEAKERS), with_sounds.recipe, 1)
    return network


def log_odds(network: EmotionModel, examples: Sequence[Example]) -> np.ndarray:
    """Of there being no speech, of each window."""
    assert network.functionals is not None
    found = map_windows(network, examples, network.functionals.utterance_scores)
    return torch.stack(found)[:, -1].double().numpy() / UTTERANCE_WEIGHT


def test_log_odds_are_those_of_scikit_learns_logistic_regressions(
    fitted: EmotionModel, with_sounds: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weighted mean of one regression per feature set; speech and sounds have the same weight."""
    examples, observed = with_sounds.of(SPEAKERS), []

    def noted(network: EmotionModel, some: Sequence[Example]) -> torch.Tensor:
        observed.append(compute_statistics(network, some))
        return observed[-1]

    monkeypatch.setattr(presence_module, "compute_statistics", noted)
    before = classifier_log_scores(fitted, examples)
    assert not log_odds(fitted, examples).any()
    fit_speech_presence(fitted, examples, with_sounds.recipe, 1)
    np.testing.assert_array_equal(classifier_log_scores(fitted, examples), before)

    *speech, sounds = observed
    windows = sum(len(example.windows) for example in examples)
    assert [len(some) for some in observed] == [windows] * 4 + [2 * windows]
    assert all((one - speech[0]).abs().max() > 0.1 for one in speech[1:])
    assert fitted.functionals is not None
    x = (torch.cat(observed) - fitted.functionals.mean) * fitted.functionals.scale
    truth = np.repeat([0, 1], [4 * windows, len(sounds)])
    feature_sets = np.split(x.double().numpy(), np.cumsum(fitted.functionals.feature_set_sizes)[:-1], axis=1)
    half = 0.1 / 2  # where there is one row of weights in place of two that differ
    regression = LogisticRegression(C=1 / (half * len(x)), class_weight="balanced", tol=1e-8, max_iter=10_000)
    log_odds_by_set = [regression.fit(kind, truth).decision_function(kind)[:windows] for kind in feature_sets]
    expected = np.average(log_odds_by_set, axis=0, weights=(2, 2, 2, 1))
    np.testing.assert_allclose(log_odds(fitted, examples), expected, rtol=1e-2, atol=1e-2)
    assert (expected < 0).all()


def test_it_separates_other_speakers_from_new_sounds(fitted: EmotionModel, with_sounds: Experiment) -> None:
    fit_speech_presence(fitted, with_sounds.of(SPEAKERS), with_sounds.recipe, 1)
    sounds_drawn = non_speech_examples(
        48, fitted.spectrum, 300, torch.Generator().manual_seed(9), spectra=True
    )
    sounds, speech = log_odds(fitted, sounds_drawn), log_odds(fitted, with_sounds.of(["dov", "eve"]))
    assert (sounds > 0).mean() > 0.8
    assert (speech < 0).mean() > 0.8
    assert (speech < np.median(sounds)).all()


def test_of_a_large_corpus_a_part_of_the_examples_is_used(
    fitted: EmotionModel, with_sounds: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples, observed = with_sounds.of(SPEAKERS), []

    def noted(network: EmotionModel, some: Sequence[Example]) -> torch.Tensor:
        observed.append([example.name for example in some])
        return compute_statistics(network, some)

    monkeypatch.setattr(presence_module, "compute_statistics", noted)
    monkeypatch.setattr(presence_module, "MAX_WINDOWS", 5)
    fit_speech_presence(fitted, examples, with_sounds.recipe, 1)
    third = [example.name for example in examples[::3]]
    assert observed[:4] == [third] * 4
    assert len(observed[4]) == 2 * len(third) == 8


def test_excerpts_have_random_lengths_and_positions(with_sounds: Experiment) -> None:
    (example, *_) = with_sounds.of(SPEAKERS)
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
def test_the_detector_is_fitted_for_ctc_systems_with_non_speech_only(
    with_sounds: Experiment, tmp_path: Path, system: str, sounds: float
) -> None:
    recipe: Recipe = with_sounds.recipe.model_copy(update={"non_speech_per_utterance": sounds})
    of = replace(with_sounds, recipe=recipe, system=system)
    part = SpeakerSplit(train=SPEAKERS, validation=("dov",), test=("eve",))
    train_split(of, part, fold=0, seed=1, folder=tmp_path, progress=no_progress)
    (tmp_path / "recipe.json").write_text(f'{{"recipe": {recipe.model_dump_json()}}}')
    _, _, network = read_run(tmp_path)
    known = log_odds(network, of.of(["eve"]))
    assert (known < 0).all() if sounds and system != "pcnse" else not known.any()

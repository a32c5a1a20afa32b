"""The functionals classifier is a set of logistic regressions, calibrated like the network."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from emotrace.decoding.ctc import class_scores
from emotrace.features.log_mel import LogMel
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.functionals.classifier import UTTERANCE_WEIGHT
from emotrace.models.functionals.statistics import trim_silence
from emotrace.recipe import Recipe
from emotrace.training.augmentation.acoustic import augmented_copies
from emotrace.training.data.examples import Example
from emotrace.training.experiment import Experiment
from emotrace.training.functionals import (
    classifier_log_scores,
    compute_statistics,
    fit_classifier,
    fit_functionals,
    fit_fusion_weight,
    fit_mixtures,
    window_log_scores,
)
from emotrace.training.progress import no_progress
from emotrace.training.run_folder import read_run
from emotrace.training.scoring import fit_temperature
from emotrace.training.seeds import seed_of
from emotrace.training.split import SpeakerSplit, train_split
from emotrace.training.two_stage import TwoStageTrainer

L2 = 0.1
# A penalty with which the classifier does not learn the small corpus by heart.
UNSURE = {"functionals_l2": 30.0, "acoustic_augmentation": False}
BINS = 257


@pytest.fixture
def examples() -> list[Example]:
    """Forty clips of three emotions, twice as many of the first; some have two windows."""
    random = torch.Generator().manual_seed(0)
    made = []
    for number in range(40):
        label = (0, 1, 2, 0)[number % 4]
        lengths = (60, 40) if number % 5 == 0 else (50 + number,)
        spectra = tuple(
            (torch.randn(length, BINS, generator=random) * (1 + label * torch.linspace(0, 1, BINS))).exp()
            for length in lengths
        )
        made.append(clip_of(str(number), label, spectra))
    return made


def clip_of(name: str, label: int, spectra: tuple[torch.Tensor, ...]) -> Example:
    """A clip of power spectra (frame, bin), and of what 18 bands have of them."""
    windows = tuple(LogMel(18).band_log_power(spectrum[None])[0].T.contiguous() for spectrum in spectra)
    return Example(name, "a", label, (windows,), tuple(map(len, spectra)), spectra=spectra)


@pytest.fixture
def fitted(tiny_recipe: Recipe, examples: list[Example]) -> EmotionModel:
    torch.manual_seed(0)
    network = build(tiny_recipe, "pcnse-sadrn-ctc", 3).eval()
    fit_mixtures(network, examples, 0)
    fit_classifier(network, [examples], L2)
    return network


def drawn_by(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(seed, "functionals"))


def added(network: EmotionModel, examples: list[Example]) -> np.ndarray:
    """Log-scores of the functionals classifier, a row per window."""
    both, alone = (
        np.array([row for rows in window_log_scores(network, examples, functionals=with_them)
                  for row in rows])
        for with_them in (True, False)
    )  # fmt: skip
    return (both - alone) / UTTERANCE_WEIGHT


def test_scores_are_those_of_scikit_learns_logistic_regressions(
    fitted: EmotionModel, examples: list[Example]
) -> None:
    """The weighted mean of the log-probabilities of one regression per feature set."""
    x = compute_statistics(fitted, examples).double().numpy()
    truth = np.array([example.label for example in examples for _ in example.windows])
    scaled = (x - x.mean(0)) / (x.std(0, ddof=1) + 1e-4)  # constant statistics have no influence
    assert fitted.functionals is not None
    feature_sets = np.split(scaled, np.cumsum(fitted.functionals.feature_set_sizes)[:-1], axis=1)
    regression = LogisticRegression(C=1 / (L2 * len(x)), class_weight="balanced", tol=1e-8, max_iter=10_000)
    logs = [regression.fit(kind, truth).predict_log_proba(kind) for kind in feature_sets]
    expected = log_softmax(np.average(logs, axis=0, weights=(2, 2, 2, 1)), axis=1)
    found = added(fitted, examples)
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=2e-3)
    assert np.ptp(expected) > 1
    assert (found.argmax(1) == truth).mean() > 0.9


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("test", [("eve",), ()])
def test_fusion_weight_and_temperature_come_from_validation_speakers_before_the_refit(
    experiment: Experiment, tmp_path: Path, refit: bool, test: tuple[str, ...]
) -> None:
    """Both are fitted before the classifier learns from the validation speakers."""
    of = replace(
        experiment, recipe=experiment.recipe.model_copy(update={"refit_on_validation": refit, **UNSURE})
    )
    part = SpeakerSplit(train=("ann", "bea", "cem"), validation=("dov",), test=test)
    train_split(of, part, fold=0, seed=1, folder=tmp_path, progress=no_progress)
    (tmp_path / "recipe.json").write_text(f'{{"recipe": {of.recipe.model_dump_json()}}}')
    facts, recipe, trained = read_run(tmp_path)
    assert trained.functionals is not None
    train, judges = of.of(part.train), of.of(part.validation)
    examples = of.of(part.train + part.validation)
    copies = augmented_copies(trained.spectrum, examples, recipe, drawn_by(1))
    statistics = torch.cat([compute_statistics(trained, copy) for copy in copies])
    assert torch.allclose(trained.functionals.mean, statistics.mean(0), atol=1e-5)

    before = TwoStageTrainer(recipe, 1, tmp_path, no_progress).train(
        of.system, len(of.corpus.emotions), train, judges
    )
    assert all(
        before.state_dict()[name].equal(value)
        for name, value in trained.state_dict().items()
        if name.startswith(("front.", "back."))
    ) == (not refit or bool(test))
    fit_functionals(before, train, recipe, 1)
    fit_fusion_weight(before, judges)
    assert before.functionals is not None
    share = before.functionals.fusion_weight.item()
    assert trained.functionals.fusion_weight.item() == share != 1
    alone = window_log_scores(before, judges, functionals=False)
    theirs = classifier_log_scores(before, judges)
    once = [[row / share for row in rows] for rows in theirs]
    own = min(fit_temperature(alone, judges), 1000 / UTTERANCE_WEIGHT)
    assert share == pytest.approx(own / fit_temperature(once, judges))
    both = window_log_scores(before, judges)
    for together, one, other in zip(both, alone, theirs, strict=True):
        np.testing.assert_allclose(together, np.array(one) + UTTERANCE_WEIGHT * np.array(other))
    assert facts.temperature == fit_temperature(both, judges)


@pytest.mark.parametrize("place", [0, 1])
def test_the_mixture_has_the_mean_of_the_frames_and_a_higher_likelihood_than_one_gaussian(
    fitted: EmotionModel, examples: list[Example], place: int
) -> None:
    """Its mean is the frames', and it finds them likelier than one Gaussian does."""
    classifier = fitted.functionals
    assert classifier is not None
    frames = []
    for example in examples:
        for spectrum in example.spectra:
            lengths = torch.tensor([len(spectrum)])
            representations = fitted.representations(
                *fitted.spectrum.bands_and_autocorrelation(spectrum[None]), lengths
            )
            counts = trim_silence(representations[0, :, 0], lengths)
            frames.append(classifier.coefficients(representations, counts)[0][place, 0, counts[0]])
    x = torch.cat(frames).double()
    weights, means, deviations = (
        part[place].double()
        for part in (classifier.fisher.weights, classifier.fisher.means, classifier.fisher.deviations)
    )
    assert weights.sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(weights @ means, x.mean(0), atol=2e-2, rtol=0)
    apart = ((x[:, None] - means) / deviations).square().sum(2) / 2 + deviations.log().sum(1)
    mixed = (weights.log() - apart).logsumexp(1).mean()
    single = -(((x - x.mean(0)) / x.std(0)).square().sum(1) / 2 + x.std(0).log().sum()).mean()
    assert mixed > single + 0.1
    before = classifier.fisher.means.clone()
    fit_mixtures(fitted, examples, 0)
    assert classifier.fisher.means.equal(before)


def test_a_mixture_is_fitted_to_few_constant_frames(tiny_recipe: Recipe) -> None:
    network = build(tiny_recipe, "pcnse-sadrn-ctc", 2).eval()
    examples = [clip_of(str(label), label, (torch.full((20, BINS), -3.0 - label).exp(),)) for label in (0, 1)]
    fit_mixtures(network, examples, 0)
    fit_classifier(network, [examples], L2)
    assert all(np.isfinite(rows[0]).all() for rows in classifier_log_scores(network, examples))


def test_scores_of_network_and_functionals_add_up_to_the_predictions(
    experiment: Experiment, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`research/functionals.py` separates the parts that the model adds."""
    settings = {"functionals_l2": 1000.0}
    experiment = replace(experiment, recipe=experiment.recipe.model_copy(update=settings))
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "research")
    bench = importlib.import_module("functionals")
    part = SpeakerSplit(train=("ann", "bea", "cem"), validation=("dov",), test=("eve",))
    written = train_split(experiment, part, fold=0, seed=1, folder=tmp_path, progress=no_progress)
    (tmp_path / "recipe.json").write_text(f'{{"recipe": {experiment.recipe.model_dump_json()}}}')
    logs = list(bench.predictions_by_part(tmp_path, corpus_root))
    assert len(logs) == len(written) == 4
    for parts, whole in zip(logs, written, strict=True):
        network, functionals = (
            np.log(list(parts[name].scores.values())) for name in ("network", "functionals")
        )
        together = class_scores(network + UTTERANCE_WEIGHT * functionals)
        assert list(whole.scores.values()) == pytest.approx(together, abs=1e-4)
        assert parts["both"].scores == pytest.approx(whole.scores, abs=1e-4)

"""Training computes the scores that the exported model gives."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from emotrace.audio.windowing import SHORTEST_SAMPLES, WindowCutter
from emotrace.corpora import Utterance, open_corpus
from emotrace.features.log_mel import LogMel
from emotrace.inference.recogniser import load
from emotrace.models.emotion_model import build
from emotrace.recipe import Augmentation, Recipe
from emotrace.training.data.examples import Example, read_examples
from emotrace.training.data.local_features import local_feature_examples
from emotrace.training.functionals import window_log_scores
from emotrace.training.run_folder import read_run
from emotrace.training.scoring import example_scores, fit_temperature, log_loss, model_log_scores, recall_mean
from emotrace.training.two_stage import FromStatic

LABELS = ("anger", "sadness")


def assert_training_agrees(run: Path, model: Path, utterances: Sequence[Utterance], windows: int) -> None:
    facts, recipe, network = read_run(run)
    examples = read_examples(
        utterances, facts.emotions, LogMel(recipe.features.n_mels), recipe.max_frames, spectra=True
    )
    assert max(len(example.windows) for example in examples) == windows
    logs = window_log_scores(network, examples)
    ours = example_scores(logs, examples, facts.temperature)
    recogniser = load(model, threads=1)
    for row, utterance in zip(ours, utterances, strict=True):
        result = recogniser(utterance.audio)
        assert result.scores is not None
        theirs = [result.scores[emotion] for emotion in facts.emotions]
        assert np.abs(row - theirs).max() < 1e-4, utterance.name
        assert result.label == facts.emotions[int(row.argmax())], utterance.name


def is_divided(samples: np.ndarray) -> bool:
    """Whether the runtime divides a recording at a pause, which training of spectrogram systems does not."""
    cutter = WindowCutter(block_samples=320, minimum_samples=SHORTEST_SAMPLES)
    return len([window for window in (*cutter.push(samples), *cutter.flush()) if len(window.samples)]) > 1


def test_training_and_runtime_give_the_same_scores_for_synthetic_speech(
    finished_run: Path, finished_model: Path
) -> None:
    made = [u for u in open_corpus("synthetic").utterances if u.emotion in LABELS]
    made = [u for u in made if isinstance(u.audio, tuple) and not is_divided(u.audio[0])]
    assert {u.emotion for u in made} == {*LABELS}
    # One emotion in a long recording: the runtime weights windows by the time for which they are loud.
    pieces = [u.audio[0] for u in made if u.emotion == "anger" and isinstance(u.audio, tuple)]
    long = tuple(
        Utterance(f"{seconds}", (np.concatenate(pieces)[: 16_000 * seconds], 16_000), "anger", "A", "x")
        for seconds in (6, 9, 13)
    )
    assert_training_agrees(finished_run, finished_model, [*made[::7], *long], windows=5)


@pytest.mark.slow
def test_training_and_runtime_give_the_same_scores_for_real_speech(
    finished_run: Path, finished_model: Path, data: Path, tmp_path: Path
) -> None:
    real = [u for u in open_corpus("emodb", data / "emodb").utterances if u.emotion in LABELS][::9]
    pieces = [soundfile.read(u.audio, dtype="float32")[0] for u in real]
    soundfile.write(tmp_path / "long.wav", np.concatenate(pieces)[: 16_000 * 11], 16_000)
    long = replace(real[0], name="long.wav", audio=tmp_path / "long.wav")
    assert len(real) > 20
    assert_training_agrees(finished_run, finished_model, [*real, long], windows=4)


def test_cached_local_features_give_the_scores_of_the_whole_network(finished_run: Path) -> None:
    facts, recipe, network = read_run(finished_run)
    made = [u for u in open_corpus("synthetic").utterances if u.emotion in LABELS][::10]
    examples = read_examples(
        made, facts.emotions, LogMel(recipe.features.n_mels), recipe.max_frames, spectra=True
    )
    local = local_feature_examples(network, examples)
    assert {window.shape[1] for example in local for window in example.windows} == {
        network.front.features_out
    }
    assert [example.durations for example in local] == [example.durations for example in examples]

    class Back(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.back = network.back

        def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.back(x, lengths), lengths

    whole = model_log_scores(FromStatic(network, Augmentation()), examples, network.objective)
    halves = model_log_scores(Back(), local, network.objective)
    for ours, theirs in zip(whole, halves, strict=True):
        assert np.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("system", ["pcn", "sadrn-ctc"])
def test_scores_do_not_depend_on_the_batch(tiny_recipe: Recipe, system: str) -> None:
    torch.manual_seed(0)
    network = build(tiny_recipe, system, 2)
    random = torch.Generator().manual_seed(0)
    examples = [
        Example(str(i), "a", 0, ((torch.randn(20 + 30 * i, 18, generator=random),),), (1,)) for i in range(6)
    ]
    model = FromStatic(network, Augmentation())
    together = model_log_scores(model, examples, network.objective)
    for example, rows in zip(examples, together, strict=True):
        ((alone,),) = model_log_scores(model, [example], network.objective)
        assert np.allclose(alone, rows[0], atol=1e-4)


def clips_with(labels: Sequence[int]) -> list[Example]:
    return [Example(str(i), "a", label, ((torch.zeros(1, 1),),), (1,)) for i, label in enumerate(labels)]


def test_scores_of_windows_are_weighted_by_duration() -> None:
    example = Example("a", "a", 0, ((torch.zeros(9, 1), torch.zeros(9, 1)),), (300, 100))
    logs = [[np.log([0.8, 0.2]), np.log([0.4, 0.6])]]
    assert example_scores(logs, [example]) == pytest.approx(np.array([[0.7, 0.3]]))


def test_the_fitted_temperature_minimises_the_log_loss() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    frame_scores = random.normal(2 * labels - 1, 1.0)  # log-odds are twice that
    logs = [[3.0 * np.array([-e, e])] for e in frame_scores]  # three times too sure
    examples = clips_with(labels.tolist())
    fitted = fit_temperature(logs, examples)
    assert fitted == pytest.approx(3.0, rel=0.15)
    losses = [
        log_loss(example_scores(logs, examples, t), labels.tolist())
        for t in (fitted / 1.1, fitted, fitted * 1.1)
    ]
    assert losses[1] == min(losses)


def test_ua_gives_each_emotion_that_occurs_the_same_weight() -> None:
    scores = np.eye(3)[[0, 0, 0, 0, 1, 2]]
    assert recall_mean(scores, [0, 0, 0, 1, 1, 1]) == pytest.approx((1 + 1 / 3) / 2)
    assert recall_mean(scores[:3], [0, 0, 0]) == 1.0

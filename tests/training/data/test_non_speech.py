"""Synthetic sounds are valid, and a network trained with them gives them no label."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotrace.features.log_mel import LogMel
from emotrace.training.data.examples import window_batches
from emotrace.training.data.non_speech import LEVEL_DB, SOUNDS, non_speech_examples, sound
from emotrace.training.experiment import Experiment
from emotrace.training.progress import no_progress
from emotrace.training.two_stage import FromStatic, TwoStageTrainer


@pytest.mark.parametrize("kind", SOUNDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_sound_is_within_full_scale_and_its_level_range_and_depends_on_the_seed(
    kind: str, seed: int
) -> None:
    samples = sound(np.random.default_rng(seed), kind, 20_000)
    assert samples.shape == (20_000,)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1
    level = 10 * np.log10(np.mean(samples**2))
    assert LEVEL_DB[0] - 1 < level < LEVEL_DB[1] + 1
    assert np.array_equal(samples, sound(np.random.default_rng(seed), kind, 20_000))
    assert not np.array_equal(samples, sound(np.random.default_rng(seed + 100), kind, 20_000))


def test_examples_without_speech_have_all_types_and_lengths_and_no_emotion() -> None:
    examples = non_speech_examples(25, LogMel(40), 300, torch.Generator().manual_seed(1))
    assert {example.name for example in examples} == set(SOUNDS)
    frames = [len(example.windows[0]) for example in examples]
    assert max(frames) <= 300 < 2 * max(frames)
    assert min(frames) < 100
    assert all(example.parts == ((None, 1.0),) for example in examples)
    assert all(torch.isfinite(example.windows[0]).all() for example in examples)


def test_a_network_trained_with_non_speech_gives_it_no_label(experiment: Experiment, tmp_path: Path) -> None:
    train, validation = experiment.of(["ann", "bea", "cem"]), experiment.of(["dov"])
    sounds = non_speech_examples(20, LogMel(18), 200, torch.Generator().manual_seed(7))
    nothing = []
    stage2 = experiment.recipe.stage2.model_copy(update={"epochs": 15, "learning_rate": 2e-2})
    for non_speech in (0.0, 1.0):
        recipe = experiment.recipe.model_copy(
            update={"non_speech_per_utterance": non_speech, "stage2": stage2}
        )
        trainer = TwoStageTrainer(recipe, 1, tmp_path / str(non_speech), no_progress)
        network = trainer.train("pcnse-sadrn-ctc", 2, train, validation)
        model = FromStatic(network, recipe.augmentation).eval()
        found = []
        with torch.inference_mode():
            for _, batch in window_batches(sounds):
                posteriors, steps = model(batch.x, batch.lengths)
                found += [
                    float(row[:size, -1].sum().exp()) for row, size in zip(posteriors, steps, strict=True)
                ]
        nothing.append(np.mean(found))
    assert nothing[0] < 0.5 < nothing[1]  # the likelihood of no label at all

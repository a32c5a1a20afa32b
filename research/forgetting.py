"""The network of a fold as it was before its validation speakers taught it anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emotrace.corpora import Utterance
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel
from emotrace.recipe import Recipe
from emotrace.training.data.examples import read_examples
from emotrace.training.functionals import fit_functionals
from emotrace.training.run_folder import FrameRun
from emotrace.training.speech_presence import fit_speech_presence
from emotrace.training.two_stage import REFIT_FOLDER


def forget_validation(
    fold: Path, network: EmotionModel, run: FrameRun, recipe: Recipe, utterances: Sequence[Utterance]
) -> None:
    """Fit functionals to the training speakers alone, as before they learnt from the others at last."""
    if (fold / REFIT_FOLDER).exists():
        raise SystemExit(f"the validation speakers of {fold} trained its network; give a run of today's")
    if network.functionals is None:
        return
    own = [utterance for utterance in utterances if utterance.speaker in run.train]
    longest = find_system(run.system).max_frames(recipe)
    examples = read_examples(own, run.emotions, network.spectrum, longest, spectra=True)
    fit_functionals(network, examples, recipe, run.seed)
    fit_speech_presence(network, examples, recipe, run.seed)

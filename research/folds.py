"""The finished folds of a cross-validation, and one fold's model fitted to its training speakers alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from emotrace.corpora import Utterance
from emotrace.errors import EmotraceError
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel
from emotrace.recipe import Recipe
from emotrace.training.experiment import read_inputs
from emotrace.training.functionals import fit_functionals
from emotrace.training.run_folder import RUN_FILE, Run
from emotrace.training.speech_presence import fit_speech_presence
from emotrace.training.two_stage import REFIT_FOLDER


def finished_folds(run: Path, names: Collection[str] = ()) -> list[Path]:
    """The folders of finished folds, for all seeds.

    Args:
        run: the output folder of `emotrace crossval`
        names: only folds with these names, such as "03"; all if empty

    Raises:
        EmotraceError: there is none.
    """
    folders = sorted(path.parent for path in run.glob(f"seed-*/fold-*/{RUN_FILE}"))
    if not folders:
        raise EmotraceError(f"{run} has no finished fold; expected the output folder of `emotrace crossval`")
    chosen = [folder for folder in folders if not names or folder.name.removeprefix("fold-") in names]
    if not chosen:
        found = ", ".join(sorted({folder.name.removeprefix("fold-") for folder in folders}))
        raise EmotraceError(f"{run} has no finished fold {', '.join(names)}; it has {found}")
    return chosen


def fit_without_validation_speakers(
    fold: Path, network: EmotionModel, run: Run, recipe: Recipe, utterances: Sequence[Utterance]
) -> None:
    """Fit the functionals classifier to the training speakers alone.

    A cross-validation fits it to the validation speakers too, after they have set the temperature.

    Raises:
        EmotraceError: the validation speakers trained the network too, which cannot be undone.
    """
    if (fold / REFIT_FOLDER).exists():
        raise EmotraceError(f"the validation speakers of {fold} trained its network; train without refit")
    if network.functionals is None:
        return
    train = [utterance for utterance in utterances if utterance.speaker in run.train]
    longest = find_system(run.system).max_frames(recipe)
    examples = read_inputs(train, run.emotions, network.spectrum, recipe, longest, spectra=True)
    fit_functionals(network, examples, recipe, run.seed)
    fit_speech_presence(network, examples, recipe, run.seed)

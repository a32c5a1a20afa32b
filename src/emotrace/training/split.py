"""Training on one split of a corpus: nobody in two parts of it, and whoever is tested unheard."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from emotrace.corpora import OpenCorpus
from emotrace.corpora.splits import refuse_trained_sessions, speakers_in_sessions_of
from emotrace.errors import CorpusError
from emotrace.evaluation.confusion import confusion_png
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import Prediction, read_predictions, write_predictions
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel, build_spectrum
from emotrace.recipe import Recipe
from emotrace.system.files import write_bytes, write_text
from emotrace.training.augmentation.acoustic import augmented_views
from emotrace.training.class_weights import refuse_weights_of_other_labels
from emotrace.training.data.examples import Example, read_examples
from emotrace.training.functionals import fit_functionals, fit_fusion_weight, window_log_scores
from emotrace.training.pretrained_weights import PretrainedWeights
from emotrace.training.progress import ProgressCallback
from emotrace.training.run_folder import (
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    VALIDATION_FILE,
    Run,
    create_or_resume,
    write_run,
)
from emotrace.training.scoring import build_predictions, example_scores, fit_temperature
from emotrace.training.seeds import seed_of
from emotrace.training.speech_presence import fit_speech_presence
from emotrace.training.two_stage import TwoStageTrainer


@dataclass(frozen=True)
class Experiment:
    """One system with one recipe on one corpus: all that its runs have in common."""

    corpus: OpenCorpus
    system: str
    recipe: Recipe
    version: str
    device: str = "cpu"
    pretrained: PretrainedWeights | None = (
        None  # the model whose weights networks begin with, in place of random ones
    )
    # What was read so far, by spectrum and window: other systems' experiments made by `replace` share it.
    read: dict[tuple[str, int, int, bool], tuple[object, list[Example]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        refuse_weights_of_other_labels(self.recipe, self.corpus.emotions)

    @property
    def examples(self) -> list[Example]:
        """The whole corpus as windows of what the system starts from, read when it is first needed."""
        system, utterances = find_system(self.system), self.corpus.utterances
        spectrum, longest = build_spectrum(self.recipe, system), system.max_frames(self.recipe)
        spectra = self.recipe.functionals_l2 > 0 or self.recipe.acoustic_augmentation
        key = type(spectrum).__name__, spectrum.bands, longest, spectra
        if key not in self.read or self.read[key][0] is not utterances:
            found = read_examples(utterances, self.corpus.emotions, spectrum, longest, spectra=spectra)
            self.read[key] = utterances, found
        return self.read[key][1]

    def of(self, speakers: Sequence[str]) -> list[Example]:
        """The clips of some speakers."""
        wanted = set(speakers)
        return [example for example in self.examples if example.speaker in wanted]

    def training_views(self, examples: Sequence[Example], seed: int) -> Sequence[Example]:
        """What networks learn from: the clips, with `surroundings` elsewhere too."""
        if not self.recipe.acoustic_augmentation:
            return examples
        generator = torch.Generator().manual_seed(seed_of(seed, "elsewhere"))
        return augmented_views(
            build_spectrum(self.recipe, find_system(self.system)), examples, self.recipe, generator
        )

    def fingerprint(self, **more: Any) -> dict[str, Any]:
        """What makes two runs the same, for `create_or_resume`."""
        return {
            "corpus": self.corpus.corpus.name,
            "protocol": self.corpus.protocol,
            "utterances": len(self.corpus.utterances),
            "emotions": list(self.corpus.emotions),
            "system": self.system,
            **({} if self.pretrained is None else {"start": self.pretrained.fingerprint}),
            **more,
            "recipe": self.recipe.model_dump(mode="json"),
        }


@dataclass(frozen=True)
class SpeakerSplit:
    """Which speakers train a network, choose among its epochs, and test it (nobody, in a model to keep)."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        everyone = [*self.train, *self.validation, *self.test]
        twice = sorted({speaker for speaker in everyone if everyone.count(speaker) > 1})
        if twice:
            raise CorpusError(
                f"speaker {', '.join(twice)} is in two parts of a split; parts must be disjoint"
            )


def train_split(
    experiment: Experiment,
    split: SpeakerSplit,
    *,
    fold: int,
    seed: int,
    folder: Path,
    progress: ProgressCallback,
    front_folder: Path | None = None,
) -> tuple[Prediction, ...]:
    """Train on one split, or find it trained: predictions for the test speakers, else the validation ones.

    The validation speakers choose the epochs, if anyone does, the temperature, and how much functionals
    count. Then functionals learn from them too, unless they share a session with a test speaker. The network
    learns from them too, for as many epochs as before, if nobody is tested (a model to keep) and the recipe
    says `refit_on_validation`. The folder ends with the weights, `run.json`, `predictions.csv`, and, where
    speakers were held out for a test, `validation.csv`, which was made before anything had learnt from those
    in it.
    `front_folder` is `Trainer`'s: where systems share their trained front.
    """
    utterances = experiment.corpus.utterances
    refuse_trained_sessions("this split", split.train, split.test, utterances)
    if not (folder / RUN_FILE).exists():
        started = time.monotonic()
        train, validation = experiment.of(split.train), experiment.of(split.validation)
        trainer = TwoStageTrainer(
            experiment.recipe,
            seed,
            folder,
            progress,
            experiment.device,
            front_folder,
            pretrained=experiment.pretrained,
        )
        emotions = experiment.corpus.emotions
        network = trainer.train(
            experiment.system, len(emotions), experiment.training_views(train, seed), validation
        )
        if network.functionals is not None:
            fit_functionals(network, train, experiment.recipe, seed)
            fit_fusion_weight(network, validation)
        temperature = fit_temperature(window_log_scores(network, validation), validation)

        def predictions(network: EmotionModel, examples: Sequence[Example]) -> list[Prediction]:
            scores = example_scores(window_log_scores(network, examples), examples, temperature)
            return build_predictions(examples, scores, emotions, fold=fold, seed=seed)

        judged = predictions(network, validation)
        tested = speakers_in_sessions_of(split.test, utterances)
        everybody = [example for example in (*train, *validation) if example.speaker not in tested]
        if experiment.recipe.refit_on_validation and not split.test:
            again = trainer.refit(
                experiment.system, len(emotions), experiment.training_views(everybody, seed)
            )
            if again.functionals is not None and network.functionals is not None:
                again.functionals.fusion_weight.copy_(network.functionals.fusion_weight)
            network = again
        if network.functionals is not None:
            fit_functionals(network, everybody, experiment.recipe, seed)
            if network.objective.is_per_frame:
                fit_speech_presence(network, everybody, experiment.recipe, seed)
        if split.test:
            write_predictions(folder / VALIDATION_FILE, judged)
            judged = predictions(network, experiment.of(split.test))
        write_predictions(folder / PREDICTIONS_FILE, judged)
        run = Run(
            system=experiment.system,
            corpus=experiment.corpus.corpus.name,
            protocol=experiment.corpus.protocol,
            emotions=emotions,
            seed=seed,
            train=split.train,
            validation=split.validation,
            test=split.test,
            temperature=temperature,
            version=experiment.version,
            earlier_corpora=() if experiment.pretrained is None else experiment.pretrained.corpora,
            seconds=round(time.monotonic() - started, 1),
        )
        write_run(folder, run, network)
    return read_predictions(folder / PREDICTIONS_FILE)


def final_split(corpus: OpenCorpus) -> SpeakerSplit:
    """For a model to keep: the first fold's validation speakers validate, and all others train.

    Whom a protocol only ever tests, as the second school of FAU-AEC, it does not hear.
    """
    folds = corpus.folds()
    known_speakers = {speaker for fold in folds for speaker in (*fold.train, *fold.validation)}
    return SpeakerSplit(tuple(sorted(known_speakers.difference(folds[0].validation))), folds[0].validation)


def train_run(experiment: Experiment, *, seed: int, folder: Path, progress: ProgressCallback) -> Metrics:
    """Train a model to keep, and measure it on its validation speakers."""
    split = final_split(experiment.corpus)
    create_or_resume(folder, experiment.fingerprint(seed=seed))
    predictions = train_split(experiment, split, fold=0, seed=seed, folder=folder, progress=progress)
    scores = score_predictions(predictions)
    write_text(
        folder / METRICS_FILE, json.dumps({"measured_on": "validation", **scores.as_dict()}, indent=2) + "\n"
    )
    write_bytes(folder / "confusion.png", confusion_png(scores.labels, scores.confusion))
    return scores

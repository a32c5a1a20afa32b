"""Training of one model on one speaker split, in steps from the network to the run folder."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotrace.corpora import OpenCorpus
from emotrace.corpora.splits import refuse_trained_sessions, speakers_in_sessions_of
from emotrace.errors import CorpusError
from emotrace.evaluation.confusion import confusion_png
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import Prediction, read_predictions, write_predictions
from emotrace.models.emotion_model import EmotionModel
from emotrace.system.files import write_bytes, write_text
from emotrace.training.data.examples import Example
from emotrace.training.experiment import Experiment
from emotrace.training.functionals import fit_functionals, fit_fusion_weight, window_log_scores
from emotrace.training.processes import process_count
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
from emotrace.training.speech_presence import fit_speech_presence
from emotrace.training.two_stage import TwoStageTrainer


@dataclass(frozen=True)
class SpeakerSplit:
    """The speakers that train a model, validate it, and test it; a final model has no test speakers."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        speakers = [*self.train, *self.validation, *self.test]
        repeated = sorted({speaker for speaker in speakers if speakers.count(speaker) > 1})
        if repeated:
            raise CorpusError(
                f"speaker {', '.join(repeated)} is in two parts of a split; parts must be disjoint"
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

    The folder ends with the weights, `run.json`, `predictions.csv` and, where there are test speakers,
    `validation.csv`, whose predictions were made before any part of the model learnt from these speakers.

    Args:
        front_folder: where systems that share a trained front keep it (see `TwoStageTrainer`)
    """
    utterances = experiment.corpus.utterances
    refuse_trained_sessions("this split", split.train, split.test, utterances)
    if not (folder / RUN_FILE).exists():
        started_s = time.monotonic()
        training = SplitTraining(experiment, split, fold, seed, folder, progress, front_folder)
        network = training.fit_network()
        training.fit_functionals(network)
        training.fit_fusion_weight(network)
        temperature = training.fit_temperature(network)
        validation = training.predict(network, split.validation, temperature)
        network = training.refit_network(network)
        training.refit_functionals(network)
        test = training.predict(network, split.test, temperature)
        training.write(network, temperature, validation, test, time.monotonic() - started_s)
    return read_predictions(folder / PREDICTIONS_FILE)


@dataclass(frozen=True)
class SplitTraining:
    """The steps of `train_split`."""

    experiment: Experiment
    split: SpeakerSplit
    fold: int
    seed: int
    folder: Path
    progress: ProgressCallback
    front_folder: Path | None

    @property
    def stages(self) -> TwoStageTrainer:
        """Trains the network."""
        return TwoStageTrainer(
            self.experiment.recipe,
            self.seed,
            self.folder,
            self.progress,
            self.experiment.device,
            self.front_folder,
            pretrained=self.experiment.pretrained,
        )

    @property
    def known_examples(self) -> Sequence[Example]:
        """The examples of the training speakers, then those of the validation speakers."""
        examples = [*self.experiment.of(self.split.train), *self.experiment.of(self.split.validation)]
        return self.experiment.balanced(examples)

    @property
    def refit_examples(self) -> list[Example]:
        """The known examples without those of speakers who share a session with a test speaker."""
        tested = speakers_in_sessions_of(self.split.test, self.experiment.corpus.utterances)
        return [example for example in self.known_examples if example.speaker not in tested]

    def fit_network(self) -> EmotionModel:
        """Train the network; the validation speakers choose its epochs, depending on the recipe."""
        train = self.experiment.balanced(self.experiment.of(self.split.train))
        return self.stages.train(
            self.experiment.system,
            len(self.experiment.corpus.emotions),
            self.experiment.training_views(train, self.seed),
            self.experiment.of(self.split.validation),
        )

    def fit_functionals(self, network: EmotionModel) -> None:
        """Fit the functionals classifier, if there is one, to the training speakers."""
        if network.functionals is not None:
            train = self.experiment.balanced(self.experiment.of(self.split.train))
            fit_functionals(network, train, self.experiment.recipe, self.seed)

    def fit_fusion_weight(self, network: EmotionModel) -> None:
        """Set the weight of the functionals classifier by the validation speakers."""
        if network.functionals is not None:
            fit_fusion_weight(network, self.experiment.of(self.split.validation))

    def fit_temperature(self, network: EmotionModel) -> float:
        """The temperature that calibrates the scores for the validation speakers."""
        validation = self.experiment.of(self.split.validation)
        return fit_temperature(window_log_scores(network, validation), validation)

    def predict(self, network: EmotionModel, speakers: Sequence[str], temperature: float) -> list[Prediction]:
        """The predictions for all utterances of some speakers."""
        examples = self.experiment.of(speakers)
        if not examples:
            return []
        scores = example_scores(window_log_scores(network, examples), examples, temperature)
        emotions = self.experiment.corpus.emotions
        return build_predictions(examples, scores, emotions, fold=self.fold, seed=self.seed)

    def refit_network(self, network: EmotionModel) -> EmotionModel:
        """A network trained on the validation speakers too, for a final model whose recipe has a refit.

        It takes as long as the first training, and keeps the fusion weight of the first network.
        """
        if not self.experiment.recipe.refit_on_validation or self.split.test:
            return network
        examples = self.experiment.training_views(self.known_examples, self.seed)
        emotions = self.experiment.corpus.emotions
        refitted = self.stages.refit(self.experiment.system, len(emotions), examples)
        if refitted.functionals is not None and network.functionals is not None:
            refitted.functionals.fusion_weight.copy_(network.functionals.fusion_weight)
        return refitted

    def refit_functionals(self, network: EmotionModel) -> None:
        """Fit the functionals classifier to the validation speakers too, and the detector of speech.

        Validation speakers who share a session with a test speaker are left out.
        """
        if network.functionals is None:
            return
        examples, recipe = self.refit_examples, self.experiment.recipe
        fit_functionals(network, examples, recipe, self.seed)
        if network.objective.is_per_frame:
            fit_speech_presence(network, examples, recipe, self.seed)

    def write(
        self,
        network: EmotionModel,
        temperature: float,
        validation: Sequence[Prediction],
        test: Sequence[Prediction],
        seconds: float,
    ) -> None:
        """Write predictions, weights and `run.json`."""
        if self.split.test:
            write_predictions(self.folder / VALIDATION_FILE, validation)
        write_predictions(self.folder / PREDICTIONS_FILE, test if self.split.test else validation)
        corpus, pretrained = self.experiment.corpus, self.experiment.pretrained
        run = Run(
            system=self.experiment.system,
            corpus=corpus.corpus.name,
            protocol=corpus.protocol,
            emotions=corpus.emotions,
            seed=self.seed,
            train=self.split.train,
            validation=self.split.validation,
            test=self.split.test,
            temperature=temperature,
            members=corpus.members,
            label_map=dict(corpus.label_map),
            version=self.experiment.version,
            earlier_corpora=() if pretrained is None else pretrained.corpora,
            earlier_speakers={} if pretrained is None else pretrained.model.config.training_speakers,
            seconds=round(seconds, 1),
        )
        write_run(self.folder, run, network)


def final_split(corpus: OpenCorpus) -> SpeakerSplit:
    """The split of a final model: the first fold's validation speakers validate, and all others train.

    Speakers that the protocol reserves for tests, such as the second school of FAU-AEC, are never used.
    """
    folds = corpus.folds()
    known_speakers = {speaker for fold in folds for speaker in (*fold.train, *fold.validation)}
    return SpeakerSplit(tuple(sorted(known_speakers.difference(folds[0].validation))), folds[0].validation)


def train_run(experiment: Experiment, *, seed: int, folder: Path, progress: ProgressCallback) -> Metrics:
    """Train a final model, and measure it on its validation speakers."""
    split = final_split(experiment.corpus)
    together = {"processes": process_count()} if process_count() > 1 else {}
    create_or_resume(folder, experiment.fingerprint(seed=seed, **together))
    predictions = train_split(experiment, split, fold=0, seed=seed, folder=folder, progress=progress)
    metrics = score_predictions(predictions)
    content = {"measured_on": "validation", **metrics.as_dict()}
    write_text(folder / METRICS_FILE, json.dumps(content, indent=2) + "\n")
    write_bytes(folder / "confusion.png", confusion_png(metrics.labels, metrics.confusion))
    return metrics

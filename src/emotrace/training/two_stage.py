"""Training of a network in the paper's two stages, or of front and back end together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from emotrace.models.architectures import System, find_system
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.encoder_features import EncoderFeatures
from emotrace.models.heads.head import Objective
from emotrace.recipe import Augmentation, Recipe, Stage
from emotrace.training.augmentation.spectrogram import augment, masks
from emotrace.training.data.concatenation import concatenated_examples
from emotrace.training.data.encoder_examples import non_speech_features
from emotrace.training.data.examples import Example
from emotrace.training.data.local_features import LOCAL_FOLDER, forget_local_features, local_feature_examples
from emotrace.training.data.non_speech import non_speech_examples
from emotrace.training.loop import Change, StageData, run_stage
from emotrace.training.precision import trains_in_bfloat16
from emotrace.training.pretrained_weights import PretrainedWeights
from emotrace.training.progress import Epoch, ProgressCallback
from emotrace.training.recorder import best_epoch_count
from emotrace.training.seeds import seed_of

FRONT_STAGE = "front-"
REFIT_FOLDER = "refit"


class FromStatic(nn.Module):
    """Front and back end on windows of static bands (batch, frame, band), with masks in training."""

    def __init__(self, network: EmotionModel, settings: Augmentation):
        super().__init__()
        self.front, self.back, self.settings = network.front, network.back, settings

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the head, and their true lengths."""
        with torch.autocast(x.device.type, enabled=False):  # the features are in full precision
            image = self.front.image(x.transpose(1, 2), lengths)
        if self.training:
            keep = masks(lengths, image.shape[2], image.shape[3], self.settings)
            image = image if keep is None else image * keep
        local, steps = self.front.extract(image, lengths)
        return self.back(local, steps), steps


class FromLocal(nn.Module):
    """A back end on windows of cached local features (batch, step, feature)."""

    def __init__(self, network: EmotionModel):
        super().__init__()
        self.back = network.back

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the head, and their true lengths."""
        return self.back(x.float(), lengths), lengths


@dataclass(frozen=True)
class TwoStageTrainer:
    """Trains the stages of one network, with checkpoints in `folder`.

    Attributes:
        front_folder: keeps the stage that trains a PCN or PCNSE, if not `folder`. Trainings of several
            systems with the same recipe, seed and examples can share it, one after the other: the first
            trains the front, and the others read it, bit-identical to their own. Local features stay there
            too; the caller deletes them.
        refitting: whether this trains the network of `refit`
        pretrained: the model whose weights training starts from; None: random weights
    """

    recipe: Recipe
    seed: int
    folder: Path
    progress: ProgressCallback
    device: str = "cpu"
    front_folder: Path | None = None
    refitting: bool = False
    pretrained: PretrainedWeights | None = None

    def refit(self, name: str, labels: int, examples: Sequence[Example]) -> EmotionModel:
        """Train another network, on examples that include those of the validation speakers.

        Each stage has as many epochs as were best in `train`, which must run before.
        """
        return replace(self, refitting=True).train(name, labels, examples, ())

    def run(
        self, name: str, model: nn.Module, data: StageData, objective: Objective, settings: Stage
    ) -> None:
        """Run one stage; its seed depends on the seed of the run and the name of the stage alone."""

        def progress(epoch: Epoch) -> None:
            self.progress(replace(epoch, stage=f"{epoch.stage}, {REFIT_FOLDER}") if self.refitting else epoch)

        front = name.startswith(FRONT_STAGE)
        folder = self.front_folder if front and self.front_folder else self.folder
        run_stage(
            model,
            data,
            objective,
            settings,
            seed=seed_of(self.seed, name),
            folder=folder / REFIT_FOLDER / name if self.refitting else folder / name,
            progress=progress,
            precision=self.recipe.precision,
            device=self.device,
            epochs=best_epoch_count(folder / name) if self.refitting else None,
        )

    def train(
        self, name: str, labels: int, train: Sequence[Example], validation: Sequence[Example]
    ) -> EmotionModel:
        """A trained network of the system `name`, in evaluation mode.

        Stage 1 trains the front as a classifier with cross-entropy, which is the system `pcn` or `pcnse`.
        Stage 2 trains the back end on features of the frozen front, which are cached (section 4.3). Systems
        of one part, and recipes with `end_to_end`, have one stage. Weights and normalisation depend on
        `train` alone; `validation` only chooses epochs.
        """
        torch.use_deterministic_algorithms(True, warn_only=True)
        recipe, system = self.recipe, find_system(name)

        def change(window: Tensor, generator: torch.Generator) -> Tensor:
            if system.pretrained_encoder:  # the views of its features are made from augmented waveforms
                return window
            return augment(window, recipe.augmentation, generator, system.max_frames(recipe))

        torch.manual_seed(seed_of(self.seed, system.front or name, "weights"))
        network = build(recipe, name, labels)
        if self.pretrained is not None:
            self.pretrained.into(network)
        objective = network.objective
        synthetic = self.synthetic(network, system, train, change) if objective.is_per_frame else []
        if system.front is None or system.stages == 1 or recipe.end_to_end:
            fit_normalisation(network, train)
            data = StageData([*train, *synthetic], validation, labels, change)
            stage = "whole" if system.context else f"{FRONT_STAGE}{system.front}"
            convolutions = system.front and not system.pretrained_encoder
            settings = recipe.stage1 if convolutions else recipe.stage2
            self.run(stage, FromStatic(network, recipe.augmentation), data, objective, settings)
            return network.eval()
        network.front = self.train(system.front, labels, train, validation).front
        cache = (self.front_folder or self.folder) / LOCAL_FOLDER
        dtype = torch.bfloat16 if trains_in_bfloat16(recipe.precision, self.device) else torch.float32
        generator = torch.Generator().manual_seed(seed_of(self.seed, "views"))
        copies = [local_feature_examples(network, train, cache, dtype)]
        while len(copies) < recipe.stage2_views:
            copy = augment_view(train, change, generator, len(copies))
            copies.append(local_feature_examples(network, copy, cache, dtype))
        local = StageData(
            [*merge_views(copies), *local_feature_examples(network, synthetic, cache, dtype)],
            local_feature_examples(network, validation, cache),
            labels,
        )
        self.run("back", FromLocal(network), local, objective, recipe.stage2)
        if self.front_folder is None:
            forget_local_features(self.folder)
        return network.eval()

    def synthetic(
        self, network: EmotionModel, system: System, train: Sequence[Example], change: Change
    ) -> list[Example]:
        """Examples for CTC beside the utterances: concatenations, and sounds without speech."""
        recipe, max_frames = self.recipe, system.max_frames(self.recipe)
        seed = seed_of(self.seed, "emotionless")
        count = round(recipe.non_speech_per_utterance * len(train))
        spectrum = network.spectrum
        if isinstance(spectrum, EncoderFeatures):
            non_speech = non_speech_features(count, spectrum, recipe, max_frames, "training")
        else:
            generator = torch.Generator().manual_seed(seed)
            non_speech = non_speech_examples(count, spectrum, max_frames, generator)
        generator = torch.Generator().manual_seed(seed_of(self.seed, "changing"))
        count = round(recipe.concatenated_per_utterance * len(train))
        concatenated = concatenated_examples(train, count, max_frames, generator, change, non_speech)
        return [*concatenated, *non_speech]


def fit_normalisation(network: EmotionModel, examples: Sequence[Example]) -> None:
    """Set mean and standard deviation per channel and band from the real frames of the examples.

    Frames that two windows share count once.
    """
    front = network.front
    count = 0
    total = squares = torch.zeros(0)
    for example in examples:
        covered = 0  # frames that the window before, which is always full, has too
        for window in example.windows:
            image = front.spectrogram(window.T[None], torch.tensor([len(window)]))
            frames = image[0, :, covered:].double()
            frames = frames[:, (frames != 0).any(2).any(0)]  # an encoder gives zeros where nobody speaks
            total = frames.sum(1) + (total if count else 0)
            squares = frames.square().sum(1) + (squares if count else 0)
            count += frames.shape[1]
            covered = len(window) - len(window) // 2
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=1e-6).sqrt()
    front.normalise.mean.copy_(mean[:, None])
    front.normalise.scale.copy_(1 / deviation[:, None])


def augment_view(
    examples: Sequence[Example], change: Change, generator: torch.Generator, number: int
) -> list[Example]:
    """The examples with one view, which is `change` of view `number`, counted around."""

    def changed(windows: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(change(window, generator) for window in windows)

    return [
        replace(example, views=(changed(example.views[number % len(example.views)]),)) for example in examples
    ]


def merge_views(copies: Sequence[Sequence[Example]]) -> list[Example]:
    """Copies of the same examples as one list of examples with several views."""
    return [
        replace(versions[0], views=tuple(example.windows for example in versions))
        for versions in zip(*copies, strict=True)
    ]

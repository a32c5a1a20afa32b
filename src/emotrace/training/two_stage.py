"""Training of one system on one split: the paper's two stages, or both ends together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from emotrace.models.architectures import System, find_system
from emotrace.models.emotion_model import EmotionModel, build, build_spectrum
from emotrace.models.heads.head import Objective
from emotrace.recipe import Augmentation, Recipe, Stage
from emotrace.training.augmentation.spectrogram import augment, masks
from emotrace.training.data.concatenation import concatenated_examples
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
    """Front and back end on windows of static bands (batch, frame, band), masked while training."""

    def __init__(self, network: EmotionModel, settings: Augmentation):
        super().__init__()
        self.front, self.back, self.settings = network.front, network.back, settings

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the back end, and their true lengths."""
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
        """Outputs of the back end, and their true lengths."""
        return self.back(x.float(), lengths), lengths


@dataclass(frozen=True)
class TwoStageTrainer:
    """What the stages of one training have in common; state is kept in `folder`, progress told to `progress`.

    `front_folder` keeps the stage that trains a PCN or PCNSE, if not `folder`. Trainings of several systems
    with the same recipe, seed and clips may share it, one after the other: the first trains the front, and
    the others find it, the same to the bit as each would have trained it. Its local features stay there too,
    for whoever shares the folder to delete.
    """

    recipe: Recipe
    seed: int
    folder: Path
    progress: ProgressCallback
    device: str = "cpu"
    front_folder: Path | None = None
    refitting: bool = False  # whether this is `refit`
    pretrained: PretrainedWeights | None = None  # the model whose weights networks begin with

    def refit(self, name: str, labels: int, examples: Sequence[Example]) -> EmotionModel:
        """Train anew on all the clips, which now include the validation speakers'.

        Each stage goes on for as many epochs as `train` found best; it must have been called before.
        """
        return replace(self, refitting=True).train(name, labels, examples, ())

    def run(
        self, name: str, model: nn.Module, data: StageData, objective: Objective, settings: Stage
    ) -> None:
        """One stage; its seed depends on the run's and on its name alone."""

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

        Stage 1 trains the front as a classifier with cross-entropy, which is the system `pcn` or `pcnse`;
        stage 2 trains the back end on its features, frozen and cached (section 4.3). Systems of one part, and
        recipes with `end_to_end`, have one stage. Nothing but `train` sets weights and normalisation; nothing
        but `validation` chooses among epochs.
        """
        torch.use_deterministic_algorithms(True, warn_only=True)
        recipe, system = self.recipe, find_system(name)

        def change(window: Tensor, generator: torch.Generator) -> Tensor:
            return augment(window, recipe.augmentation, generator, system.max_frames(recipe))

        torch.manual_seed(seed_of(self.seed, system.front or name, "weights"))
        network = build(recipe, name, labels)
        if self.pretrained is not None:
            self.pretrained.into(network)
        objective = network.objective
        synthetic = self.synthetic(system, train, change) if objective.is_per_frame else []
        if system.front is None or system.stages == 1 or recipe.end_to_end:
            fit_normalisation(network, train)
            data = StageData([*train, *synthetic], validation, labels, change)
            stage = "whole" if system.context else f"{FRONT_STAGE}{system.front}"
            settings = recipe.stage1 if system.front else recipe.stage2
            self.run(stage, FromStatic(network, recipe.augmentation), data, objective, settings)
            return network.eval()
        network.front = self.train(system.front, labels, train, validation).front
        kept = (self.front_folder or self.folder) / LOCAL_FOLDER
        dtype = torch.bfloat16 if trains_in_bfloat16(recipe.precision, self.device) else torch.float32
        generator = torch.Generator().manual_seed(seed_of(self.seed, "views"))
        copies = [local_feature_examples(network, train, kept, dtype)]
        while len(copies) < recipe.stage2_views:
            copies.append(
                local_feature_examples(network, augmented(train, change, generator, len(copies)), kept, dtype)
            )
        local = StageData(
            [*merge_views(copies), *local_feature_examples(network, synthetic, kept, dtype)],
            local_feature_examples(network, validation, kept),
            labels,
        )
        self.run("back", FromLocal(network), local, objective, recipe.stage2)
        if self.front_folder is None:
            forget_local_features(self.folder)
        return network.eval()

    def synthetic(self, system: System, train: Sequence[Example], change: Change) -> list[Example]:
        """What CTC learns beside the utterances: sounds without emotion, and clips whose emotion changes."""
        recipe, longest = self.recipe, system.max_frames(self.recipe)
        generator = torch.Generator().manual_seed(seed_of(self.seed, "emotionless"))
        count = round(recipe.non_speech_per_utterance * len(train))
        non_speech = non_speech_examples(count, build_spectrum(recipe, system), longest, generator)
        generator = torch.Generator().manual_seed(seed_of(self.seed, "changing"))
        count = round(recipe.concatenated_per_utterance * len(train))
        return [*concatenated_examples(train, count, longest, generator, change, non_speech), *non_speech]


def fit_normalisation(network: EmotionModel, examples: Sequence[Example]) -> None:
    """Set mean and standard deviation per channel and band from the clips' real frames.

    Frames that two windows share count once.
    """
    front = network.front
    count = 0
    total = squares = torch.zeros(0)
    for example in examples:
        covered = 0  # frames of this window that the window before it, always a full one, holds too
        for window in example.windows:
            image = front.spectrogram(window.T[None], torch.tensor([len(window)]))
            fresh = image[0, :, covered:].double()
            total = fresh.sum(1) + (total if count else 0)
            squares = fresh.square().sum(1) + (squares if count else 0)
            count += fresh.shape[1]
            covered = len(window) - len(window) // 2
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=1e-6).sqrt()
    front.normalise.mean.copy_(mean[:, None])
    front.normalise.scale.copy_(1 / deviation[:, None])


def augmented(
    examples: Sequence[Example], change: Change, generator: torch.Generator, number: int
) -> list[Example]:
    """The clips with every window of the view whose turn it is changed."""
    return [
        replace(
            example,
            views=(
                tuple(change(window, generator) for window in example.views[number % len(example.views)]),
            ),
        )
        for example in examples
    ]


def merge_views(copies: Sequence[Sequence[Example]]) -> list[Example]:
    """Several takes of the same clips as one list of clips with several views."""
    return [
        replace(versions[0], views=tuple(example.windows for example in versions))
        for versions in zip(*copies, strict=True)
    ]

"""Training of one system on one split: the paper's two stages, or both ends together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from emotrace.features import spectrogram
from emotrace.model.systems import Back, Network, System, build, find_system
from emotrace.recipe import Augmentation, Recipe
from emotrace.training.augment import augment, masks
from emotrace.training.clips import Clip, window_batches
from emotrace.training.seeds import seed_of
from emotrace.training.stage import Objective, StageData, run_stage


class FromStatic(nn.Module):
    """Front and back end on windows of static log-Mel (batch, frame, band), masked while training."""

    def __init__(self, network: Network, settings: Augmentation):
        super().__init__()
        self.front, self.back, self.settings = network.front, network.back, settings

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the back end, and their true lengths."""
        image = self.front.image(x.transpose(1, 2), lengths)
        if self.training:
            keep = masks(lengths, image.shape[2], image.shape[3], self.settings)
            image = image if keep is None else image * keep
        local, steps = self.front.extract(image, lengths)
        return self.back(local, steps), steps


class FromLocal(nn.Module):
    """A back end on windows of cached local features (batch, step, feature)."""

    def __init__(self, network: Network):
        super().__init__()
        self.back = network.back

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the back end, and their true lengths."""
        return self.back(x, lengths), lengths


def train_system(
    recipe: Recipe,
    name: str,
    labels: int,
    train: Sequence[Clip],
    validation: Sequence[Clip],
    *,
    seed: int,
    folder: Path,
    say: Callable[[str], None] = print,
    device: str = "cpu",
) -> Network:
    """A trained network, in evaluation mode.

    Stage 1 trains the front as a classifier with cross-entropy; stage 2 trains the back end on its features,
    frozen and cached (section 4.3). Systems of one part, and `end_to_end`, have one stage. Nothing but
    `train` sets weights and normalisation; nothing but `validation` chooses among epochs.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    system = find_system(name)
    torch.manual_seed(seed_of(seed, name, "weights"))
    network = build(recipe, name, labels)
    fit_normalisation(network, train)

    def change(window: Tensor, generator: torch.Generator) -> Tensor:
        return augment(window, recipe.augmentation, generator, recipe.longest_frames)

    data = StageData(train, validation, labels, change)
    common = {"folder": folder, "say": say, "device": device}
    if system.stages == 1 or recipe.end_to_end:
        objective = Objective(system.loss, recipe.ctc_target, network.front.frames_per_step)
        model = FromStatic(network, recipe.augmentation)
        stage = recipe.stage1 if recipe.end_to_end or not system.front is None else recipe.stage2
        run_stage(model, data, objective, stage, seed=seed_of(seed, "whole"), precision=recipe.precision,
                  **common | {"folder": folder / "whole"})
        return network.eval()
    classifier = Network(network.logmel, network.front, front_classifier(recipe, system, network, labels))
    run_stage(FromStatic(classifier, recipe.augmentation), data, Objective("cross-entropy"), recipe.stage1,
              seed=seed_of(seed, "front"), precision=recipe.precision,
              **common | {"folder": folder / f"front-{system.front}"})
    generator = torch.Generator().manual_seed(seed_of(seed, "views"))
    local = StageData(
        local_clips(network, train, recipe.views, change, generator),
        local_clips(network, validation),
        labels,
    )
    objective = Objective(system.loss, recipe.ctc_target, network.front.frames_per_step)
    run_stage(FromLocal(network), local, objective, recipe.stage2, seed=seed_of(seed, "back"),
              **common | {"folder": folder / "back"})
    return network.eval()


def front_classifier(recipe: Recipe, system: System, network: Network, labels: int) -> Back:
    """The head under which a front is trained in stage 1: the system PCN or PCNSE itself."""
    return Back(recipe, find_system(system.front), network.front.features_out, labels)


def fit_normalisation(network: Network, clips: Sequence[Clip]) -> None:
    """Set mean and standard deviation per channel and band from the clips' real frames.

    Frames that two windows share count once.
    """
    front = network.front
    count, total, squares = 0, 0.0, 0.0
    for clip in clips:
        for index, window in enumerate(clip.windows):
            image = spectrogram(window.T[None], torch.tensor([len(window)]), front.reach, front.channels)
            fresh = image[0, :, front_overlap(clip, index):].double()
            count += fresh.shape[1]
            total, squares = total + fresh.sum(1), squares + fresh.square().sum(1)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=1e-6).sqrt()
    front.normalise.mean.copy_(mean[:, None])
    front.normalise.scale.copy_(1 / deviation[:, None])


def front_overlap(clip: Clip, index: int) -> int:
    """Frames at the start of a clip's window that the window before it holds too: half a full window."""
    return len(clip.windows[index - 1]) // 2 if index else 0


def local_clips(
    network: Network,
    clips: Sequence[Clip],
    views: int = 1,
    change: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    generator: torch.Generator | None = None,
) -> list[Clip]:
    """The clips with their windows as local features: as they are, then `views` - 1 augmented copies."""
    front = network.front.eval()
    takes = [list(clips)]
    for _ in range(views - 1):
        takes.append([
            replace(clip, views=(tuple(change(window, generator) for window in clip.windows),))
            for clip in clips
        ])
    found = [[[None] * len(clip.windows) for clip in clips] for _ in takes]
    with torch.inference_mode():
        for take, versions in enumerate(takes):
            for places, batch in window_batches(versions):
                local, steps = front(batch.x.transpose(1, 2), batch.lengths)
                for row, (clip, window) in enumerate(places):
                    found[take][clip][window] = local[row, : steps[row]].clone()
    return [
        replace(clip, views=tuple(tuple(found[take][index]) for take in range(len(takes))))
        for index, clip in enumerate(clips)
    ]

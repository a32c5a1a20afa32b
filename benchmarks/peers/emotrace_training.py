"""Training by emotrace, with torch; it also exports the untrained models that are measured."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers.server import cores, serve

import emotrace
from emotrace.corpora import open_corpus
from emotrace.export.model_card import Provenance
from emotrace.export.onnx import export_model
from emotrace.features.deltas import stack_deltas
from emotrace.features.log_mel import LogMel
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel, build, build_spectrum
from emotrace.models.heads.ctc import CTCObjective
from emotrace.models.heads.pooling import CrossEntropyObjective
from emotrace.models.layers.frame_batch_norm import FrameBatchNorm
from emotrace.recipe import Recipe
from emotrace.recipes import load_recipe
from emotrace.training.data.examples import Example, read_examples
from emotrace.training.loop import StageData, run_stage
from emotrace.training.two_stage import FromLocal, FromStatic, fit_normalisation

FRONT, SYSTEM = "pcnse", "pcnse-sadrn-ctc"
EMOTIONS = ("anger", "happiness", "sadness", "neutral")
DEFAULT, INT8 = "default", "default-int8"
BANDS = 40


def read_recipe(network: str) -> Recipe:
    """The default recipe, or the paper's with a layout of that name."""
    if network in (DEFAULT, INT8):
        return load_recipe()
    recipe = load_recipe(["paper"])
    return recipe.model_copy(update={"front": recipe.front.model_copy(update={"layout": network})})


def build_untrained(network: str, system: str) -> EmotionModel:
    """A network with reproducible random weights and non-trivial batch statistics."""
    torch.manual_seed(1)
    built = build(read_recipe(network), system, len(EMOTIONS))
    built.front.normalise.mean.fill_(-9.0)
    built.front.normalise.scale.fill_(0.3)
    for module in built.modules():
        if isinstance(module, FrameBatchNorm):
            module.norm.running_mean.normal_(0, 0.1)
            module.norm.running_var.uniform_(0.5, 1.5)
    return built.eval()


class Training:
    """A training stage, prepared once and then trained epoch by epoch."""

    def __init__(self) -> None:
        torch.set_num_threads(cores())
        self.logmel = LogMel(BANDS)
        self.ready: dict[str, dict[str, Any]] = {}
        self.steps: dict[str, int] = {}

    def versions(self) -> dict[str, dict[str, str]]:
        """The versions of the measured packages."""
        return {"versions": {"emotrace": emotrace.__version__, "torch": torch.__version__}}

    def has_gpu(self) -> dict[str, bool]:
        """Whether torch finds a GPU."""
        return {"gpu": torch.cuda.is_available()}

    def features(self, samples: str, output: str | None = None) -> None:
        """The 3-D log-Mel spectrogram of samples in a .npy file, written to another one if named."""
        waveform = torch.from_numpy(np.load(samples))[None]
        with torch.inference_mode():
            found = stack_deltas(*self.logmel(waveform, torch.tensor([waveform.shape[1]])))
        if output:
            np.save(output, found[0].transpose(1, 2).numpy())

    def export(self, network: str, samples: str, folder: str) -> None:
        """Write an untrained model, its weights as model.npz, and its image of the samples as image.npy."""
        built, recipe = build_untrained(network, SYSTEM), read_recipe(network)
        waveform = torch.from_numpy(np.load(samples))[None]
        with torch.inference_mode():
            image = built.front.image(*built.spectrum(waveform, torch.tensor([waveform.shape[1]])))
        provenance = Provenance(
            f"untrained-{network}", SYSTEM, recipe, EMOTIONS, "none", "none", emotrace.__version__
        )
        calibration = [np.load(samples)] if network == INT8 else []
        export_model(built, provenance, Path(folder, "model"), weights=False, calibration=calibration)
        np.savez(Path(folder, "model.npz"), **{n: v.numpy() for n, v in built.state_dict().items()})
        np.save(Path(folder, "image.npy"), image[0].permute(1, 2, 0).numpy())

    def prepare(
        self,
        name: str,
        stage: int,
        network: str,
        precision: str,
        batch: int,
        steps: int = 1,
        root: str = "",
        most: int | None = None,
        device: str = "cpu",
    ) -> dict[str, int]:
        """Prepare a stage for steps on 5-s noise, or stage 1 for at most `most` utterances of EmoDB.

        The seconds of an epoch are divided by `steps`.
        """
        recipe, built = read_recipe(network), build_untrained(network, FRONT if stage == 1 else SYSTEM)
        if stage == 1:
            model, settings = FromStatic(built, recipe.augmentation), recipe.stage1
            objective = CrossEntropyObjective()
            examples = (
                emodb(built, recipe, root)[:most] if root else noise(steps * batch, recipe.max_frames, BANDS)
            )
        else:
            model, settings = FromLocal(built), recipe.stage2
            objective = CTCObjective(recipe.ctc_target, built.front.frames_per_step)
            frames, features = built.front.steps_out(recipe.max_frames), built.front.features_out
            examples = noise(steps * batch, frames, features)
        self.steps[name] = steps
        self.ready[name] = {
            "model": model,
            "data": StageData(examples, (), len(EMOTIONS)),
            "objective": objective,
            "stage": settings.model_copy(update={"batch_size": batch, "epochs": 1}),
            "precision": precision,
            "device": device,
        }
        return {"utterances": len(examples)}

    def epoch(self, name: str) -> dict[str, float]:
        """One epoch as `emotrace train` runs it, from the first forward pass to the last file."""
        ready, times = self.ready[name], []
        hook = ready["model"].register_forward_pre_hook(lambda *_: times.append(time.perf_counter()))
        with tempfile.TemporaryDirectory() as folder:
            run_stage(
                **ready, seed=1, folder=Path(folder), progress=lambda _: times.append(time.perf_counter())
            )
        hook.remove()
        return {"seconds": (times[-1] - times[0]) / self.steps[name]}


def noise(examples: int, frames: int, features: int) -> list[Example]:
    """Examples of one window each, all of this length."""
    generator = torch.Generator().manual_seed(1)
    windows = torch.randn(examples, frames, features, generator=generator)
    return [
        Example(str(i), "nobody", i % len(EMOTIONS), ((window,),), (80_240,))
        for i, window in enumerate(windows)
    ]


def emodb(network: EmotionModel, recipe: Recipe, root: str) -> Sequence[Example]:
    """The training examples of the first fold; the network is normalised by their statistics."""
    corpus = open_corpus("emodb", root)
    speakers = corpus.folds()[0].train
    known = [u for u in corpus.utterances if u.speaker in speakers and u.emotion in EMOTIONS]
    examples = read_examples(known, EMOTIONS, build_spectrum(recipe, find_system(FRONT)), recipe.max_frames)
    fit_normalisation(network, examples)
    return examples


if __name__ == "__main__":
    serve(Training())

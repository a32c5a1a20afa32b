"""emotrace as it trains, with torch; it also makes the models that are measured where none ships."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers.answering import cores, serve

import emotrace
from emotrace.corpora import open_corpus
from emotrace.export.model_card import Provenance
from emotrace.export.onnx import export_model
from emotrace.features.deltas import stack_deltas
from emotrace.features.log_mel import LogMel
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import Network, build, build_spectrum
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


def recipe_of(network: str) -> Recipe:
    """The default recipe, or the paper's with a layout of that name."""
    if network in (DEFAULT, INT8):
        return load_recipe()
    recipe = load_recipe(["paper"])
    return recipe.model_copy(update={"front": recipe.front.model_copy(update={"layout": network})})


def untrained(network: str, system: str) -> Network:
    """Fresh weights, the same each time, and statistics of batches that are not 0 and 1."""
    torch.manual_seed(1)
    made = build(recipe_of(network), system, len(EMOTIONS))
    made.front.normalise.mean.fill_(-9.0)
    made.front.normalise.scale.fill_(0.3)
    for module in made.modules():
        if isinstance(module, FrameBatchNorm):
            module.norm.running_mean.normal_(0, 0.1)
            module.norm.running_var.uniform_(0.5, 1.5)
    return made.eval()


class Training:
    """One stage at a time, prepared and then trained epoch by epoch."""

    def __init__(self) -> None:
        torch.set_num_threads(cores())
        self.logmel = LogMel(BANDS)
        self.ready: dict[str, dict[str, Any]] = {}
        self.steps: dict[str, int] = {}

    def versions(self) -> dict[str, dict[str, str]]:
        """What this is."""
        return {"versions": {"emotrace": emotrace.__version__, "torch": torch.__version__}}

    def has_gpu(self) -> dict[str, bool]:
        """Whether torch finds one."""
        return {"gpu": torch.cuda.is_available()}

    def features(self, samples: str, output: str | None = None) -> None:
        """The 3-D log-Mel spectrogram of samples in a .npy file, kept in another where one is named."""
        waveform = torch.from_numpy(np.load(samples))[None]
        with torch.inference_mode():
            found = stack_deltas(*self.logmel(waveform, torch.tensor([waveform.shape[1]])))
        if output:
            np.save(output, found[0].transpose(1, 2).numpy())

    def export(self, network: str, samples: str, folder: str) -> None:
        """Write an untrained model, its weights as model.npz, and its image of the samples as image.npy."""
        made, recipe = untrained(network, SYSTEM), recipe_of(network)
        waveform = torch.from_numpy(np.load(samples))[None]
        with torch.inference_mode():
            image = made.front.image(*made.spectrum(waveform, torch.tensor([waveform.shape[1]])))
        provenance = Provenance(
            f"untrained-{network}", SYSTEM, recipe, EMOTIONS, "none", "none", emotrace.__version__
        )
        calibration = [np.load(samples)] if network == INT8 else []
        export_model(made, provenance, Path(folder, "model"), weights=False, calibration=calibration)
        np.savez(Path(folder, "model.npz"), **{n: v.numpy() for n, v in made.state_dict().items()})
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
        """Get a stage ready: for steps on noise of 5 s, or stage 1 for EmoDB, `most` utterances of it.

        `steps` is by how many the seconds of an epoch are divided.
        """
        recipe, made = recipe_of(network), untrained(network, FRONT if stage == 1 else SYSTEM)
        if stage == 1:
            model, settings = FromStatic(made, recipe.augmentation), recipe.stage1
            objective = CrossEntropyObjective()
            clips = (
                emodb(made, recipe, root)[:most] if root else noise(steps * batch, recipe.max_frames, BANDS)
            )
        else:
            model, settings = FromLocal(made), recipe.stage2
            objective = CTCObjective(recipe.ctc_target, made.front.frames_per_step)
            frames, features = made.front.steps_out(recipe.max_frames), made.front.features_out
            clips = noise(steps * batch, frames, features)
        self.steps[name] = steps
        self.ready[name] = {
            "model": model,
            "data": StageData(clips, (), len(EMOTIONS)),
            "objective": objective,
            "stage": settings.model_copy(update={"batch_size": batch, "epochs": 1}),
            "precision": precision,
            "device": device,
        }
        return {"utterances": len(clips)}

    def epoch(self, name: str) -> dict[str, float]:
        """One epoch, from its first product to its last file, as `emotrace train` runs it."""
        ready, times = self.ready[name], []
        hook = ready["model"].register_forward_pre_hook(lambda *_: times.append(time.perf_counter()))
        with tempfile.TemporaryDirectory() as folder:
            run_stage(
                **ready, seed=1, folder=Path(folder), progress=lambda _: times.append(time.perf_counter())
            )
        hook.remove()
        return {"seconds": (times[-1] - times[0]) / self.steps[name]}


def noise(clips: int, frames: int, features: int) -> list[Example]:
    """Clips of one window, all of that length."""
    generator = torch.Generator().manual_seed(1)
    windows = torch.randn(clips, frames, features, generator=generator)
    return [
        Example(str(i), "nobody", i % len(EMOTIONS), ((window,),), (80_240,))
        for i, window in enumerate(windows)
    ]


def emodb(network: Network, recipe: Recipe, root: str) -> Sequence[Example]:
    """The training part of the first fold, by whose statistics the network then normalises."""
    corpus = open_corpus("emodb", root)
    speakers = corpus.folds()[0].train
    known = [u for u in corpus.utterances if u.speaker in speakers and u.emotion in EMOTIONS]
    clips = read_examples(known, EMOTIONS, build_spectrum(recipe, find_system(FRONT)), recipe.max_frames)
    fit_normalisation(network, clips)
    return clips


if __name__ == "__main__":
    serve(Training())

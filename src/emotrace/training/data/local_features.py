"""Local features: outputs of a trained front, computed once, stored in files and mapped into memory."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from emotrace.errors import RunError
from emotrace.models.emotion_model import EmotionModel
from emotrace.models.front import Front
from emotrace.system.files import atomic_path
from emotrace.training.data.examples import Example, window_batches
from emotrace.training.memory import give_back_freed_memory

LOCAL_FOLDER = "local-features"


def local_feature_examples(
    network: EmotionModel,
    examples: Sequence[Example],
    folder: Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> list[Example]:
    """The examples with local features (step, feature) in place of their windows of static bands.

    With a `folder` the features are stored there and mapped from the file, so that the system can free their
    memory; the same examples and front use the file again. A network that trains in bfloat16 rounds its
    inputs to it, so with that `dtype` half the bytes give the same weights.

    Raises:
        RunError: the file is damaged, or cannot be written.
    """
    if not examples:
        return []
    assert isinstance(network.front, Front)
    if folder is None:
        return with_windows(examples, compute_features(network.front, examples, dtype))
    file = folder / f"{features_key(network.front, examples, dtype)}.safetensors"
    if not file.exists():
        windows = compute_features(network.front, examples, dtype)
        steps = torch.tensor([len(window) for window in windows])
        try:
            with atomic_path(file) as unfinished:
                save_file({"steps": steps, "features": torch.cat(windows)}, unfinished)
        except SafetensorError as error:
            raise RunError(
                f"{file} cannot be written ({error}); free disk space, and run the same command again"
            ) from None
        del windows
        give_back_freed_memory()
    return with_windows(examples, map_features(file))


def forget_local_features(folder: Path) -> None:
    """Delete the local features in a run folder."""
    shutil.rmtree(folder / LOCAL_FOLDER, ignore_errors=True)


def compute_features(front: Front, examples: Sequence[Example], dtype: torch.dtype) -> list[Tensor]:
    """Local features (step, feature) of every window, in the order of the examples."""
    front.eval()
    device = front.normalise.mean.device
    found = [list(example.windows) for example in examples]
    with torch.inference_mode():
        for indices, batch in window_batches(examples):
            local, steps = front(batch.x.transpose(1, 2).to(device), batch.lengths.to(device))
            for row, (example, window) in enumerate(indices):
                found[example][window] = local[row, : steps[row]].to("cpu", dtype, copy=True)
    give_back_freed_memory()
    return [window for windows in found for window in windows]


def map_features(file: Path) -> list[Tensor]:
    """The windows in a file, whose bytes are read when they are used.

    Raises:
        RunError: the file is damaged.
    """
    try:
        with safe_open(file, framework="pt") as tensors:
            return list(tensors.get_tensor("features").split(tensors.get_tensor("steps").tolist()))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunError(f"{file} is damaged ({error}); delete it, and run the same command again") from None


def with_windows(examples: Sequence[Example], windows: Sequence[Tensor]) -> list[Example]:
    """The examples with other windows, given in order."""
    remaining = iter(windows)
    return [
        replace(example, views=(tuple(next(remaining) for _ in example.windows),)) for example in examples
    ]


def features_key(front: Front, examples: Sequence[Example], dtype: torch.dtype) -> str:
    """A file name that depends on the front, its weights, the windows and `dtype`, and on nothing else."""
    digest = hashlib.sha256(f"{front} {dtype}".encode())
    windows = (window for example in examples for window in example.windows)
    for tensor in (*front.state_dict().values(), *windows):
        digest.update(f"{tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().numpy())
    return digest.hexdigest()[:32]

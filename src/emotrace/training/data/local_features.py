"""What a trained front makes of clips: computed once, kept in a file a take, and mapped into memory."""

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
    """The clips with their windows of static bands replaced by the front's local features.

    With a `folder` they are kept there and mapped from the file, so that memory holds no more of them than
    the system has to spare; the same clips and front find them again. A network that trains in bfloat16
    rounds them to that first of all, so where `dtype` says it, half the bytes train the same weights.

    Raises:
        RunError: the file is damaged, or cannot be written.
    """
    if not examples:
        return []
    if folder is None:
        return with_windows(examples, computed(network.front, examples, dtype))
    file = folder / f"{key(network.front, examples, dtype)}.safetensors"
    if not file.exists():
        windows = computed(network.front, examples, dtype)
        steps = torch.tensor([len(window) for window in windows])
        try:
            with atomic_path(file) as unfinished:
                save_file({"steps": steps, "features": torch.cat(windows)}, unfinished)
        except SafetensorError as error:
            raise RunError(f"{file} cannot be written ({error}); make room, and call this again") from None
        del windows
        give_back_freed_memory()
    return with_windows(examples, mapped(file))


def forget_local_features(folder: Path) -> None:
    """Delete what lies in a training's folder: its back ends are trained."""
    shutil.rmtree(folder / LOCAL_FOLDER, ignore_errors=True)


def computed(front: Front, examples: Sequence[Example], dtype: torch.dtype) -> list[Tensor]:
    """Local features (step, feature) of every window, in the order of the clips."""
    front.eval()
    device = front.normalise.mean.device
    found = [list(example.windows) for example in examples]
    with torch.inference_mode():
        for places, batch in window_batches(examples):
            local, steps = front(batch.x.transpose(1, 2).to(device), batch.lengths.to(device))
            for row, (example, window) in enumerate(places):
                found[example][window] = local[row, : steps[row]].to("cpu", dtype, copy=True)
    give_back_freed_memory()
    return [window for windows in found for window in windows]


def mapped(file: Path) -> list[Tensor]:
    """The windows of a file, whose bytes are read when they are used.

    Raises:
        RunError: the file is damaged.
    """
    try:
        with safe_open(file, framework="pt") as tensors:
            return list(tensors.get_tensor("features").split(tensors.get_tensor("steps").tolist()))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunError(f"{file} is damaged ({error}); delete it, and call this again") from None


def with_windows(examples: Sequence[Example], windows: Sequence[Tensor]) -> list[Example]:
    """The clips with these windows in place of theirs."""
    left = iter(windows)
    return [replace(example, views=(tuple(next(left) for _ in example.windows),)) for example in examples]


def key(front: Front, examples: Sequence[Example], dtype: torch.dtype) -> str:
    """A name for what depends on nothing but these."""
    made_of = hashlib.sha256(f"{front} {dtype}".encode())
    for tensor in (
        *front.state_dict().values(),
        *(window for example in examples for window in example.windows),
    ):
        made_of.update(f"{tuple(tensor.shape)}".encode())
        made_of.update(tensor.cpu().contiguous().numpy())
    return made_of.hexdigest()[:32]

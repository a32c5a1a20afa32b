"""Training of one model by several processes, which torchrun starts.

Each process computes a share of every batch. The gradients and the statistics of batch normalisation are
summed, so that all processes have the same weights. Everything else is done by each process alone, in a
folder of its own; that of the first process is the run folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
from torch import Tensor, nn

from emotrace.errors import EmotraceError
from emotrace.training.data.examples import Batch


def process_number() -> int:
    """The number of this process, from 0."""
    return _environment()[0]


def process_count() -> int:
    """The number of processes that train together; 1 unless torchrun started several."""
    return _environment()[1]


@contextmanager
def joined_processes(device: str) -> Iterator[None]:
    """Connect the processes that torchrun started for the duration of the block.

    Args:
        device: "cuda": each process of a machine takes another GPU; "cpu"
    """
    if process_count() == 1:
        yield
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """The folder that this process writes: `folder` for the first, and a temporary copy for the others."""
    if process_count() == 1:
        yield folder
    elif process_number() == 0:
        dist.barrier()  # until the others have copied it
        yield folder
    else:
        with TemporaryDirectory() as temporary:
            copy = Path(temporary) / "run"
            if folder.exists():
                shutil.copytree(folder, copy)
            dist.barrier()
            yield copy


def share_of(batch: Batch) -> tuple[Batch, float]:
    """The examples of a batch that this process computes, and as how many examples they count.

    A batch that is smaller than the number of processes is computed by all of them, and counts once.
    """
    number, count = _environment()
    if count == 1:
        return batch, len(batch.labels)
    if len(batch.labels) < count:
        return batch, len(batch.labels) / count
    mine = slice(number, None, count)
    share = Batch(batch.x[mine], batch.lengths[mine], batch.labels[mine], batch.parts[mine])
    return share, len(share.labels)


def sum_gradients(model: nn.Module) -> None:
    """Replace the gradients by their sums over the processes."""
    if process_count() == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    together = sum_over_processes(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, total in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(total.view_as(gradient))


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of a tensor over the processes, in place."""
    if process_count() > 1:
        dist.all_reduce(value)
    return value


def _environment() -> tuple[int, int]:
    """Number and count of processes that torchrun sets."""
    number, count = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        raise EmotraceError(
            f"found RANK={number} and WORLD_SIZE={count}, expected numbers as torchrun sets them; unset them"
        )
    return int(number), int(count)

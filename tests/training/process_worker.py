"""Trains a stage, as one of the processes that torchrun starts: see test_processes.py."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from emotrace.models.heads.ctc import CTCHead, CTCObjective
from emotrace.models.layers.frame_batch_norm import FrameBatchNorm
from emotrace.recipe import Stage
from emotrace.training.checkpoints import save_checkpoint
from emotrace.training.data.examples import Example
from emotrace.training.loop import StageData, run_stage
from emotrace.training.processes import joined_processes, own_folder
from emotrace.training.progress import no_progress


class Network(nn.Module):
    """A convolution, batch normalisation over real frames, and CTC.

    It has no bias before the normalisation: its gradient is 0 but for rounding, which Adam magnifies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 3, 3, padding=1, bias=False), FrameBatchNorm(3)
        self.head = CTCHead(12, labels=2)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.norm(self.convolution(x[:, None]), lengths).relu()
        return self.head(maps.transpose(1, 2).flatten(2), lengths), lengths


def examples(count: int, seed: int) -> list[Example]:
    """Examples of 8 to 20 frames; the last batch of 4 of them has one."""
    random = torch.Generator().manual_seed(seed)
    found = []
    for number in range(count):
        window = torch.randn(8 + number % 13, 4, generator=random)
        window[:, 0] += 2.0 * (number % 2) - 1
        found.append(Example(f"{number}", "a", number % 2, ((window,),), (2800,)))
    return found


def train(folder: Path) -> nn.Module:
    """Train the network for two epochs."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Network()
    data = StageData(examples(14, 0), examples(4, 1), labels=2)
    stage = Stage(epochs=2, batch_size=4, learning_rate=0.01, ema_decay=0.5, class_weights="balanced")
    with joined_processes("cpu"), own_folder(folder) as own:
        run_stage(network, data, CTCObjective(), stage, seed=1, folder=own, progress=no_progress)
    return network


if __name__ == "__main__":
    output = Path(sys.argv[1])
    trained = train(output / "run")
    save_checkpoint({"weights": trained.state_dict()}, output / f"{sys.argv[2]}.safetensors")

"""A refit trains on validation speakers too, never on test speakers."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from emotrace.features.deltas import stack_deltas
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, no_progress
from emotrace.training.run_folder import RUN_WEIGHTS_FILE
from emotrace.training.split import SpeakerSplit, train_split

PART = SpeakerSplit(train=("ann", "bea", "cem"), validation=("dov",))
STAGES = ("front-pcnse", "back")


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def learn(experiment: Experiment, tmp_path: Path) -> Callable[..., Path]:
    def run(name: str, refit: bool, progress: Callable[[Epoch], None] = no_progress) -> Path:
        again = replace(
            experiment, recipe=experiment.recipe.model_copy(update={"refit_on_validation": refit})
        )
        train_split(again, PART, fold=0, seed=1, folder=tmp_path / name, progress=progress)
        return tmp_path / name

    return run


def rows(curve: Path) -> list[list[float]]:
    return [[float(cell) for cell in line.split(",")] for line in curve.read_text().splitlines()[1:]]


def at_one_level(window: Tensor, range_db: float) -> Tensor:
    """Log-powers (frame, band) less the mean power of its frames, weighted by that power; down to a range."""
    power = window.double().exp().sum(1)
    against = window - float((power.square().sum() / power.sum()).log())
    return against.clamp(min=math.log(10 ** (-range_db / 10)))


def test_a_refit_has_the_chosen_number_of_epochs_and_learns_from_validation_speakers_too(
    learn: Callable[..., Path], experiment: Experiment
) -> None:
    reported: list[Epoch] = []
    plain, refitted = learn("plain", refit=False), learn("refitted", refit=True, progress=reported.append)
    for stage in STAGES:
        kept = int((plain / stage / "done").read_text().split()[1])
        assert (refitted / stage / "curve.csv").read_bytes() == (plain / stage / "curve.csv").read_bytes()
        curve = rows(refitted / "refit" / stage / "curve.csv")
        assert len(curve) == kept
        assert all(math.isfinite(loss) and math.isnan(val) for _, loss, val, *_ in curve)
        assert [epoch.number for epoch in reported if epoch.stage == f"{stage}, refit"] == [
            *range(1, kept + 1)
        ]
    # Predictions for the validation speaker come from the network before the refit.
    assert (refitted / "predictions.csv").read_bytes() == (plain / "predictions.csv").read_bytes()
    assert (refitted / RUN_WEIGHTS_FILE).read_bytes() != (plain / RUN_WEIGHTS_FILE).read_bytes()

    features = experiment.recipe.features
    windows = [
        at_one_level(window, features.dynamic_range_db)
        for example in experiment.examples
        if example.speaker != "eve"
        for window in example.windows
    ]
    frames = torch.cat(
        [
            stack_deltas(window.T[None], torch.tensor([len(window)]), features.delta_reach)[0]
            for window in windows
        ],
        dim=1,
    )
    mean = load_file(refitted / RUN_WEIGHTS_FILE)["front.normalise.mean"]
    assert torch.allclose(mean[:, 0], frames.mean(1), atol=1e-4)


@pytest.mark.slow
def test_a_killed_refit_resumes_and_gives_the_same_weights(learn: Callable[..., Path]) -> None:
    undisturbed = learn("undisturbed", refit=True)
    for stage in STAGES:

        def stop(epoch: Epoch, stage: str = stage) -> None:
            if epoch.stage == f"{stage}, refit":
                raise Killed

        with pytest.raises(Killed):
            learn("killed", refit=True, progress=stop)
    ended = learn("killed", refit=True)
    for name in (RUN_WEIGHTS_FILE, "predictions.csv"):
        assert (ended / name).read_bytes() == (undisturbed / name).read_bytes()

"""`research/layers.py`: multiply-adds agree with torch's count, and every case that fits is timed."""

import csv
import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe
from emotrace.recipes import load_recipe


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    path = Path(__file__).parents[2] / "research" / "layers.py"
    spec = importlib.util.spec_from_file_location("layers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "layers", module)  # dataclasses look the module up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("system", ["pcnse-sadrn", "sadrn-ctc"])
@pytest.mark.parametrize("causal", [True, False])
def test_multiply_adds_agree_with_torch(
    layers: ModuleType, tiny_recipe: Recipe, system: str, causal: bool
) -> None:
    back = tiny_recipe.back.model_copy(update={"causal": causal, "residual": True})
    network = build(tiny_recipe.model_copy(update={"back": back}), system, 4).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.back(torch.randn(1, 37, network.front.features_out), torch.tensor([37]))
    assert layers.multiply_adds(network.back, 37) == counter.get_total_flops() / 2


def test_multiply_adds_of_the_blstm_are_those_of_its_gates(layers: ModuleType) -> None:
    back = build(load_recipe(["paper"]), "pcnse-sablstm", 4).back
    first, second = (2 * 4 * 64 * (inputs + 64) for inputs in (832, 128))  # directions, gates, units
    attention = 3 * 128 * 128 * 10 + 2 * 128 * 10 * 10
    assert layers.multiply_adds(back, 10) == 10 * (first + second) + attention + 128 * 4


def test_every_back_end_is_timed_on_the_steps_of_its_features(
    layers: ModuleType, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "MAX_STEPS", 300)
    cases = [
        layers.Case(1, activity, 2, seconds) for activity in ("training", "inference") for seconds in (1, 2)
    ]
    timings = list(layers.measure(tiny_recipe, cases, "cpu", 0.0))
    steps = {(timing.subject, timing.case.seconds): timing.steps for timing in timings}
    assert (steps["pcnse-sadrn", 2], steps["blstm-ctc", 1]) == (92, 98)  # (198 frames) // 2 - 7
    assert ("blstm-ctc", 2) not in steps  # 396 steps in a batch
    assert [timing.subject for timing in timings if timing.case == cases[2]] == [
        subject.name for subject in layers.SUBJECTS
    ]
    assert all(len(timing.times_ms) == 3 and min(timing.times_ms) > 0 for timing in timings)
    built = layers.networks(tiny_recipe, "cpu")
    rows = list(csv.DictReader(io.StringIO(layers.timings_csv(timings, built, "cpu"))))
    assert len(rows) == len(timings) == 16
    page = layers.report_page(timings, built, "a test")
    assert "## Training, batch 2, threads 1" in page
    slow, fast = (
        next(t.median_ms for t in timings if (t.case, t.subject) == (cases[0], name))
        for name in ("pcnse-sablstm", "pcnse-sadrn")
    )
    assert f" {slow / fast:.2f} |" in page

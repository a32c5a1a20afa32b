"""The simulation of bulk prediction agrees with arithmetic where arithmetic suffices."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("torch")


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "research")
    return importlib.import_module("scale")


def test_a_few_workers_take_as_long_as_their_work(scale: ModuleType) -> None:
    costs = scale.Costs(file_s=0.01, audio_s=0.002, row_s=1e-6, batch_s=0.0, start_s=3.0)
    for workers in (1, 2, 10):
        seconds, busy = scale.simulate(costs, workers, 128 * 100, 1.0)
        assert seconds == pytest.approx(3.0 + 128 * 100 * 0.012 / workers, rel=0.001)
        assert busy < 0.01


def test_very_many_workers_take_as_long_as_the_driver(scale: ModuleType) -> None:
    costs = scale.Costs(file_s=0.01, audio_s=0.002, row_s=1e-3, batch_s=0.01, start_s=3.0)
    seconds, busy = scale.simulate(costs, 1000, 128 * 10_000, 1.0)
    assert seconds == pytest.approx(10_000 * (0.01 + 128 * 1e-3), rel=0.01)
    assert busy > 0.99


def test_deaths_cost_time_and_lose_no_file(scale: ModuleType) -> None:
    costs = scale.Costs(file_s=0.01, audio_s=0.002, row_s=1e-6, batch_s=0.0, start_s=3.0)
    alive, _ = scale.simulate(costs, 4, 12_800, 1.0)
    dying, _ = scale.simulate(replace(costs, death_s=20.0), 4, 12_800, 1.0)
    assert alive < dying < 3 * alive


def test_calibration_gives_the_time_that_it_was_given(scale: ModuleType) -> None:
    costs = scale.Costs(file_s=0.01, audio_s=0.002, row_s=1e-6, batch_s=0.0, start_s=3.0)
    here = scale.calibrated(costs, 12_800, 150.0)
    seconds, _ = scale.simulate(replace(here, start_s=costs.start_s), 2, 12_800, 1.0)
    assert seconds == pytest.approx(150.0, rel=0.01)


def test_the_published_faults_lost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.syspath_prepend(root / "research")
    found = importlib.import_module("fault_bench").read_findings(root / "results/distributed/faults.csv")
    assert len(found) >= 12
    assert [one.fault for one in found if not one.holds] == []

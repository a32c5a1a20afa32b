"""Every research script states its usage; those that read a cross-validation run on a small one."""

import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from emotrace.experiments.cross_validation import run_folds
from emotrace.inference.pretrained import pretrained_model
from emotrace.training.experiment import Experiment
from emotrace.training.progress import no_progress

RESEARCH = Path(__file__).parents[2] / "research"
SCRIPTS = sorted(
    path.stem for path in RESEARCH.glob("*.py") if 'if __name__ == "__main__"' in path.read_text()
)


@pytest.fixture(autouse=True)
def research_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(RESEARCH)


def run_script(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str | Path) -> ModuleType:
    """Run a script's `main` as the command line does."""
    script = importlib.import_module(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
    script.main()
    return script


@pytest.fixture(scope="module")
def small_crossval(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds of a cross-validation on the small corpus."""
    folder = tmp_path_factory.mktemp("research") / "run"
    run_folds(experiment, output=folder, seeds=(1,), folds=(0, 1), workers=1, progress=no_progress)
    return folder


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_states_its_usage(name: str) -> None:
    script = importlib.import_module(name)
    assert f"python research/{name}.py" in (script.__doc__ or "")


def test_parts_of_the_model_are_measured_in_each_condition(
    small_crossval: Path, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_script(
        monkeypatch, "functionals", small_crossval, corpus_root, tmp_path, "--conditions", "clean;8 kHz"
    )
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0] == "condition,part,UA,interval,WA,UA minus network UA"
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [condition, part] for condition in ("clean", "8 kHz") for part in ("network", "functionals", "both")
    ]


def test_timelines_are_scored_by_every_decoder(
    small_crossval: Path, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("timeline"), "RECORDINGS", 2)
    run_script(monkeypatch, "timeline", small_crossval, corpus_root, tmp_path, "--between", "0.5")
    page = (tmp_path / "report.md").read_text()
    assert "| `emotrace trace` | 0." in page
    assert "| PCNSE classifier per step, mean of 1 s | 0." in page
    assert "| false alarm |" in page


def test_rejection_is_measured_for_every_sound(
    small_crossval: Path, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("no_speech"), "CLIPS_PER_SOUND", 1)
    run_script(monkeypatch, "no_speech", small_crossval, corpus_root, tmp_path)
    rows = dict(line.split(",", 1) for line in (tmp_path / "table.csv").read_text().splitlines()[1:10])
    assert set(rows) == set(importlib.import_module("sounds").sound_generators("test"))


def test_a_folder_without_folds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="has no finished fold"):
        run_script(monkeypatch, "no_speech", tmp_path, tmp_path, tmp_path)


def test_noise_and_int8_are_measured_on_exported_models(
    small_crossval: Path, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export_pretrained(run: Path, output: Path, root: Path | None = None) -> None:
        """The pretrained model in place of an export, which takes minutes."""
        shutil.copytree(pretrained_model(), output)

    robustness, quantised = map(importlib.import_module, ("robustness", "quantised"))
    conditions = importlib.import_module("conditions").CONDITIONS
    chosen = {name: conditions[name] for name in ("clean", "white noise, 0 dB")}
    monkeypatch.setattr(robustness, "CONDITIONS", chosen)
    monkeypatch.setattr(robustness, "export_run", export_pretrained)
    monkeypatch.setattr(quantised, "export_run", export_pretrained)
    monkeypatch.setattr(quantised, "export_run_in_int8", export_pretrained)
    run_script(monkeypatch, "robustness", small_crossval, corpus_root, tmp_path / "noise", "--folds", "0")
    assert "| white noise, 0 dB | " in (tmp_path / "noise" / "report.md").read_text()
    run_script(monkeypatch, "quantised", small_crossval, corpus_root, tmp_path / "int8", "--folds", "ann")
    last = (tmp_path / "int8" / "table.csv").read_text().splitlines()[-1]
    assert last.startswith("all,4,")

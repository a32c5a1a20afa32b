"""Constants of modules are part of a run's fingerprint."""

import json
from pathlib import Path

import pytest

from emotrace.errors import RunError
from emotrace.experiments.run_comparison import compare
from emotrace.training import speech_presence
from emotrace.training.constants import training_constants
from emotrace.training.experiment import Experiment
from emotrace.training.run_folder import create_or_resume, read_fingerprint


def test_constants_are_json_values_and_cover_the_known_hyperparameters() -> None:
    constants = training_constants()
    assert json.loads(json.dumps(constants)) == constants
    assert constants["functionals_classifier"]["feature_set_weights"] == [1.0, 1.0, 1.0, 0.5]
    assert constants["functionals_classifier"]["utterance_weight"] == 4.0
    assert constants["non_speech"]["level_db"] == [-90.0, -6.0]
    assert constants["acoustic_augmentation"]["snr_db"] == [5.0, 30.0]
    assert constants["optimisers"] == {"epsilon": 1e-7, "adadelta_rho": 0.95}
    assert "power_floor" not in constants["acoustic_augmentation"]  # imported from another module


def test_a_run_with_another_constant_is_refused_by_name(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_or_resume(tmp_path / "run", experiment.fingerprint(seed=1))
    create_or_resume(tmp_path / "run", experiment.fingerprint(seed=1))
    monkeypatch.setattr(speech_presence, "SNR_DB", (0.0, 10.0))
    with pytest.raises(RunError, match=r"a run with another constants\.speech_presence\.snr_db"):
        create_or_resume(tmp_path / "run", experiment.fingerprint(seed=1))


def test_a_run_of_an_earlier_version_without_constants_has_todays_values(
    experiment: Experiment, tmp_path: Path
) -> None:
    fingerprint = experiment.fingerprint(seed=1)
    del fingerprint["constants"]
    create_or_resume(tmp_path / "run", fingerprint)
    assert read_fingerprint(tmp_path / "run")["constants"] == training_constants()
    create_or_resume(tmp_path / "run", experiment.fingerprint(seed=1))


def test_a_comparison_names_a_constant_that_differs(finished_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "predictions.csv").write_bytes((finished_run / "predictions.csv").read_bytes())
    fingerprint = json.loads((finished_run / "recipe.json").read_text())
    fingerprint["constants"]["non_speech"]["level_db"] = [-60.0, -6.0]
    (other / "recipe.json").write_text(json.dumps(fingerprint))
    _, second = compare([finished_run, other])
    assert second.differs_in == ("constants.non_speech.level_db",)

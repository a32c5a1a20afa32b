"""`research/ship_model.py`: the shipped model has the figures of a matching cross-validation."""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import emotrace
from emotrace.errors import EmotraceError, RunError
from emotrace.evaluation.calibration import calibration_error
from emotrace.evaluation.confusion import confusion_text
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import Prediction, read_predictions, write_predictions
from emotrace.experiments.cross_validation import fold_folder
from emotrace.export.run_export import pooled_temperature
from emotrace.inference import pretrained as shipped
from emotrace.training.experiment import Experiment
from emotrace.training.run_folder import Run, same_experiment
from emotrace.training.scoring import MAX_TEMPERATURE, MIN_TEMPERATURE

NAME = "emotrace-manifest-1"


@pytest.fixture
def ship_model(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, for a model of the small corpus."""
    spec = importlib.util.spec_from_file_location(
        "ship", Path(__file__).parents[2] / "research" / "ship_model.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # `dataclasses` looks the module up by its name.
    monkeypatch.setitem(sys.modules, "ship", module)
    spec.loader.exec_module(module)
    return module


def release(module: ModuleType, folder: Path) -> object:
    """A release of a model of the small corpus."""
    return module.Release(folder / NAME, "mit", frozenset({"manifest"}))


@pytest.fixture
def crossval(experiment: Experiment, tmp_path: Path) -> Path:
    """The output of a cross-validation whose networks classify every fourth clip as sadness."""
    folder = tmp_path / "crossval"
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(experiment.fingerprint()))
    folds = [speaker for fold in experiment.corpus.folds() for speaker in fold.test]
    write_predictions(
        folder / "predictions.csv",
        [
            Prediction(
                u.name, u.speaker, folds.index(u.speaker), 1, u.emotion,
                "sadness" if number % 4 == 0 else u.emotion,
                {"anger": 0.3, "sadness": 0.7} if number % 4 == 0 or u.emotion == "sadness"
                else {"anger": 0.8, "sadness": 0.2},
            )
            for number, u in enumerate(experiment.corpus.utterances, 1)
        ],
    )  # fmt: skip
    return folder


def change_settings(crossval: Path, change: Callable[[dict[str, object]], object]) -> None:
    settings = json.loads((crossval / "recipe.json").read_text())
    change(settings)
    (crossval / "recipe.json").write_text(json.dumps(settings))


@pytest.mark.slow
def test_the_shipped_model_runs_and_states_its_measured_figures(
    ship_model: ModuleType,
    finished_run: Path,
    crossval: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "package" / NAME
    released = release(ship_model, target.parent)
    summary = ship_model.ship(finished_run, crossval, released)
    assert {file.name for file in target.iterdir()} == {"config.json", "model.onnx", "README.md"}
    monkeypatch.setattr(shipped, "FOLDER", target)
    config = emotrace.load().config  # whose hashes were checked
    predictions = read_predictions(crossval / "predictions.csv")
    scores = score_predictions(predictions)
    assert scores.wa_interval is not None
    assert config.name == NAME
    assert config.figures["cross-validated WA"].value == scores.wa == 0.75
    assert config.figures["cross-validated WA"].interval == (scores.wa_interval.low, scores.wa_interval.high)
    assert config.figures["cross-validated UA"].value == scores.ua
    assert config.figures["cross-validated ECE"].value == calibration_error(predictions)
    assert "5 networks, one for each of 5 folds, each tested on the speakers that its" in config.protocol
    assert f"cross-validated UA  {scores.ua:.3f}" in summary

    card = (target / "README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": "mit",
        "pipeline_tag": "audio-classification",
        "library_name": "emotrace",
        "tags": ["speech-emotion-recognition", "onnx"],
        "metrics": ["accuracy", "recall"],
    }
    assert f"| cross-validated UA | {scores.ua:.3f} | " in body
    assert "a cross-validation with the same recipe: 5 networks, one for each of 5 folds" in body
    assert scores.confusion == ((5, 5), (0, 10))
    assert confusion_text(scores.labels, scores.confusion) in body
    assert "Article 5(1)(f)" in body

    before = {file.name: file.read_bytes() for file in target.iterdir()}
    change_settings(crossval, lambda settings: settings.update(system="pcn"))
    with pytest.raises(RunError, match="differ in system;"):
        ship_model.ship(finished_run, crossval, released)
    monkeypatch.setattr(ship_model, "LARGEST_BYTES", 1000)
    change_settings(crossval, lambda settings: settings.update(system="pcnse-sadrn-ctc"))
    with pytest.raises(EmotraceError, match="expected less than"):
        ship_model.ship(finished_run, crossval, released)
    monkeypatch.undo()
    with pytest.raises(EmotraceError, match=r"trained on manifest; expected .* crema-d or emodb"):
        ship_model.ship(finished_run, crossval, ship_model.SHIPPED)
    assert {file.name: file.read_bytes() for file in target.iterdir()} == before


DIFFERENCES: dict[str, Callable[[dict[str, dict[str, object]]], object]] = {
    "corpus": lambda settings: settings.update(corpus="emodb"),  # type: ignore[call-overload]
    r"recipe\.stage2_views": lambda settings: settings["recipe"].update(stage2_views=3),
    "emotions": lambda settings: settings.update(emotions=["anger", "fear"]),  # type: ignore[call-overload]
}


@pytest.mark.parametrize("named", DIFFERENCES)
def test_a_different_experiment_is_refused(
    ship_model: ModuleType, finished_run: Path, crossval: Path, tmp_path: Path, named: str
) -> None:
    change_settings(crossval, DIFFERENCES[named])  # type: ignore[arg-type]
    with pytest.raises(RunError, match=f"differ in {named};"):
        ship_model.ship(finished_run, crossval, release(ship_model, tmp_path / "package"))
    assert not (tmp_path / "package").exists()


def test_an_incomplete_protocol_and_other_folders_are_refused(
    ship_model: ModuleType, finished_run: Path, crossval: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"has no recipe\.json"):
        ship_model.ship(finished_run, tmp_path)
    with pytest.raises(RunError, match=r"has no run\.json"):
        ship_model.ship(crossval, crossval)
    predictions = read_predictions(crossval / "predictions.csv")
    write_predictions(crossval / "predictions.csv", [p for p in predictions if p.fold < 2])
    with pytest.raises(RunError, match="tests 8 of 20 utterances"):
        ship_model.ship(finished_run, crossval)


def test_a_fold_is_refused_because_it_held_speakers_out(
    ship_model: ModuleType, finished_run: Path, crossval: Path, experiment: Experiment
) -> None:
    fold = fold_folder(crossval, 1, experiment.corpus.folds()[0])
    fold.mkdir(parents=True)
    run = Run.model_validate_json((finished_run / "run.json").read_text())
    (fold / "run.json").write_text(run.model_copy(update={"test": ("ann",)}).model_dump_json())
    (fold / "weights.safetensors").write_bytes((finished_run / "weights.safetensors").read_bytes())
    with pytest.raises(RunError, match="held ann out"):
        ship_model.ship(fold, crossval)


def test_a_setting_unknown_to_the_cross_validation_counts_as_its_default(
    finished_run: Path, crossval: Path
) -> None:
    change_settings(crossval, lambda settings: settings["recipe"].pop("refit_on_validation"))  # type: ignore[attr-defined]
    assert same_experiment(finished_run, crossval)["recipe"]["refit_on_validation"] is False


def test_the_temperature_is_that_of_the_pooled_validation_predictions(
    finished_run: Path, crossval: Path, experiment: Experiment
) -> None:
    """Half of the predictions with a score of .9 are wrong: the temperature gets as high as it can."""
    assert pooled_temperature(crossval) is None
    run = Run.model_validate_json((finished_run / "run.json").read_text())
    for number, (temperature, right) in enumerate([(2.0, 10), (8.0, 0)]):
        fold = fold_folder(crossval, 1, experiment.corpus.folds()[number])
        fold.mkdir(parents=True)
        (fold / "run.json").write_text(run.model_copy(update={"temperature": temperature}).model_dump_json())
        scores = {"anger": 0.9, "sadness": 0.1}
        truths = ["anger"] * right + ["sadness"] * (10 - right)
        rows = [
            Prediction(f"{i}", "ann", number, 1, truth, "anger", scores) for i, truth in enumerate(truths)
        ]
        write_predictions(fold / "validation.csv", rows)
    assert pooled_temperature(crossval) == pytest.approx(4.0 * MAX_TEMPERATURE)
    (fold / "validation.csv").unlink()
    assert pooled_temperature(crossval) == pytest.approx(2.0 * MIN_TEMPERATURE)


def test_a_card_states_figures_on_other_corpora(ship_model: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(
        'UA by,"emovo, 6 emotions",mean\nnetwork,0.400,0.400\nboth,"0.500 [0.400, 0.600]",0.500\n'
        '"both, adapted",0.600,0.600\n'
    )
    *_, columns, _, plain, adapted = ship_model.other_corpora(tmp_path).splitlines()
    assert columns == "| | emovo, 6 emotions |"
    assert plain == "| as it is | 0.500 [0.400, 0.600] |"
    assert adapted == "| adapted to the corpus without labels | 0.600 |"

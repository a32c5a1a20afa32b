"""What would end in a worthless model, or in an error at the export, is refused or said before training."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from emotrace.corpora import OpenCorpus, open_corpus
from emotrace.errors import CorpusError, RecipeError
from emotrace.experiments.checks import check_labels
from emotrace.experiments.cross_validation import run_folds
from emotrace.experiments.preparation import prepare_experiment
from emotrace.experiments.train import train
from emotrace.recipes import load_recipe
from emotrace.training.split import Experiment


@pytest.fixture
def relabelled(corpus_root: Path) -> Callable[..., OpenCorpus]:
    """The small corpus with other labels: of all utterances of an emotion, or of named files."""

    def make(**labels: str) -> OpenCorpus:
        rows = (corpus_root / "manifest.csv").read_text().splitlines()
        changed = [rows[0]]
        for row in rows[1:]:
            file, emotion, speaker = row.split(",")
            key = Path(file).with_suffix("").as_posix().replace("/", "_")
            changed.append(f"{file},{labels.get(key, labels.get(emotion, emotion))},{speaker}")
        path = corpus_root / "relabelled.csv"
        path.write_text("\n".join(changed), encoding="utf-8")
        return open_corpus("manifest", path)

    return make


@pytest.mark.parametrize("label", ["an\u00a0ger", "an\x1bger", "an\u200bger"])
def test_a_label_that_is_not_printable_is_refused(relabelled: Callable[..., OpenCorpus], label: str) -> None:
    with pytest.raises(CorpusError, match="correct the label") as error:
        prepare_experiment(relabelled(anger=label), device="cpu")
    assert str(error.value).isprintable()


def test_a_single_emotion_is_refused(relabelled: Callable[..., OpenCorpus]) -> None:
    with pytest.raises(CorpusError, match="only the emotion sadness, expected at least two"):
        prepare_experiment(relabelled(anger="sadness"), device="cpu")


def test_a_label_one_letter_off_another_is_reported(
    relabelled: Callable[..., OpenCorpus], caplog: pytest.LogCaptureFixture
) -> None:
    check_labels(relabelled(ann_1="angr"))
    assert "the emotion angr occurs once, and is one letter off anger" in caplog.text
    caplog.clear()
    check_labels(relabelled(ann_1="fear"))
    assert not caplog.records


@pytest.mark.parametrize("frames", [250, 498])
def test_windows_that_cannot_be_exported_are_refused(corpus_root: Path, tmp_path: Path, frames: int) -> None:
    recipe = tmp_path / "windows.toml"
    recipe.write_text(f"max_frames = {frames}\n")
    with pytest.raises(RecipeError, match=f"found max_frames {frames}, with which the model could not be"):
        prepare_experiment("manifest", corpus_root, recipe=[recipe], device="cpu")


@pytest.mark.parametrize("name", ["default", "paper", "demo", "table"])
def test_windows_of_shipped_recipes_can_be_exported(corpus_root: Path, name: str) -> None:
    assert prepare_experiment("manifest", corpus_root, recipe=[name], device="cpu").recipe == load_recipe(
        [name]
    )


def test_a_class_that_nobody_trains_is_refused(relabelled: Callable[..., OpenCorpus], tmp_path: Path) -> None:
    corpus = relabelled(bea_1="fear", bea_3="fear")  # bea validates
    with pytest.raises(CorpusError, match="no training speaker has the emotion fear, so it could never be"):
        train(corpus, output=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_class_that_some_folds_do_not_train_is_reported(
    relabelled: Callable[..., OpenCorpus], network_alone: Experiment, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    corpus = relabelled(bea_1="fear", bea_3="fear")
    experiment = Experiment(corpus, network_alone.system, network_alone.recipe, "0")
    with pytest.raises(CorpusError, match="no fold 9"):
        run_folds(experiment, output=tmp_path / "run", folds=[9])
    monkeypatch.setattr("emotrace.experiments.cross_validation.run_jobs", lambda *_: None)
    monkeypatch.setattr("emotrace.experiments.cross_validation.report_folds", lambda *_: None)
    with caplog.at_level(logging.WARNING):
        run_folds(experiment, output=tmp_path / "run")
    assert (
        "no training speaker has the emotion fear in fold ann, bea, eve; it is spoken by bea" in caplog.text
    )

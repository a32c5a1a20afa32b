"""Training and cross-validation from Python give what the run folders hold."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emotrace.errors import RecipeError
from emotrace.evaluation.predictions import read_predictions
from emotrace.experiments.cross_validation import cross_validate
from emotrace.experiments.preparation import prepare_experiment
from emotrace.experiments.train import train
from emotrace.inference.recogniser import load
from emotrace.training.progress import Epoch


@pytest.mark.slow
def test_train_writes_a_run_folder_with_a_model_in_it(
    corpus_root: Path, network_alone_toml: Path, tmp_path: Path
) -> None:
    epochs: list[Epoch] = []
    result = train(
        "manifest", corpus_root, output=tmp_path / "run", system="pcn", recipe=[network_alone_toml],
        device="cpu", progress=epochs.append,
    )  # fmt: skip
    assert result.folder == tmp_path / "run"
    assert load(result.model_folder).labels == ("anger", "sadness")
    assert result.metrics.n == len(read_predictions(result.folder / "predictions.csv"))
    assert epochs


def test_cross_validate_pools_the_predictions_of_its_folds(
    corpus_root: Path, network_alone_toml: Path, tmp_path: Path
) -> None:
    result = cross_validate(
        "manifest", corpus_root, output=tmp_path / "run", system="pcn", recipe=[network_alone_toml],
        folds=[0], device="cpu",
    )  # fmt: skip
    assert {prediction.speaker for prediction in result.predictions} == {"ann"}
    assert result.metrics.n == len(result.predictions) == 4
    assert result.protocol == "manifest-2-loso5"


def test_each_corpus_of_a_collection_is_tested_by_models_of_the_others(
    make_corpus: Callable[..., Path], network_alone_toml: Path, tmp_path: Path
) -> None:
    for name in ("home", "office"):
        make_corpus(tmp_path / name)
    members = '[corpora.{0}]\ncorpus = "manifest"\nroot = "{0}"\n'
    (tmp_path / "collection.toml").write_text(members.format("home") + members.format("office"))
    result = cross_validate(
        "collection", tmp_path, output=tmp_path / "run", system="pcn", recipe=[network_alone_toml],
        device="cpu", workers=1, protocol="leave-one-corpus-out",
    )  # fmt: skip
    assert result.protocol == "collection-2-loco2"
    assert {(p.fold, p.file.split("/")[0], p.speaker.split("/")[0]) for p in result.predictions} == {
        (0, "home", "home"),
        (1, "office", "office"),
    }
    found = json.loads((result.folder / "metrics.json").read_text())["by_corpus"]
    assert {corpus: metrics["n"] for corpus, metrics in found.items()} == {"home": 20, "office": 20}
    mean = (found["home"]["ua"] + found["office"]["ua"]) / 2
    assert f"| mean |  | {mean:.3f} |" in (result.folder / "report.md").read_text()
    shares = {"home": {"utterances": 20, "weight": 1.0}, "office": {"utterances": 20, "weight": 1.0}}
    assert json.loads((result.folder / "recipe.json").read_text())["corpora"] == shares


def test_renamed_and_chosen_emotions_are_part_of_a_run(corpus_root: Path, network_alone_toml: Path) -> None:
    whole = prepare_experiment("manifest", corpus_root, recipe=[network_alone_toml], device="cpu")
    renamed = prepare_experiment(
        "manifest",
        corpus_root,
        recipe=[network_alone_toml],
        device="cpu",
        label_map={"sadness": "calm"},
        emotions=["anger", "calm"],
    )
    assert renamed.corpus.emotions == ("anger", "calm")
    assert "label_map" not in whole.fingerprint()
    assert renamed.fingerprint()["label_map"] == {"sadness": "calm"}
    assert renamed.fingerprint()["emotions"] == ["anger", "calm"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"system": "lstm"}, "unknown system lstm"),
        ({"device": "tpu"}, "device is 'tpu'; expected auto, cpu or cuda"),
        ({"recipe": ["nowhere.toml"]}, "no recipe nowhere.toml"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_corpus_is_read(
    arguments: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message):
        prepare_experiment("emodb", tmp_path / "missing", **arguments)  # type: ignore[arg-type]

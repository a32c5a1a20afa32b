"""Claims about `emotrace evaluate`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Call, assert_refused

from emotrace.evaluation.predictions import read_predictions

JSON_KEYS = ["n", "wa", "ua", "macro_f1", "wa_interval", "ua_interval", "labels", "confusion"]


def test_evaluate_prints_the_json_of_the_contract(
    call: Call, finished_model: Path, corpus_root: Path
) -> None:
    arguments = ("--model", finished_model, "--corpus", "manifest", "--root", corpus_root)
    code, out, err = call("evaluate", *arguments, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert list(found) == JSON_KEYS
    assert found["labels"] == ["anger", "sadness"]
    assert found["n"] == sum(map(sum, found["confusion"])) == 20
    assert [sum(row) for row in found["confusion"]] == [10, 10]
    recalls = [found["confusion"][i][i] / 10 for i in range(2)]
    assert found["ua"] == pytest.approx(sum(recalls) / 2)
    low, high = found["ua_interval"]
    assert 0 <= low <= found["ua"] <= high <= 1
    code, out, err = call("evaluate", *arguments)
    assert f"UA (UAR)       {found['ua']:.3f}" in out
    assert "truth \\ predicted" in out


def test_evaluate_omits_emotions_that_the_model_lacks_and_prints_how_many(
    call: Call, finished_model: Path
) -> None:
    code, out, err = call("evaluate", "--model", finished_model, "--corpus", "synthetic", "--json")
    assert code == 0
    assert json.loads(out)["n"] == 120
    assert err == "emotrace: 120 utterances are left out: the model has no label happiness, neutral\n"


def test_evaluate_restricts_the_model_to_the_emotions_of_the_corpus_and_prints_the_effect(
    call: Call, finished_model: Path, corpus_root: Path
) -> None:
    rows = (corpus_root / "manifest.csv").read_text().splitlines()
    angry = corpus_root / "angry.csv"
    angry.write_text("\n".join(row for row in rows if ",sadness," not in row) + "\n")
    arguments = ("--model", finished_model, "--corpus", "manifest", "--root")
    _, everything, _ = call("evaluate", *arguments, corpus_root, "--json")
    missed = json.loads(everything)["confusion"][0][1]
    code, out, err = call("evaluate", *arguments, angry, "--json")
    found = json.loads(out)
    assert (code, found["labels"], found["confusion"]) == (0, ["anger"], [[10]])
    assert err == (
        "emotrace: the model chose among anger: manifest has no sadness, "
        f"the best label of {missed} of 10 utterances\n"
    )


def test_evaluate_prints_the_accuracy_on_each_corpus_of_a_collection(
    call: Call, finished_model: Path, make_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    members = ""
    for name in ("home", "office"):
        make_corpus(tmp_path / name)
        members += f'[corpora.{name}]\ncorpus = "manifest"\nroot = "{name}"\n'
    (tmp_path / "collection.toml").write_text(members)
    arguments = ("evaluate", "--model", finished_model, "--corpus", "collection", "--root", tmp_path)
    code, out, _ = call(*arguments, "--json")
    found = json.loads(out)
    assert (code, found["n"]) == (0, 40)
    assert {corpus: metrics["n"] for corpus, metrics in found["by_corpus"].items()} == {
        "home": 20,
        "office": 20,
    }
    code, out, _ = call(*arguments)
    assert f"office: UA {found['by_corpus']['office']['ua']:.3f}, WA" in out


def test_evaluate_renames_labels_and_chooses_emotions(
    call: Call, finished_model: Path, corpus_root: Path
) -> None:
    arguments = (
        "evaluate",
        "--model",
        finished_model,
        "--corpus",
        "manifest",
        "--root",
        corpus_root,
        "--json",
    )
    whole = json.loads(call(*arguments).out)
    code, out, _ = call(*arguments, "--map", "sadness=anger,anger=sadness")
    assert code == 0
    assert json.loads(out)["confusion"] == whole["confusion"][::-1]
    code, out, _ = call(*arguments, "--emotions", "sadness")
    assert (code, json.loads(out)["labels"], json.loads(out)["n"]) == (0, ["sadness"], 10)


@pytest.mark.slow
def test_evaluate_on_real_speech(call: Call, finished_model: Path, data: Path) -> None:
    code, out, _ = call(
        "evaluate", "--model", finished_model, "--corpus", "emodb", "--root", data / "emodb", "--json"
    )
    found = json.loads(out)
    assert code == 0
    assert list(found) == JSON_KEYS
    assert [sum(row) for row in found["confusion"]] == [127, 62]


def test_evaluate_names_unreadable_files_and_measures_the_others(
    call: Call, finished_model: Path, make_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_corpus(tmp_path / "corpus")
    (root / "ann" / "1.wav").write_bytes(b"")
    (root / "eve" / "3.wav").write_text("not audio")
    code, out, err = call(
        "evaluate", "--model", finished_model, "--corpus", "manifest", "--root", root, "--json"
    )
    assert code == 1
    assert json.loads(out)["n"] == 18
    lines = err.splitlines()
    assert len(lines) == 2
    assert str(Path("ann") / "1.wav") in lines[0]
    assert str(Path("eve") / "3.wav") in lines[1]


def test_evaluate_refuses_a_corpus_without_common_emotions_and_a_folder_without_a_model(
    call: Call, finished_model: Path, corpus_root: Path
) -> None:
    text = (corpus_root / "manifest.csv").read_text()
    calm = corpus_root / "calm.csv"
    calm.write_text(text.replace(",anger,", ",calm,").replace(",sadness,", ",boredom,"))
    arguments = ("evaluate", "--corpus", "manifest", "--root")
    done = call(*arguments, calm, "--model", finished_model)
    assert_refused(done, "anger, sadness", "boredom, calm", "none in common")
    assert_refused(call(*arguments, corpus_root, "--model", corpus_root), "config.json")


def test_evaluate_writes_predictions_metrics_and_pictures(
    call: Call, finished_model: Path, corpus_root: Path, tmp_path: Path
) -> None:
    arguments = ("--model", finished_model, "--corpus", "manifest", "--root", corpus_root)
    code, out, err = call("evaluate", *arguments, "--output", tmp_path / "check")
    assert (code, err) == (0, f"emotrace: wrote {tmp_path / 'check'}\n")
    assert sorted(path.name for path in (tmp_path / "check").iterdir()) == [
        "confusion.png", "metrics.json", "predictions.csv", "reliability.png", "risk-coverage.png",
    ]  # fmt: skip
    metrics = json.loads((tmp_path / "check" / "metrics.json").read_text())
    assert list(metrics) == [*JSON_KEYS, "calibration_error"]
    assert f"mean error of the scores (ECE, 3 bins)  {metrics['calibration_error']:.3f}" in out
    assert "abstain below  utterances with a label  wrong labels among them" in out
    predictions = read_predictions(tmp_path / "check" / "predictions.csv")
    assert sum(p.correct for p in predictions) == round(20 * metrics["wa"])

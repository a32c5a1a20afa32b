"""A table cross-validates several systems, trains shared fronts once, and resumes after interruptions.

The replicas of IEMOCAP and FAU-AEC have the names, label files, sessions and schools of the originals.
Reduced are the utterances (four a speaker; seven a class and school), their length (a quarter of a second),
the networks (8 wide) and the epochs (one a stage).
"""

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from corpora import replicas
from safetensors.torch import load_file

from emotrace.cli.app import main
from emotrace.errors import CorpusError, RecipeError, RunError
from emotrace.experiments.cost import stage_seconds
from emotrace.experiments.cross_validation import run_folds
from emotrace.experiments.table import plan as tables
from emotrace.experiments.table.plan import Plan, make_plan, train_table
from emotrace.experiments.table.published import TABLE_5, published
from emotrace.experiments.table.report import table_page, write_table
from emotrace.experiments.table.rows import measure_table
from emotrace.experiments.table.run import PAPER_SYSTEMS, run_table
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch

CHOSEN = ("pcnse-sadrn-ctc", "blstm-ctc", "pcnse-sadrn")
KEPT = ("weights.safetensors", "predictions.csv", "validation.csv", "curves.csv")


@pytest.fixture(scope="module")
def short(network_alone: Experiment) -> Experiment:
    """Two epochs a stage, nothing trained again."""
    stages = {
        name: getattr(network_alone.recipe, name).model_copy(update={"epochs": 2})
        for name in ("stage1", "stage2")
    }
    recipe = network_alone.recipe.model_copy(update={**stages, "refit_on_validation": False})
    return replace(network_alone, recipe=recipe, read={})


@pytest.fixture(scope="module")
def plan(short: Experiment, shared_folder: Callable[..., Path]) -> Plan:
    """Three systems on two folds, trained."""

    def train(folder: Path) -> None:
        epochs: list[Epoch] = []
        plan = make_plan(short, CHOSEN, folder / "out", folds=[0, 1])
        train_table(plan, workers=1, progress=epochs.append)
        (folder / "epochs.json").write_text(json.dumps([asdict(epoch) for epoch in epochs]))

    return make_plan(short, CHOSEN, shared_folder("table", train) / "out", folds=[0, 1])


@pytest.fixture(scope="module")
def reported(plan: Plan) -> list[Epoch]:
    """The progress that was reported during their training."""
    return [Epoch(**epoch) for epoch in json.loads((plan.output.parent / "epochs.json").read_text())]


def outcome(folder: Path) -> dict[str, bytes]:
    """What must not depend on sharing or interruptions."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.name in KEPT
    }


def test_table_5_has_all_systems_of_the_paper() -> None:
    assert set(TABLE_5) == set(PAPER_SYSTEMS) - {"sadrn-ctc"}
    assert max(TABLE_5, key=lambda name: TABLE_5[name][0]) == "pcnse-sadrn-ctc"
    assert max(TABLE_5, key=lambda name: TABLE_5[name][2] or 0) == "blstm-ctc"
    assert published("iemocap-all", "pcnse") is None


def test_a_shared_front_is_trained_once_and_gives_the_results_of_cross_validation(
    plan: Plan, reported: list[Epoch], short: Experiment, tmp_path: Path
) -> None:
    stages = [(epoch.run, epoch.stage) for epoch in reported if epoch.number == 1]
    expected = []
    for fold in ("ann", "bea"):
        run = f"seed 1, fold {fold}, "
        expected += [(f"{run}blstm-ctc", "whole"), (f"{run}pcnse-sadrn", "front-pcnse")]
        expected += [(f"{run}pcnse-sadrn", "back"), (f"{run}pcnse-sadrn-ctc", "back")]
    assert stages == expected
    alone = replace(short, system="pcnse-sadrn-ctc")
    run_folds(alone, output=tmp_path, folds=[0, 1], workers=1)
    assert outcome(tmp_path) == outcome(plan.output / "pcnse-sadrn-ctc")
    (by_table, by_crossval) = (
        json.loads((folder / "metrics.json").read_text())
        for folder in (plan.output / "pcnse-sadrn-ctc", tmp_path)
    )
    for row in (*by_table["folds"], *by_crossval["folds"]):
        del row["seconds"]
    assert by_table == by_crossval
    assert by_table["folds"][0]["stages"].keys() == {"front-pcnse", "back"}


def test_a_row_includes_the_training_time_of_a_shared_front(plan: Plan, reported: list[Epoch]) -> None:
    assert reported
    rows = {row.system: row for row in measure_table(plan, ["tiny"]).rows}
    folders = {name: [plan.folder(name, *job) for job in plan.jobs] for name in CHOSEN}
    front = [stage_seconds(folder)["front-pcnse"] for folder in folders["pcnse-sadrn"]]
    own = [stage_seconds(folder) for folder in folders["pcnse-sadrn-ctc"]]
    assert [seconds.keys() for seconds in own] == [{"back"}, {"back"}]
    total = sum(front) + sum(seconds["back"] for seconds in own)
    assert rows["pcnse-sadrn-ctc"].training_s == pytest.approx(total / 2)
    assert all(0 < row.inference < 10 for row in rows.values())


def test_the_table_has_the_values_of_the_runs(plan: Plan, reported: list[Epoch]) -> None:
    assert reported
    page = write_table(plan.output, measure_table(plan, ["default", "tiny"]))
    assert page == (plan.output / "table.md").read_text(encoding="utf-8")
    assert page.startswith(
        "# manifest-2-loso5: 3 systems\n\nRecipe: default + tiny. Folds: ann, bea; seed 1."
    )
    assert "## Against pcnse-sadrn-ctc" in page
    assert "paper's UA" not in page  # it knows nothing of this corpus
    assert (plan.output / "table.png").read_bytes().startswith(b"\x89PNG")
    with (plan.output / "table.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["system"] for row in rows] == ["blstm-ctc", "pcnse-sadrn", "pcnse-sadrn-ctc"]
    assert "## Each against each" in page
    with (plan.output / "pairs.csv").open(newline="") as stream:
        pairs = list(csv.DictReader(stream))
    assert [(pair["first"], pair["second"]) for pair in pairs] == [
        ("blstm-ctc", "pcnse-sadrn"), ("blstm-ctc", "pcnse-sadrn-ctc"), ("pcnse-sadrn", "pcnse-sadrn-ctc"),
    ]  # fmt: skip
    for pair, row in zip(pairs[1:], rows, strict=False):  # those against the reference, who is second here
        assert float(pair["mcnemar_p"]) == float(row["mcnemar_p"])
        assert (pair["only_first"], pair["only_second"]) == (
            row["mcnemar_only_this"], row["mcnemar_only_reference"],
        )  # fmt: skip
    from_json = json.loads((plan.output / "table.json").read_text())
    assert [pair["first"] for pair in from_json["pairs"]] == [pair["first"] for pair in pairs]
    assert from_json["reference"] == "pcnse-sadrn-ctc"
    for row, same in zip(rows, from_json["rows"], strict=True):
        metrics = json.loads((plan.output / row["system"] / "metrics.json").read_text())
        assert float(row["ua"]) == same["ua"] == metrics["pooled"]["ua"]
        assert [same["wa_low"], same["wa_high"]] == metrics["pooled"]["wa_interval"]
        assert same["ua_sd_over_folds"] == metrics["over_folds"]["ua_sd"]
        assert (row["z"] == "") == (row["system"] == "pcnse-sadrn-ctc")


def test_a_table_without_the_papers_system_is_compared_with_its_best_system(
    plan: Plan, reported: list[Epoch]
) -> None:
    assert reported
    two = replace(plan, systems=("blstm-ctc", "pcnse-sadrn"))
    table = measure_table(two, ["tiny"])
    assert "Each against each" not in table_page(table)  # there is but one pair
    best = max(table.rows, key=lambda row: row.scores.ua)
    assert table.reference == best.system
    assert [row.comparison is None for row in table.rows] == [row is best for row in table.rows]


@pytest.mark.parametrize("after", [1, 4, 6])
def test_an_interrupted_table_resumes_and_gives_the_same_results(
    plan: Plan, reported: list[Epoch], short: Experiment, tmp_path: Path, after: int
) -> None:
    assert reported
    again = make_plan(short, CHOSEN[1:], tmp_path, folds=[0])
    observed: list[Epoch] = []

    def progress(epoch: Epoch) -> None:
        observed.append(epoch)
        if len(observed) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_table(again, workers=1, progress=progress)
    train_table(again, workers=1, progress=observed.append)
    epochs = [(epoch.run, epoch.stage, epoch.number) for epoch in observed if epoch.number]
    assert len(set(epochs)) == len(epochs) == 6  # none was trained twice
    for name in again.systems:
        folder = Path(name) / "seed-1" / "fold-ann"
        assert outcome(tmp_path / folder) == outcome(plan.output / folder)


@pytest.mark.slow
def test_a_killed_table_resumes_from_its_last_epoch(
    plan: Plan, reported: list[Epoch], corpus_root: Path, network_alone_toml: Path, tmp_path: Path
) -> None:
    assert reported
    (tmp_path / "short.toml").write_text(
        "refit_on_validation = false\n[stage1]\nepochs = 2\n[stage2]\nepochs = 2\n"
    )
    command = [
        "table", "--corpus", "manifest", "--root", corpus_root, "--recipe", network_alone_toml,
        "--recipe", tmp_path / "short.toml", "--systems", "pcnse-sadrn", "--folds", "0", "--device", "cpu",
        "--output", tmp_path / "out",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "emotrace", *map(str, command)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "back: epoch 1 of" in line:
            process.kill()
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(SystemExit) as end:
        main([str(part) for part in command])
    assert end.value.code == 0
    folder = Path("pcnse-sadrn") / "seed-1" / "fold-ann"
    assert outcome(tmp_path / "out" / folder) == outcome(plan.output / folder)
    assert not list((tmp_path / "out").rglob(".unfinished-*"))


def test_a_plan_that_cannot_be_run_is_refused_before_anything_is_written(
    short: Experiment, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match="no fold 5; manifest-2-loso5 has 0 to 4"):
        make_plan(short, CHOSEN, tmp_path / "out", folds=[0, 5])
    with pytest.raises(RecipeError, match="unknown system lstm"):
        make_plan(short, ["pcn", "lstm"], tmp_path / "out")
    with pytest.raises(RecipeError, match="system pcn is listed twice"):
        make_plan(short, ["pcn", "pcn"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("systems", "words"),
    [
        ("pcn,pcn-sablstm", "back.width 9 is odd; pcn-sablstm needs"),  # the first would fit
        ("pcn,lstm", "unknown system lstm; known: pcn, "),
        ("pcn,pcn", "system pcn is listed twice"),
        ("", "found an empty argument"),
    ],
)
def test_the_error_for_a_wrong_call_is_one_line(
    corpus_root: Path, network_alone_toml: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    systems: str, words: str,
) -> None:  # fmt: skip
    (tmp_path / "odd.toml").write_text("[back]\nwidth = 9\n")
    command = [
        "table", "--corpus", "manifest", "--root", corpus_root, "--recipe", network_alone_toml,
        "--recipe", tmp_path / "odd.toml", "--systems", systems, "--output", tmp_path / "out",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main([str(part) for part in command])
    out, err = capfd.readouterr()
    assert (end.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert words in err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(
    plan: Plan, reported: list[Epoch], short: Experiment, tmp_path: Path
) -> None:
    assert reported
    (tmp_path / "letter.txt").write_text("Dear reader")
    with pytest.raises(RunError, match=r"holds other files, but no recipe\.json"):
        train_table(make_plan(short, CHOSEN, tmp_path), workers=1)
    other = replace(short, recipe=short.recipe.model_copy(update={"stage2_views": 3}))
    with pytest.raises(RunError, match=r"another recipe\.stage2_views"):
        train_table(make_plan(other, CHOSEN, plan.output), workers=1)
    with pytest.raises(RunError, match="another system"):
        train_table(make_plan(short, CHOSEN, plan.output / "pcnse-sadrn"), workers=1)


TINIEST = """
functionals_l2 = 0
refit_on_validation = false
stage2_views = 1
[features]
n_mels = 18
[front]
width = 8
[back]
width = 8
stacks = 1
dilations = [1]
[stage1]
epochs = 1
[stage2]
epochs = 1
"""


@pytest.mark.parametrize(
    ("name", "make", "folds", "utterances", "paper"),
    [
        pytest.param(
            "iemocap", lambda root: replicas.iemocap(root, replicas.iemocap_few()), 10, 40,
            {"pcnse-sadrn-ctc": (0.663, 0.731), "pcnse-sadrn": (0.65, 0.725)},
            marks=pytest.mark.slow,  # ten folds
        ),
        (
            "fau-aibo",
            lambda root: replicas.fau_aibo(
                root, replicas.fau_aibo_few(), {"Ohm": list(range(1, 8)), "Mont": [1, 2, 3]}
            ),
            1, 35, {"pcnse-sadrn-ctc": (0.411, None), "pcnse-sadrn": (0.404, None)},
        ),
    ],
    ids=["iemocap", "fau-aibo"],
)  # fmt: skip
def test_the_protocols_of_the_papers_corpora_run_completely(
    name: str, make: Callable[[Path], Path], folds: int, utterances: int,
    paper: dict[str, tuple[float, float | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(tables, "available_processors", lambda: 1)
    (tmp_path / "tiniest.toml").write_text(TINIEST)
    command = [
        "table", "--corpus", name, "--root", make(tmp_path / "corpus"), "--recipe", tmp_path / "tiniest.toml",
        "--systems", "pcnse-sadrn-ctc,pcnse-sadrn", "--device", "cpu", "--output", tmp_path / "out",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main([str(part) for part in command])
    assert end.value.code == 0
    assert capfd.readouterr().out == (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    reported = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (len(reported["folds"]), reported["utterances"]) == (folds, utterances)
    assert {row["system"]: (row["ua_paper"], row["wa_paper"]) for row in reported["rows"]} == paper
    assert "paper's UA" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")


def test_the_papers_recipe_has_second_rows_with_the_rate_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "available_processors", lambda: 1)
    (tmp_path / "tiniest.toml").write_text(TINIEST)
    children = {"Ohm": list(range(1, 8)), "Mont": [1, 2, 3]}
    root = replicas.fau_aibo(tmp_path / "corpus", replicas.fau_aibo_few(), children)
    out = tmp_path / "out"
    page = run_table(
        "fau-aibo", root, output=out, systems=["pcnse", "pcnse-sadrn-ctc"], device="cpu",
        recipe=["paper", tmp_path / "tiniest.toml"],
    )  # fmt: skip
    applied = ["default", "paper", "paper.fau-aibo", "tiniest"]
    first, second = (
        json.loads((folder / "table.json").read_text()) for folder in (out, out / "stage2-rate-1")
    )
    assert first["recipes"] == applied
    assert second["recipes"] == [*applied, "stage2-rate-1"]
    assert [row["system"] for row in second["rows"]] == ["pcnse-sadrn-ctc"]
    assert page.count("Recipe: default + paper + paper.fau-aibo + tiniest") == 2
    recipes = [
        json.loads((folder / "pcnse-sadrn-ctc" / "recipe.json").read_text())["recipe"]
        for folder in (out, out / "stage2-rate-1")
    ]
    assert [recipe["stage2"]["learning_rate"] for recipe in recipes] == [4e-3, 1.0]
    assert [recipe["stage1"]["class_weights"] for recipe in recipes] == ["fau-aec", "fau-aec"]
    (fold,) = (out / "pcnse-sadrn-ctc" / "seed-1").iterdir()
    weights = [
        load_file(folder / "pcnse-sadrn-ctc" / "seed-1" / fold.name / "weights.safetensors")
        for folder in (out, out / "stage2-rate-1")
    ]
    assert all(torch.equal(*(w[key] for w in weights)) for key in weights[0] if key.startswith("front."))
    assert not all(torch.equal(*(w[key] for w in weights)) for key in weights[0] if key.startswith("back."))

"""corpus, train, crossval, evaluate, export and demo as users call them."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emotrace.cli.app import main
from emotrace.inference.recogniser import load

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the command line; its exit code, and all that the process wrote to either stream."""

    def run(*tokens: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(token) for token in tokens])
        out, err = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return run


@pytest.fixture
def base(corpus_root: Path, network_alone_toml: Path) -> dict[str, object]:
    """The options that every training has."""
    return {"--corpus": "manifest", "--root": corpus_root, "--recipe": network_alone_toml, "--device": "cpu"}


def options(base: dict[str, object], **changes: object) -> list[object]:
    """The tokens of the options, some of them changed."""
    changed = {**base, **{f"--{name}": value for name, value in changes.items()}}
    return [token for option in changed.items() for token in option]


def assert_refused(answer: tuple[int, str, str], *words: str) -> None:
    """Exit code 2, nothing on stdout, and one line on stderr that holds the words."""
    code, out, err = answer
    assert (code, out) == (2, ""), err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("emotrace: ")
    for word in words:
        assert word in err


@pytest.mark.parametrize("verb", ["train", "crossval"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--system", "lstm"), ("unknown system lstm", "pcnse-sadrn-ctc")),
        (("--recipe", "front.toml"), ("front.widht", "width")),
        (("--recipe", "range.toml"), ("stage1.epochs",)),
        (("--recipe", "heads.toml"), ("back.heads 3 does not divide back.width 8",)),
        (("--recipe", "nowhere.toml"), ("no recipe nowhere.toml", "paper")),
        (("--root", "nowhere"), ("nowhere does not exist",)),
        (("--corpus", "emodb"), ("--root",)),
        (("--corpus", "emo-db"), ("emo-db", "emodb")),
        (("--device", "tpu"), ("tpu",)),
        (("--colour", "red"), ("--colour",)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_wrong_call_is_one_line_and_leaves_no_folder(
    call: Call, base: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    verb: str, given: tuple[str, str], words: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("front.toml").write_text("[front]\nwidht = 8\n")
    Path("range.toml").write_text("[stage1]\nepochs = 0\n")
    Path("heads.toml").write_text("[back]\nheads = 3\n")
    name, value = given
    known = base if name == "--recipe" else {**base, name: value}  # recipes lie over one another
    more = given if name == "--recipe" else ()
    assert_refused(call(verb, "--output", tmp_path / "run", *options(known), *more), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("folds", ["", "a", "0,0", "-1", "0;1", "1.5", "9"])
def test_folds_that_are_none_are_refused(
    call: Call, base: dict[str, object], tmp_path: Path, folds: str
) -> None:
    answer = call("crossval", *options(base), "--output", tmp_path / "run", f"--folds={folds}")
    assert_refused(answer, "no fold 9" if folds == "9" else f"--folds is {folds!r}")


def test_a_corpus_with_too_few_speakers_is_refused_before_a_folder_is_claimed(
    call: Call, corpus_root: Path, base: dict[str, object], tmp_path: Path
) -> None:
    rows = (corpus_root / "manifest.csv").read_text().splitlines()
    few = corpus_root / "few.csv"
    few.write_text("\n".join([rows[0], *(row for row in rows if row.endswith((",ann", ",bea")))]))
    for verb in ("train", "crossval"):
        answer = call(verb, *options(base, root=few), "--output", tmp_path / "run")
        assert_refused(answer, "speaker")
    assert not (tmp_path / "run").exists()


def test_a_file_that_cannot_be_read_is_named(
    call: Call, make_corpus: Callable[..., Path], base: dict[str, object], tmp_path: Path
) -> None:
    root = make_corpus(tmp_path / "corpus")
    (root / "cem" / "2.wav").write_text("not audio")
    answer = call("train", *options(base, root=root), "--output", tmp_path / "run")
    assert_refused(answer, "2.wav")


def test_a_place_that_cannot_be_written_is_one_line(
    call: Call, base: dict[str, object], finished_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert_refused(call("train", *options(base), "--output", tmp_path / "file"), "file", "Not a directory")
    assert_refused(
        call("train", *options(base), "--output", tmp_path / "file" / "run"), "run", "Not a directory"
    )
    assert_refused(call("export", finished_run, "--output", tmp_path / "file"), "file", "Not a directory")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_what_was_whole_stays_whole(
    base: dict[str, object], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "emotrace", "train", *map(str, options(base, output=tmp_path / "run"))],
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("emotrace: ")
    assert line.endswith("best.safetensors: File too large")
    assert {path.name for path in (tmp_path / "run").rglob("*") if path.is_file()} == {
        "recipe.json", "curve.csv",
    }  # fmt: skip


@pytest.mark.slow
def test_export_writes_the_model_of_a_fold_and_of_nothing_else(
    call: Call, base: dict[str, object], tmp_path: Path
) -> None:
    system = ("--system", "pcn")
    code, out, err = call("crossval", *options(base), *system, "--folds", "2", "--output", tmp_path / "run")
    assert code == 0
    assert out.startswith("manifest-2-loso5, pcn\n")
    assert all(line.startswith("seed 1, fold cem") for line in err.splitlines())
    fold = tmp_path / "run" / "seed-1" / "fold-cem"
    code, out, err = call("export", fold, "--output", tmp_path / "new" / "model")
    assert (code, out, err) == (0, f"{tmp_path / 'new' / 'model'}\n", "")
    config = load(tmp_path / "new" / "model").config
    assert config.output == "log_scores"
    assert "test speakers cem" in config.protocol
    assert set(config.figures) == {"test WA", "test UA"}
    assert_refused(call("export", tmp_path / "run", "--output", tmp_path / "b"), "has no run.json")
    assert_refused(call("export", tmp_path / "none", "--output", tmp_path / "b"), "has no run.json")
    assert_refused(call("export", fold, "--output", fold), "holds other files")


JSON_KEYS = ["n", "wa", "ua", "macro_f1", "wa_interval", "ua_interval", "labels", "confusion"]


def test_evaluate_prints_the_json_of_the_contract(
    call: Call, finished_model: Path, corpus_root: Path
) -> None:
    asked = ("--model", finished_model, "--corpus", "manifest", "--root", corpus_root)
    code, out, err = call("evaluate", *asked, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert list(told) == JSON_KEYS
    assert told["labels"] == ["anger", "sadness"]
    assert told["n"] == sum(map(sum, told["confusion"])) == 20
    assert [sum(row) for row in told["confusion"]] == [10, 10]
    right = [told["confusion"][i][i] / 10 for i in range(2)]
    assert told["ua"] == pytest.approx(sum(right) / 2)
    low, high = told["ua_interval"]
    assert 0 <= low <= told["ua"] <= high <= 1
    code, out, err = call("evaluate", *asked)
    assert f"UA (UAR)       {told['ua']:.3f}" in out
    assert "truth \\ predicted" in out


def test_evaluate_leaves_out_emotions_the_model_does_not_know_and_says_so(
    call: Call, finished_model: Path
) -> None:
    code, out, err = call("evaluate", "--model", finished_model, "--corpus", "synthetic", "--json")
    assert code == 0
    assert json.loads(out)["n"] == 96
    assert err == "emotrace: 96 utterances are left out: the model has no label happiness, neutral\n"


def test_evaluate_lets_a_model_choose_among_the_emotions_of_the_corpus_and_says_so(
    call: Call, finished_model: Path, corpus_root: Path
) -> None:
    rows = (corpus_root / "manifest.csv").read_text().splitlines()
    angry = corpus_root / "angry.csv"
    angry.write_text("\n".join(row for row in rows if ",sadness," not in row) + "\n")
    asked = ("--model", finished_model, "--corpus", "manifest", "--root")
    _, everything, _ = call("evaluate", *asked, corpus_root, "--json")
    missed = json.loads(everything)["confusion"][0][1]
    code, out, err = call("evaluate", *asked, angry, "--json")
    told = json.loads(out)
    assert (code, told["labels"], told["confusion"]) == (0, ["anger"], [[10]])
    assert err == (
        "emotrace: the model chose among anger: manifest has no sadness, "
        f"the best label of {missed} of 10 utterances\n"
    )


@pytest.mark.slow
def test_evaluate_on_real_speech(call: Call, finished_model: Path, data: Path) -> None:
    code, out, _ = call(
        "evaluate", "--model", finished_model, "--corpus", "emodb", "--root", data / "emodb", "--json"
    )
    told = json.loads(out)
    assert code == 0
    assert list(told) == JSON_KEYS
    assert [sum(row) for row in told["confusion"]] == [127, 62]


def test_evaluate_names_what_cannot_be_read_and_does_the_rest(
    call: Call, finished_model: Path, make_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_corpus(tmp_path / "corpus")
    (root / "ann" / "1.wav").write_bytes(b"")
    (root / "eve" / "3.wav").write_text("Dear reader")
    code, out, err = call(
        "evaluate", "--model", finished_model, "--corpus", "manifest", "--root", root, "--json"
    )
    assert code == 1
    assert json.loads(out)["n"] == 18
    lines = err.splitlines()
    assert len(lines) == 2
    assert str(Path("ann") / "1.wav") in lines[0]
    assert str(Path("eve") / "3.wav") in lines[1]


def test_evaluate_refuses_a_corpus_without_a_known_emotion_and_a_folder_without_a_model(
    call: Call, finished_model: Path, corpus_root: Path
) -> None:
    text = (corpus_root / "manifest.csv").read_text()
    calm = corpus_root / "calm.csv"
    calm.write_text(text.replace(",anger,", ",calm,").replace(",sadness,", ",boredom,"))
    asked = ("evaluate", "--corpus", "manifest", "--root")
    answer = call(*asked, calm, "--model", finished_model)
    assert_refused(answer, "anger, sadness", "boredom, calm", "none in common")
    assert_refused(call(*asked, corpus_root, "--model", corpus_root), "config.json")


def test_corpus_answers_in_json(call: Call, corpus_root: Path) -> None:
    code, out, err = call("corpus", "manifest", "--root", corpus_root, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["utterances"], told["by_emotion"]) == (20, {"anger": 10, "sadness": 10})

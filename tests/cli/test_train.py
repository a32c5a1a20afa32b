"""Claims about `emotrace train` and `emotrace crossval`."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Call, assert_refused, options


@pytest.mark.parametrize("verb", ["train", "crossval"])
@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--system", "lstm"), ("unknown system lstm", "pcnse-sadrn-ctc")),
        (("--recipe", "front.toml"), ("front.widht", "width")),
        (("--recipe", "range.toml"), ("stage1.epochs",)),
        (("--recipe", "heads.toml"), ("back.heads 3 does not divide back.width 8",)),
        (("--recipe", "missing.toml"), ("no recipe missing.toml", "paper")),
        (("--root", "missing"), ("missing does not exist",)),
        (("--corpus", "emodb"), ("--root",)),
        (("--corpus", "emo-db"), ("emo-db", "emodb")),
        (("--device", "tpu"), ("tpu",)),
        (("--colour", "red"), ("--colour",)),
    ],
    ids=lambda value: "-".join(value),
)
def test_a_wrong_call_gives_one_line_and_creates_no_folder(
    call: Call, base: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    verb: str, option: tuple[str, str], words: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("front.toml").write_text("[front]\nwidht = 8\n")
    Path("range.toml").write_text("[stage1]\nepochs = 0\n")
    Path("heads.toml").write_text("[back]\nheads = 3\n")
    name, value = option
    replaced = base if name == "--recipe" else {**base, name: value}
    added = option if name == "--recipe" else ()  # --recipe may be given several times
    assert_refused(call(verb, "--output", tmp_path / "run", *options(replaced), *added), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("folds", ["", "a", "0,0", "-1", "0;1", "1.5", "9"])
def test_invalid_folds_are_refused(call: Call, base: dict[str, object], tmp_path: Path, folds: str) -> None:
    done = call("crossval", *options(base), "--output", tmp_path / "run", f"--folds={folds}")
    assert_refused(done, {"9": "no fold 9", "": "empty argument"}.get(folds, f"--folds is {folds!r}"))


def test_a_corpus_with_too_few_speakers_is_refused_before_a_folder_is_created(
    call: Call, corpus_root: Path, base: dict[str, object], tmp_path: Path
) -> None:
    rows = (corpus_root / "manifest.csv").read_text().splitlines()
    few = corpus_root / "few.csv"
    few.write_text("\n".join([rows[0], *(row for row in rows if row.endswith((",ann", ",bea")))]))
    for verb in ("train", "crossval"):
        done = call(verb, *options(base, root=few), "--output", tmp_path / "run")
        assert_refused(done, "speaker")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_unreadable_audio_file_is_named(
    call: Call, make_corpus: Callable[..., Path], base: dict[str, object], tmp_path: Path
) -> None:
    root = make_corpus(tmp_path / "corpus")
    (root / "cem" / "2.wav").write_text("not audio")
    done = call("train", *options(base, root=root), "--output", tmp_path / "run")
    assert_refused(done, "2.wav")
    manifest = root / "manifest.csv"
    rows = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(row for row in rows if not row.startswith("cem/2.wav")))
    assert call("train", *options(base, root=root), "--output", tmp_path / "run").code == 0


def test_an_output_folder_that_cannot_be_written_gives_one_line(
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
def test_a_full_disk_gives_one_line_and_leaves_only_complete_files(
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

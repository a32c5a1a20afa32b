"""The commands and Python examples of the documentation are valid, and those that need no corpus run."""

import io
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from documents.pages import PAGES, ROOT, Block, blocks, commands, page_id

from emotrace.cli.app import app
from emotrace.corpora.loaders.synthetic import SAMPLE_RATE_HZ, multi_emotion_clip, utterance
from emotrace.recipes import load_recipe

pytest.importorskip("torch")

SHELL = [
    pytest.param(words, id=f"{page_id(page)}: {' '.join(words)}")
    for page in PAGES
    if not page.name.startswith("add-a")  # test_extension_pages.py runs these
    for block in blocks(page)
    if block.language == "sh"
    for words in commands(block)
]
OTHER_PROGRAMS = {"arecord", "curl", "ffmpeg", "pipx", "sbatch", "uv"}
TRAINING = {"train", "crossval", "table"}


@pytest.mark.parametrize("words", SHELL)
def test_every_command_is_valid(words: list[str]) -> None:
    program, *tokens = words
    if program == "emotrace":
        app.parse_args(tokens, print_error=False, exit_on_error=False)
    elif program == "torchrun":
        app.parse_args(tokens[tokens.index("emotrace") + 1 :], print_error=False, exit_on_error=False)
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{tokens[0]}:", makefile, re.MULTILINE)
    elif program == "python":
        assert (ROOT / tokens[0]).is_file()
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        assert tokens[:2] in (["install", "."], ["install", "torch"]) or {
            *tokens[1].strip(".[]").split(",")
        } <= {*extras}
    else:
        assert program in OTHER_PROGRAMS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a reader, with the recordings that the pages mention."""
    monkeypatch.chdir(tmp_path)
    clip = multi_emotion_clip()
    soundfile.write("interview.wav", clip.samples, clip.sample_rate_hz)
    Path("interview.srt").write_text("1\n00:00:00,500 --> 00:00:02,000\nGood morning.\n")
    turns = "".join(f"SPEAKER call-{number} 1 0.2 0.9 <NA> <NA> anna <NA> <NA>\n" for number in range(1, 8))
    Path("turns.rttm").write_text(turns)
    for number in range(1, 8):
        for day in ("calls", "recordings", "monday" if number < 4 else "tuesday"):
            Path(day).mkdir(exist_ok=True)
            parts = [utterance(1, number, emotion, number) for emotion in ("anger", "neutral")]
            sound = np.concatenate(parts)[: 4 * SAMPLE_RATE_HZ] if number == 1 else parts[1 - number % 2]
            soundfile.write(f"{day}/call-{number}.wav", sound, SAMPLE_RATE_HZ)
    for emotion in ("anger", "neutral"):
        Path("sorted", emotion).mkdir(parents=True)
        soundfile.write(Path("sorted", emotion, "anna_1.wav"), utterance(1, 1, emotion, 1), SAMPLE_RATE_HZ)
    return tmp_path


@pytest.fixture
def run_page(folder: Path, network_alone_toml: Path) -> Callable[..., None]:
    """Run the examples of a page in order: `run_page("docs/tutorial.md")`, trainings with a tiny recipe."""

    def run(page: str, tiny: bool = True, **names: Any) -> None:
        for block in blocks(ROOT / page):
            if block.title:
                write_file(folder, block, network_alone_toml if tiny else None)
            elif block.language == "python":
                with redirect_stdout(io.StringIO()):
                    exec(compile(block.text, page, "exec"), names)  # noqa: S102
            elif block.language == "sh" and "| emotrace" not in block.text:
                for words in commands(block):
                    run_command(words, network_alone_toml if tiny else None)

    return run


def write_file(folder: Path, block: Block, tiny: Path | None) -> None:
    """Write the file that a block shows; a valid recipe is replaced by the tiny one."""
    path = folder / block.title
    path.write_text(block.text, encoding="utf-8")
    if path.suffix == ".toml":
        load_recipe([path])
        if tiny is not None:
            shutil.copyfile(tiny, path)


def run_command(words: list[str], tiny: Path | None) -> None:
    """Run a command of emotrace, unless it needs a corpus that is not in the working directory."""
    program, *tokens = words
    if program != "emotrace" or (
        "--root" in tokens and not Path(tokens[tokens.index("--root") + 1]).exists()
    ):
        return
    if tokens[0] == "serve":  # it runs until it is stopped; tests/serving calls it
        app.parse_args(tokens, exit_on_error=False, print_error=False)
        return
    if tokens[0] in TRAINING and tiny is not None:
        tokens += ["--recipe", str(tiny)]
        if tokens[0] == "crossval":  # one fold is enough
            tokens = [*(word for word in tokens if word not in ("--folds", "0,1")), "--folds", "0"]
    assert app(tokens, exit_on_error=False, print_error=False) == 0, words


@pytest.mark.parametrize(
    "page", ["README.md", "docs/how-to/predict-and-trace.md", "docs/how-to/check-on-my-recordings.md"]
)
def test_recognition_examples_run(page: str, run_page: Callable[..., None]) -> None:
    run_page(page)


def test_streaming_examples_run(run_page: Callable[..., None]) -> None:
    clip = multi_emotion_clip()
    chunks: Iterator[Any] = iter(np.array_split(clip.samples, 20))
    more: Iterator[Any] = iter(np.array_split(clip.samples, 20))
    names: dict[str, Any] = {"chunks": chunks, "more_chunks": more}
    run_page("docs/how-to/streaming.md", **names)
    assert next(chunks, None) is None
    assert next(more, None) is None


def test_python_reference_example_runs(run_page: Callable[..., None]) -> None:
    run_page("docs/reference/python.md")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_own_corpus_and_export_examples_run(run_page: Callable[..., None]) -> None:
    run_page("docs/how-to/own-corpus.md")
    run_page("docs/how-to/export-and-publish.md")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_tutorial_runs_with_a_tiny_recipe(run_page: Callable[..., None]) -> None:
    run_page("docs/tutorial.md")

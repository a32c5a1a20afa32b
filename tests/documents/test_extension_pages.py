"""A corpus, a format, an architecture and a head can be added by doing exactly what their pages show."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from documents.pages import ROOT, Block, blocks, commands

from emotrace.corpora.loaders.synthetic import SAMPLE_RATE_HZ, multi_emotion_clip, utterance

pytest.importorskip("torch")

HOW_TO = ROOT / "docs" / "how-to"


@pytest.fixture
def extend(tmp_path: Path) -> Callable[[str], None]:
    """Apply the changes of a page to a copy of the sources: `extend("add-a-corpus.md")`."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    clip = multi_emotion_clip()
    soundfile.write(tmp_path / "interview.wav", clip.samples, clip.sample_rate_hz)

    def apply(page: str) -> None:
        for block in blocks(HOW_TO / page):
            if block.language == "diff":
                apply_diff(tmp_path / block.title, block)
            elif block.title:
                assert not (tmp_path / block.title).exists()
                (tmp_path / block.title).write_text(block.text, encoding="utf-8")

    return apply


def apply_diff(path: Path, block: Block) -> None:
    """Insert each added line after the unchanged line before it, which must be unique in the file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    position = 0
    for line in block.text.splitlines():
        if line.startswith("+"):
            lines.insert(position, line[1:])
        else:
            assert lines.count(line[1:]) == 1, line
            position = lines.index(line[1:])
        position += 1
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_python(folder: Path, *arguments: str) -> str:
    """Run Python with the copied sources and return its output."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_examples(folder: Path, page: str) -> list[str]:
    """Run the examples of a page that need no training, and return what they print."""
    outputs = []
    for block in blocks(HOW_TO / page):
        if block.language == "python" and not block.title:
            outputs.append(run_python(folder, "-c", block.text))
        elif block.language == "sh":
            outputs += [
                run_python(folder, "-m", *words)
                for words in commands(block)
                if words[:2] != ["emotrace", "train"]
            ]
    return outputs


def added_lines(page: str) -> list[str]:
    """The lines that a page adds to existing files, without imports."""
    texts = [block.text for block in blocks(HOW_TO / page) if block.language == "diff"]
    lines = [line[1:] for text in texts for line in text.splitlines() if line.startswith("+")]
    return [line for line in lines if not line.startswith("from ")]


def new_files(page: str) -> int:
    """How many new files a page shows."""
    return sum(bool(block.title) and block.language == "python" for block in blocks(HOW_TO / page))


def test_a_corpus_is_one_file_and_one_entry(extend: Callable[[str], None], tmp_path: Path) -> None:
    (tmp_path / "studio").mkdir()
    for number, speaker in enumerate(("f01", "f02", "m01", "m02")):
        for code, emotion in (("ang", "anger"), ("sad", "sadness")):
            samples = utterance(1, number, emotion, 0)
            soundfile.write(tmp_path / "studio" / f"{speaker}_{code}_1.wav", samples, SAMPLE_RATE_HZ)
    assert new_files("add-a-corpus.md") == len(added_lines("add-a-corpus.md")) == 1
    extend("add-a-corpus.md")
    (counts,) = run_examples(tmp_path, "add-a-corpus.md")
    assert "studio: 8 utterances, 4 speakers" in counts


def test_a_format_is_one_file_and_one_line(extend: Callable[[str], None], tmp_path: Path) -> None:
    assert new_files("add-a-format.md") == len(added_lines("add-a-format.md")) == 1
    extend("add-a-format.md")
    (lyrics,) = run_examples(tmp_path, "add-a-format.md")
    assert lyrics.startswith("[00:0")
    assert "lrc" in run_python(tmp_path, "-m", "emotrace", "trace", "--help")


def test_an_architecture_is_one_row(extend: Callable[[str], None], tmp_path: Path) -> None:
    assert new_files("add-an-architecture.md") == 1  # the layers of the second example
    assert len(added_lines("add-an-architecture.md")) == 3  # two rows, and the entry of these layers
    extend("add-an-architecture.md")
    run_examples(tmp_path, "add-an-architecture.md")


def test_a_head_is_one_file_and_one_entry(extend: Callable[[str], None], tmp_path: Path) -> None:
    assert new_files("add-a-head.md") == 1
    assert len(added_lines("add-a-head.md")) == 2  # its entry, and the row of a system that uses it
    extend("add-a-head.md")
    run_examples(tmp_path, "add-a-head.md")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "system"),
    [
        ("add-an-architecture.md", "pcnse-drn-ctc"),
        ("add-an-architecture.md", "pcnse-tc-ctc"),
        ("add-a-head.md", "pcnse-weighted"),
    ],
)
def test_a_new_system_can_be_trained_exported_and_used(
    page: str,
    system: str,
    extend: Callable[[str], None],
    tmp_path: Path,
    corpus_root: Path,
    network_alone_toml: Path,
) -> None:
    extend(page)
    training = ["train", "--corpus", "manifest", "--root", str(corpus_root), "--system", system]
    recipe = ["--recipe", str(network_alone_toml)]
    run_python(tmp_path, "-m", "emotrace", *training, *recipe, "--output", "run")
    assert "anger" in run_python(
        tmp_path, "-m", "emotrace", "predict", "interview.wav", "--model", "run/model"
    )

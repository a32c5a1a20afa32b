"""Claims about the table of formats."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotrace.annotations.registry import FORMATS, import_function

FIELDS = ("segments", "timeline", "timelines", "predictions", "live", "requirement")
SENTENCES = """
def format_timeline(result):
    return " ".join(f"{span.emotion} until {span.end:.1f} s." for span in result.timeline)
"""
PROGRAM = """
import sys
import emotrace.annotations.formats
emotrace.annotations.formats.__path__.append(sys.argv[1])
from emotrace.annotations import registry
registry.FORMATS += (registry.Format("sentences", ".txt", timeline="sentences:format_timeline"),)
from emotrace.cli.app import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_every_function_of_the_table_exists(entry) -> None:
    references = [getattr(entry, field) for field in FIELDS]
    assert all(callable(import_function(reference)) for reference in references if reference)
    assert entry.segments or entry.timeline or entry.predictions
    assert entry.suffix.startswith(".")


def test_names_are_unique_and_so_are_suffixes_of_segment_files() -> None:
    names = [entry.name for entry in FORMATS]
    suffixes = [entry.suffix.lower() for entry in FORMATS if entry.segments]
    assert len(set(names)) == len(names)
    assert len(set(suffixes)) == len(suffixes)


def test_a_new_format_is_one_module_and_one_line(tiny_model: Path, tmp_path: Path, speech_like) -> None:
    (tmp_path / "sentences.py").write_text(SENTENCES)
    soundfile.write(tmp_path / "a.wav", speech_like(0.5).astype(np.float32), 16_000)
    call = ("trace", tmp_path / "a.wav", "--model", tiny_model, "--format", "sentences")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), *map(str, call)],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "anger until 0.5 s."), done.stderr

"""Fixtures for commands."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import Call, run_command


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """A function that runs a command and returns its exit code, standard output and standard error."""
    return partial(run_command, capfd)


@pytest.fixture
def recordings(tmp_path: Path, speech_like: Callable[..., np.ndarray]) -> Path:
    """A folder with b.wav (loud), sub/a.flac (soft) and a text file."""
    folder = tmp_path / "recordings"
    (folder / "sub").mkdir(parents=True)
    soundfile.write(folder / "b.wav", speech_like(1.5, 0.3), 16_000)
    soundfile.write(folder / "sub" / "a.flac", speech_like(1.2, 0.05), 16_000)
    (folder / "notes.txt").write_text("not audio")
    return folder


@pytest.fixture
def base(corpus_root: Path, network_alone_toml: Path) -> dict[str, object]:
    """Options of a training."""
    return {"--corpus": "manifest", "--root": corpus_root, "--recipe": network_alone_toml, "--device": "cpu"}

"""Fixtures that all tests share: folders made once for all workers, real speech, and tiny models."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from tiny_model import write_tiny_model

pytest_plugins = ["training_fixtures"]

# Processes that a shell starts in the background ignore SIGINT, and so do their children: tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

SharedFolder = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> SharedFolder:
    """Make a folder once for all pytest-xdist workers: `shared_folder("finished-run", write)`.

    The first test that needs the folder calls `write(folder)`; tests on other workers wait for it.
    Tests only read it.
    """
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def make(name: str, write: Callable[[Path], object]) -> Path:
        folder, complete = root / "shared" / name, root / "shared" / f"{name}.complete"
        folder.parent.mkdir(exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not complete.exists():
                folder.mkdir()
                write(folder)
                complete.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the corpora: $EMOTRACE_DATA, or ../shared/data beside the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EMOTRACE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"NO REAL SPEECH: neither $EMOTRACE_DATA nor ../shared/data is a folder ({folder})")
    return folder


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """Write a tiny model: `make_model(folder, output="log_posteriors", metadata={}, **config)`."""
    return write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose output is posteriors of frames."""
    return make_model(tmp_path_factory.mktemp("posteriors") / "model")


@pytest.fixture(scope="session")
def tiny_classifier(make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose output is scores of clips."""
    return make_model(tmp_path_factory.mktemp("scores") / "model", output="log_scores", system="pcn")


@pytest.fixture(scope="session")
def speech_like() -> Callable[..., np.ndarray]:
    """Noise of a given loudness (mean absolute value) at 16 kHz: `speech_like(seconds, loudness)`."""

    def make(seconds: float, loudness: float = 0.3, seed: int = 0) -> np.ndarray:
        noise = np.random.default_rng(seed).uniform(-1, 1, round(seconds * 16_000))
        return (2 * loudness * noise).astype(np.float32)

    return make

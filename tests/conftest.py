"""What tests share: real speech where there is some, and tiny models."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_model import write_tiny_model

pytest_plugins = ["training_fixtures"]

# A shell that starts tests in the background has them ignore interrupts, and so would what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the corpora: $EMOTRACE_DATA or else ../shared/data from the project's root."""
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
    """A model that gives posteriors of frames."""
    return make_model(tmp_path_factory.mktemp("posteriors") / "model")


@pytest.fixture(scope="session")
def tiny_classifier(make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives scores of clips."""
    return make_model(tmp_path_factory.mktemp("scores") / "model", output="log_scores", system="pcn")


@pytest.fixture(scope="session")
def speech_like() -> Callable[..., np.ndarray]:
    """Noise of a given loudness (mean absolute value) at 16 kHz: `speech_like(seconds, loudness)`."""

    def make(seconds: float, loudness: float = 0.3, seed: int = 0) -> np.ndarray:
        noise = np.random.default_rng(seed).uniform(-1, 1, round(seconds * 16_000))
        return (2 * loudness * noise).astype(np.float32)

    return make

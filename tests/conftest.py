"""What tests share: real speech where there is some."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the corpora: $EMOTRACE_DATA or else ../shared/data from the project's root."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EMOTRACE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"NO REAL SPEECH: neither $EMOTRACE_DATA nor ../shared/data is a folder ({folder})")
    return folder

"""Ray on this machine, started once, and recordings for it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray with two processors, whose workers know the file system with faults."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("pyarrow")
    from distributed.faulty_storage import environment, register

    register()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(tmp_path_factory.mktemp("site")).items():
            patch.setenv(name, value)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            "local", num_cpus=2, object_store_memory=100 << 20, include_dashboard=False, log_to_driver=False,
            logging_level="ERROR",
        )  # fmt: skip
    yield
    ray.shutdown()


@pytest.fixture
def clips(tmp_path: Path, speech_like: Callable[..., np.ndarray]) -> Path:
    """A folder with 40 clips, of which every tenth is no audio."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(40):
        file = folder / f"{number:02}.wav"
        soundfile.write(file, speech_like(0.5, 0.3 if number % 2 else 0.05, seed=number), 16_000)
        if number % 10 == 9:
            file.write_text("Dear reader, this is not audio.")
    return folder


def descendants(pid: int) -> list[tuple[int, str]]:
    """The processes that descend from a process, and their names."""
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
        found = [(child, Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")) for child in children]
    except OSError:
        return []
    return [*found, *(below for child in children for below in descendants(child))]


def workers(pid: int | None = None) -> list[int]:
    """The processes that hold a model, of a process that started Ray."""
    return [pid for pid, name in descendants(os.getpid() if pid is None else pid) if "BatchWorker" in name]

from pathlib import Path

import pytest

from emotrace.errors import EmotraceError
from emotrace.system.processors import MAX_THREADS, available_processors, check_threads


def with_files(folder: Path, files: dict[str, str]) -> int:
    """The number of processors where these files describe the cgroups."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return available_processors(folder / "own", folder / "mounted")


@pytest.mark.parametrize(
    "files",
    [
        {"own": "0::/a/b\n", "mounted/a/b/cpu.max": "max 100000\n", "mounted/a/cpu.max": "150000 100000\n"},
        {"own": "0::/host/path\n", "mounted/cpu.max": "50000 100000\n"},
        {
            "own": "3:cpu,cpuacct:/a\n0::/\n",
            "mounted/cpu/a/cpu.cfs_quota_us": "100000\n",
            "mounted/cpu/a/cpu.cfs_period_us": "100000\n",
        },
    ],
    ids=["of the cgroup above", "of a container", "of version 1"],
)
def test_a_cpu_quota_limits_the_processors(tmp_path: Path, files: dict[str, str]) -> None:
    assert with_files(tmp_path, files) == 1


@pytest.mark.parametrize("content", ["max 100000", "", "nonsense", "-1 100000", "99900000 100000"])
def test_without_a_quota_the_affinity_counts(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert with_files(tmp_path, {"own": "0::/\n", "mounted/cpu.max": content}) == 3


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1, 10**6])
def test_numbers_of_threads_that_make_no_sense_are_refused(threads: int) -> None:
    with pytest.raises(EmotraceError, match=rf"threads is {threads}; expected 1 to 512"):
        check_threads(threads)

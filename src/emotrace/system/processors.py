"""Number of processors that this process may use, and number of threads of a call."""

import os
from collections.abc import Iterator
from pathlib import Path

from emotrace.errors import EmotraceError

MAX_THREADS = 512  # each costs memory: a million would need 8 GiB
# Measured with the pretrained model on 2 busy processors, 3-s files: one thread needs 15 ms of processor time
# a file, two need 17 ms, eight 30 ms, 64 need 100 ms, and none of them is done sooner.
DEFAULT_THREADS = 1

_CGROUPS, _OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def check_threads(threads: int | None) -> int:
    """The number of threads to use; None stands for `DEFAULT_THREADS`.

    >>> check_threads(None), check_threads(4)
    (1, 4)

    Raises:
        EmotraceError: if the number is not 1 to `MAX_THREADS`
    """
    if threads is None:
        return DEFAULT_THREADS
    if not 1 <= threads <= MAX_THREADS:
        raise EmotraceError(
            f"threads is {threads!r}; expected 1 to {MAX_THREADS}, at best not more than there are processors"
        )
    return threads


def available_processors(own_cgroups: Path = _OWN_CGROUPS, cgroups: Path = _CGROUPS) -> int:
    """Number of processors that this process may use: its affinity, limited by the CPU quota of its cgroups.

    Args:
        own_cgroups: the file that names the cgroups of this process
        cgroups: the folder where cgroups are mounted

    >>> available_processors() >= 1
    True
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _cgroup_folders(own_cgroups, cgroups) if (quota := _quota(folder))]
    return max(1, int(min([count, *quotas])))


def _cgroup_folders(own_cgroups: Path, cgroups: Path) -> Iterator[Path]:
    """The folders of this process's cgroup and of those above it, of version 2 and 1.

    In a container, the path may be the host's; then only the mount itself, which is the container's, exists.
    """
    for line in _read(own_cgroups).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        for top in (cgroups / "cpu", cgroups / "cpu,cpuacct") if controllers else (cgroups,):
            folder = top / name.lstrip("/")
            yield from (part for part in (folder, *folder.parents) if part.is_relative_to(top))


def _quota(folder: Path) -> float | None:
    """Processors that a cgroup may use, None if it sets no limit."""
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    try:
        limit = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return None
    return limit if limit > 0 else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

"""Freed memory is reused; measured in another process, because the options cannot be reset."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from emotrace.training.memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()

def step():
    # 64 MiB each, which glibc, left to itself, always asks the system for
    tensors = [torch.zeros(2**24) for _ in range(4)]

for _ in range(4):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(what: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, what], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can keep freed memory")
def test_a_step_reuses_the_memory_of_the_step_before() -> None:
    assert faults("keep") < faults("give back") / 10


KEPT = """
import resource
import torch
from emotrace.training.memory import give_back_freed_memory, keep_freed_memory

def resident_mib():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

assert keep_freed_memory()
blocks = [torch.zeros(2**20) for _ in range(128)]  # 4 MiB each
last = blocks[-1]  # which keeps what lies below it from being the heap's end
full = resident_mib()
del blocks
kept = resident_mib()
assert give_back_freed_memory()
print(full - kept, full - resident_mib())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can return freed memory")
def test_freed_memory_is_returned_to_the_system_after_a_stage() -> None:
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    while_kept, given_back = map(float, done.stdout.split())
    assert while_kept < 50
    assert given_back > 450

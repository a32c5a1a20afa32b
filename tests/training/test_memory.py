"""Freed memory is used again, in a process of its own since nothing turns that off."""

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_a_step_finds_the_memory_of_the_step_before() -> None:
    assert faults("keep") < faults("give back") / 10

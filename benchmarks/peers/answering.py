"""How a measured process answers: one line of JSON for each line of JSON that it is asked.

A question names a method and what it is called with; the answer has the seconds that the method took, what it
says itself, which may correct the seconds, and the peak of the process's memory; or else the error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

STATUS = Path("/proc/self/status")


def serve(peer: object) -> None:
    """Answer on standard output until standard input ends; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answer(peer, sys.stdin, answers)


def answer(peer: object, questions: Iterable[str], answers: TextIO) -> None:
    """Answer each question by a method of `peer`."""
    for line in questions:
        question = json.loads(line)
        print(json.dumps(_called(peer, question["call"], question["given"])), file=answers, flush=True)


def _called(peer: object, call: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        method = getattr(peer, call)
        started = time.perf_counter()
        said = method(**given)
        seconds = time.perf_counter() - started
    except Exception as error:  # noqa: BLE001 - the one who asked is told of any
        return {"error": f"{type(error).__name__}: {error}"}
    return {"seconds": seconds, "peak_mib": peak_mib(), **(said or {})}


def peak_mib() -> float | None:
    """The most memory this process has held at once (VmHWM); None where the system does not tell."""
    if not STATUS.exists():
        return None
    return int(STATUS.read_text().split("VmHWM:")[1].split()[0]) / 1024


def cores() -> int:
    """How many threads this process may compute with."""
    return int(os.environ["OMP_NUM_THREADS"])

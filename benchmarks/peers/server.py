"""The measured process: one line of JSON in reply to each line of JSON.

A request names a method and its arguments. The response has the seconds that the method took, the peak memory
of the process, and what the method returns, which may replace the seconds; or an error.
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
    """Respond on standard output until standard input ends; what libraries print goes to standard error."""
    responses = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    respond(peer, sys.stdin, responses)


def respond(peer: object, requests: Iterable[str], responses: TextIO) -> None:
    """Respond to each request by a method of `peer`."""
    for line in requests:
        request = json.loads(line)
        print(json.dumps(_call(peer, request["call"], request["arguments"])), file=responses, flush=True)


def _call(peer: object, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        method = getattr(peer, call)
        started = time.perf_counter()
        result = method(**arguments)
        seconds = time.perf_counter() - started
    except Exception as error:  # noqa: BLE001 - every error is reported to the benchmark
        return {"error": f"{type(error).__name__}: {error}"}
    return {"seconds": seconds, "peak_mib": peak_mib(), **(result or {})}


def peak_mib() -> float | None:
    """Peak memory of this process (VmHWM); None if the system does not report it."""
    if not STATUS.exists():
        return None
    return int(STATUS.read_text().split("VmHWM:")[1].split()[0]) / 1024


def cores() -> int:
    """The number of threads that this process may use."""
    return int(os.environ["OMP_NUM_THREADS"])

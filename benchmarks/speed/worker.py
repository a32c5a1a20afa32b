"""A measured process, controlled by lines of JSON; `peers/server.py` is the other end."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parents[1]


class WorkerError(Exception):
    """A process that does not start, ends early, or reports an error."""


class Worker:
    """A module of `peers` in a process that is limited to a number of cores.

    Raises:
        WorkerError: it does not start.
    """

    def __init__(self, python: Path, module: str, cores: int) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-m", f"peers.{module}"],
            cwd=HERE,
            env=environment(cores),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=lambda: confine(cores),
        )
        try:
            self.versions: dict[str, str] = self.call("versions")["versions"]
        except WorkerError:
            self.close()
            raise

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The response to a request.

        Raises:
            WorkerError: the process has ended or reports an error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"call": method, "arguments": arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        response = json.loads(line) if line else {"error": self._exit_reason()}
        if "error" in response:
            raise WorkerError(response["error"])
        return response

    def timer(self, method: str, **arguments: Any) -> Callable[[], float]:
        """A function that calls the method and returns the seconds it took in the process."""
        return lambda: float(self.call(method, **arguments)["seconds"])

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _exit_reason(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return f"its process ended with {code}: {lines[-1] if lines else 'no error message'}"


def environment(cores: int) -> dict[str, str]:
    """The environment of this process, with the number of threads set for all libraries."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(cores)), "TF_CPP_MIN_LOG_LEVEL": "2"}


def confine(cores: int) -> None:
    """Limit this process to a number of processors, if the system supports it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])

"""A measured process, and the lines of JSON by which it is asked; peers/answering.py is its other end."""

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
    """A process that does not start, died, or could not do what it was asked."""


class Worker:
    """A module of peers/ in a process of its own, on so many cores and no more.

    Raises:
        WorkerError: if it does not start
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
            self.versions: dict[str, str] = self.ask("versions")["versions"]
        except WorkerError:
            self.close()
            raise

    def ask(self, call: str, **given: Any) -> dict[str, Any]:
        """What it answers.

        Raises:
            WorkerError: if it could not, or died
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"call": call, "given": given}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def timer(self, call: str, **given: Any) -> Callable[[], float]:
        """A call that gives the seconds it took there."""
        return lambda: float(self.ask(call, **given)["seconds"])

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

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return f"its process ended with {code}: {lines[-1] if lines else 'no word'}"


def environment(cores: int) -> dict[str, str]:
    """That of this process, with so many threads for all who ask it."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(cores)), "TF_CPP_MIN_LOG_LEVEL": "2"}


def confine(cores: int) -> None:
    """Let this process run on so many of its processors, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])

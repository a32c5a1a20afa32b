"""Run workers over all inputs; a crash or a hang counts as a fault of the input under way."""

import collections
import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

BATCH = 1_000  # inputs per process: enough for a leak to show in its peak of memory
HANG_S = 600.0  # without a line, in wall time; generous for busy machines

_TESTS = Path(__file__).parents[1]  # working directory of workers, so that they find `fuzz`

Command = Callable[[int, int], Sequence[str]]


@dataclass(slots=True)
class Survey:
    """The outcomes of all inputs.

    Attributes:
        outcomes: count of each outcome, by format: `outcomes["flac"]["file: result"]`
        faults: "input 17 (flac): what is wrong", in order
        inputs: number of inputs, crashes and hangs included
        peak_mib: the largest memory of a worker
        slowest_s: CPU time of the slowest input
    """

    outcomes: dict[str, collections.Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    inputs: int = 0
    peak_mib: int = 0
    slowest_s: float = 0.0

    def count(self, file_format: str, report: dict[str, Any]) -> None:
        """Add a worker's report on one input."""
        self.inputs += 1
        ways = self.outcomes.setdefault(file_format, collections.Counter())
        ways.update(f"{way}: {outcome}" for way, outcome in report.get("outcomes", {}).items())
        self.faults += [f"input {report['number']} ({file_format}): {fault}" for fault in report["faults"]]
        self.peak_mib = max(self.peak_mib, report.get("peak_mib", 0))
        self.slowest_s = max(self.slowest_s, report.get("spent_s", 0.0))


def survey(
    command: Command,
    format_of_input: Callable[[int], str],
    count: int,
    batch: int = BATCH,
    hang_s: float = HANG_S,
) -> Survey:
    """Test inputs 0 to `count` - 1.

    Args:
        command: starts a worker on the inputs from `start` to before `stop`
        format_of_input: the file format that an input is made from
        batch: inputs per worker
        hang_s: seconds without output after which a worker hangs

    Raises:
        RuntimeError: a worker did not start its first input.
    """
    found, start = Survey(), 0
    while start < count:
        stop = min(count, start + batch)
        for report in _reports(command(start, stop), start, hang_s):
            found.count(format_of_input(report["number"]), report)
            start = report["number"] + 1
    return found


def _reports(command: Sequence[str], start: int, hang_s: float) -> Iterator[dict[str, Any]]:
    """A worker's reports on finished inputs, and a fault for the input that it did not finish."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=_TESTS) as worker:
        lines = _lines(worker)
        under_way = reported = start - 1
        fault = None
        try:
            while line := lines.get(timeout=hang_s):
                report = json.loads(line)
                under_way = report["number"]
                if "faults" in report:
                    reported = under_way
                    yield report
        except queue.Empty:
            fault = f"hung for {hang_s:g} s"
        finally:
            if fault:
                worker.kill()
            errors = worker.stderr.read() if worker.stderr else ""
            code = worker.wait()
        if fault is None and code:
            fault = f"died with code {code}: {errors[-300:]}"
        if under_way < start:
            raise RuntimeError(f"found a worker that started no input: {fault or errors or code}")
        if fault is None and reported < under_way:
            fault = "ended without a report"
        if fault is not None:
            yield {"number": max(under_way, reported + 1), "outcomes": {"all": "died"}, "faults": [fault]}


def _lines(worker: "subprocess.Popen[str]") -> "queue.Queue[str]":
    """The output lines of a worker, and an empty line at its end."""
    lines: queue.Queue[str] = queue.Queue()

    def pump(pipe: IO[str]) -> None:
        for line in pipe:
            lines.put(line)
        lines.put("")

    assert worker.stdout is not None
    threading.Thread(target=pump, args=(worker.stdout,), daemon=True).start()
    return lines

"""Watches workers through all inputs: a death or a hang is laid to the input under way; the rest goes on."""

import collections
import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

BATCH = 1_000  # inputs a process, so that what leaks is seen in its peak of memory
HANG_S = 60.0  # without a line; wall time, on machines that have other work

_TESTS = Path(__file__).parents[1]  # where workers start, so that they find `fuzz`

Command = Callable[[int, int], Sequence[str]]


@dataclass(slots=True)
class Survey:
    """What came of all inputs.

    Attributes:
        outcomes: how often each way ended how, by kind: `outcomes["flac"]["file: result"]`
        faults: "input 17 (flac): what is wrong", in order
        inputs: how many were judged, deaths and hangs among them
        peak_mib: the most memory that a worker had
        slowest_s: processor time of the slowest input
    """

    outcomes: dict[str, collections.Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    inputs: int = 0
    peak_mib: int = 0
    slowest_s: float = 0.0

    def count(self, kind: str, told: dict[str, Any]) -> None:
        """Take in what a worker told of an input."""
        self.inputs += 1
        ways = self.outcomes.setdefault(kind, collections.Counter())
        ways.update(f"{way}: {outcome}" for way, outcome in told.get("outcomes", {}).items())
        self.faults += [f"input {told['number']} ({kind}): {fault}" for fault in told["faults"]]
        self.peak_mib = max(self.peak_mib, told.get("peak_mib", 0))
        self.slowest_s = max(self.slowest_s, told.get("spent_s", 0.0))


def survey(
    command: Command, kind_of: Callable[[int], str], count: int, batch: int = BATCH, hang_s: float = HANG_S
) -> Survey:
    """Judge inputs 0 to `count` - 1.

    Args:
        command: starts a worker on the inputs from `start` to before `stop`
        kind_of: which kind of file an input is made from
        batch: inputs a worker
        hang_s: how long a worker may say nothing

    Raises:
        RuntimeError: if a worker does not even begin
    """
    found, start = Survey(), 0
    while start < count:
        stop = min(count, start + batch)
        for told in _told(command(start, stop), start, hang_s):
            found.count(kind_of(told["number"]), told)
            start = told["number"] + 1
    return found


def _told(command: Sequence[str], start: int, hang_s: float) -> Iterator[dict[str, Any]]:
    """What a worker tells of inputs that it finished, and what is to be said of the one that it did not."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=_TESTS) as worker:
        lines = _lines(worker)
        under_way = told_of = start - 1
        fault = None
        try:
            while line := lines.get(timeout=hang_s):
                told = json.loads(line)
                under_way = told["number"]
                if "faults" in told:
                    told_of = under_way
                    yield told
        except queue.Empty:
            fault = f"hung for {hang_s:g} s"
        finally:
            if fault:
                worker.kill()
            complaint = worker.stderr.read() if worker.stderr else ""
            code = worker.wait()
        if fault is None and code:
            fault = f"died with code {code}: {complaint[-300:]}"
        if under_way < start:
            raise RuntimeError(f"found a worker that began with no input: {fault or complaint or code}")
        if fault is None and told_of < under_way:
            fault = "ended without a word"
        if fault is not None:
            yield {"number": max(under_way, told_of + 1), "outcomes": {"all": "died"}, "faults": [fault]}


def _lines(worker: "subprocess.Popen[str]") -> "queue.Queue[str]":
    """The lines of a worker as they come, and an empty one in the end."""
    lines: queue.Queue[str] = queue.Queue()

    def pump(pipe: IO[str]) -> None:
        for line in pipe:
            lines.put(line)
        lines.put("")

    assert worker.stdout is not None
    threading.Thread(target=pump, args=(worker.stdout,), daemon=True).start()
    return lines

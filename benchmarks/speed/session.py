"""One run of the benchmark: its inputs, its processes, and what it has found so far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from speed.findings import Findings
from speed.inputs import Inputs
from speed.worker import Worker, WorkerError, environment

OURS = {"ours": "emotrace_runtime", "training": "emotrace_training", "librosa": "librosa_mel"}
PEERS = {"egemaps": "egemaps", "wav2vec2": "wav2vec2", "keras": "keras_network"}


@dataclass
class Session:
    """What the measurements share.

    Attributes:
        peers: the Python of the peers' environment
        quick: few repeats, to see that all works
    """

    inputs: Inputs
    peers: Path
    quick: bool = False
    findings: Findings = field(default_factory=Findings)

    @property
    def cores(self) -> int:
        """How many processors this process may use, two at most."""
        return min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)

    def rounds(self, wanted: int) -> int:
        """How often to measure."""
        return 1 if self.quick else wanted

    def batch(self, wanted: int) -> int:
        """How many utterances a step has."""
        return 2 if self.quick else wanted

    @contextmanager
    def workers(self, cores: int, *names: str) -> Iterator[dict[str, Worker]]:
        """Processes by name; peers that do not start are told of and left out."""
        with ExitStack() as stack:
            found = {}
            for name in names:
                python = Path(sys.executable) if name in OURS else self.peers
                try:
                    worker = Worker(python, {**OURS, **PEERS}[name], cores)
                except (WorkerError, OSError) as error:
                    if name in ("ours", "training"):
                        raise
                    self.findings.miss(name, error)
                    continue
                found[name] = stack.enter_context(worker)
                self.findings.versions.update(worker.versions)
            yield found

    def agree(self, what: str, one: Path, other: Path, limit: float) -> None:
        """Keep the greatest difference between two arrays.

        Raises:
            SystemExit: it is above the limit, so there would be no sense in comparing times
        """
        apart = float(np.abs(np.load(one) - np.load(other)).max())
        self.findings.figures[f"agreement/{what}"] = apart
        if not apart <= limit:
            raise SystemExit(f"{what}: outputs differ by {apart:.2g}, expected at most {limit:g}")

    def fresh(self, command: Sequence[str | Path], cores: int) -> dict[str, float]:
        """Seconds, seconds of processor time and peak MiB of a command in a process of its own.

        Raises:
            WorkerError: if it fails
        """
        launch = [sys.executable, "-S", Path(__file__).with_name("launch.py"), str(cores), *command]
        told = subprocess.run(
            launch,
            capture_output=True,
            text=True,
            check=True,
            env=environment(cores),
            cwd=self.inputs.folder,
        )
        cost: dict[str, float] = json.loads(told.stdout)
        if "error" in cost:
            raise WorkerError(f"{command[-1]}: {cost['error']}")
        return cost

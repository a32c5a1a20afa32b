"""One run of the benchmark: inputs, processes and measurements."""

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
    """The state that all measurements share.

    Attributes:
        peers: Python interpreter of the peers' environment
        quick: few repeats, as a trial
    """

    inputs: Inputs
    peers: Path
    quick: bool = False
    findings: Findings = field(default_factory=Findings)

    @property
    def cores(self) -> int:
        """The number of processors that this process may use, at most two."""
        return min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)

    def rounds(self, requested: int) -> int:
        """The number of rounds."""
        return 1 if self.quick else requested

    def batch(self, requested: int) -> int:
        """The number of utterances in a step."""
        return 2 if self.quick else requested

    @contextmanager
    def workers(self, cores: int, *names: str) -> Iterator[dict[str, Worker]]:
        """Processes by name; peers that do not start are reported and left out."""
        with ExitStack() as stack:
            found = {}
            for name in names:
                python = Path(sys.executable) if name in OURS else self.peers
                try:
                    worker = Worker(python, {**OURS, **PEERS}[name], cores)
                except (WorkerError, OSError) as error:
                    if name in ("ours", "training"):
                        raise
                    self.findings.record_missing(name, error)
                    continue
                found[name] = stack.enter_context(worker)
                self.findings.versions.update(worker.versions)
            yield found

    def check_agreement(self, what: str, one: Path, other: Path, limit: float) -> None:
        """Record the greatest difference between two arrays.

        Raises:
            SystemExit: the difference is above the limit, so that times cannot be compared.
        """
        apart = float(np.abs(np.load(one) - np.load(other)).max())
        self.findings.figures[f"agreement/{what}"] = apart
        if not apart <= limit:
            raise SystemExit(f"{what}: outputs differ by {apart:.2g}, expected at most {limit:g}")

    def fresh(self, command: Sequence[str | Path], cores: int) -> dict[str, float]:
        """Seconds, processor seconds and peak MiB of a command in a new process.

        Raises:
            WorkerError: the command fails.
        """
        launch = [sys.executable, "-S", Path(__file__).with_name("launch.py"), str(cores), *command]
        completed = subprocess.run(
            launch,
            capture_output=True,
            text=True,
            check=True,
            env=environment(cores),
            cwd=self.inputs.folder,
        )
        cost: dict[str, float] = json.loads(completed.stdout)
        if "error" in cost:
            raise WorkerError(f"{command[-1]}: {cost['error']}")
        return cost

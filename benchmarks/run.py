"""Measure the speed of emotrace and its peers; write benchmarks/results.md and benchmarks/results/speed.*.

    python benchmarks/run.py [--quick]

`--quick` measures each row once, as a trial, and writes to a temporary folder. The peers have their own
environment, .venv-peers, which is built first. EMOTRACE_DATA names the folder with EmoDB and RAVDESS.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from speed import inference, training
from speed.environment import peer_interpreter
from speed.inputs import DEFAULT, INT8, LAYOUTS, write_inputs
from speed.report import markdown, write_plot
from speed.session import Session
from speed.worker import HERE

from emotrace.system.files import write_text


def export(session: Session, networks: Sequence[str]) -> None:
    """Export the models of these networks, except the pretrained one."""
    with session.workers(session.cores, "training") as workers:
        for network in networks:
            folder = session.inputs.folder / network
            if folder in session.inputs.model(network).parents:
                arguments = {"samples": str(session.inputs.samples), "folder": str(folder)}
                workers["training"].call("export", network=network, **arguments)


def measure(session: Session) -> None:
    """Export the models, then measure every row."""
    export(session, (DEFAULT, INT8, *LAYOUTS))
    for row in (*inference.ROWS, *training.ROWS):
        started_s = time.monotonic()
        row(session)
        print(f"{row.__name__} took {time.monotonic() - started_s:.0f} s", flush=True)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="measure each row once, and keep no results")
    quick = parser.parse_args().quick
    peers = peer_interpreter()
    with tempfile.TemporaryDirectory() as folder:
        session = Session(write_inputs(Path(folder), quick), peers, quick)
        measure(session)
    results = Path(tempfile.mkdtemp(prefix="bench-")) if quick else HERE
    text = markdown(session.findings)
    write_text(results / "results.md", text)
    write_text(results / "results" / "speed.json", session.findings.as_json())
    write_plot(session.findings, results / "results" / "speed.png")
    print(f"\n{text}\n{results / 'results.md'}")


if __name__ == "__main__":
    main()

"""Speed of emotrace and its peers in one run; writes benchmarks/results.md and results/speed.png beside it.

python benchmarks/run.py [--quick]

`--quick` measures each row once, to see that all of it works, and writes to a temporary folder. Peers live in
an environment of their own, .venv-peers, which is built first; EmoDB is found by EMOTRACE_DATA.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from speed import inference, learning
from speed.environment import peers_python
from speed.inputs import DEFAULT, INT8, LAYOUTS, make_inputs
from speed.report import draw, markdown
from speed.session import Session
from speed.worker import HERE

from emotrace.system.files import write_text


def export(session: Session, networks: Sequence[str]) -> None:
    """Make the models of these networks, but for one that ships."""
    with session.workers(session.cores, "training") as workers:
        for network in networks:
            folder = session.inputs.folder / network
            if folder in session.inputs.model(network).parents:
                given = {"samples": str(session.inputs.samples), "folder": str(folder)}
                workers["training"].ask("export", network=network, **given)


def measure(session: Session) -> None:
    """Make the models, then every row."""
    export(session, (DEFAULT, INT8, *LAYOUTS))
    for row in (*inference.ROWS, *learning.ROWS):
        started_s = time.monotonic()
        row(session)
        print(f"{row.__name__} took {time.monotonic() - started_s:.0f} s", flush=True)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="measure each row once, and keep nothing")
    quick = parser.parse_args().quick
    peers = peers_python()
    with tempfile.TemporaryDirectory() as folder:
        session = Session(make_inputs(Path(folder), quick), peers, quick)
        measure(session)
    results = Path(tempfile.mkdtemp(prefix="bench-")) if quick else HERE
    text = markdown(session.findings)
    write_text(results / "results.md", text)
    write_text(results / "results" / "speed.json", session.findings.as_json())
    draw(session.findings, results / "results" / "speed.png")
    print(f"\n{text}\n{results / 'results.md'}")


if __name__ == "__main__":
    main()

"""The command line: test many inputs and write the outcomes, or write one input again."""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

import soundfile
from tiny_model import write_tiny_model

from fuzz.survey import Survey, survey
from fuzz.worker import ADDRESSES, PEAK, PROCESSOR_S, format_of_input, make_input

RESULTS = Path(__file__).parents[2] / "results" / "fuzz.json"
COLUMNS = ("result", "silence", "refused", "untyped", "died")


def run_survey(seed: int, count: int) -> Survey:
    """Test `count` inputs with the tiny model."""
    with tempfile.TemporaryDirectory() as folder:
        model = write_tiny_model(Path(folder, "model"))
        worker = [sys.executable, "-m", "fuzz.worker", str(model), str(seed)]
        return survey(lambda start, stop: [*worker, str(start), str(stop)], format_of_input, count)


def table(found: Survey) -> str:
    """Count of each outcome, by file format and by how the input was given, as text."""
    ways = sorted({key.split(": ")[0] for counts in found.outcomes.values() for key in counts})
    lines = [f"{'':14}{'':8}" + "".join(f"{column:>9}" for column in COLUMNS)]
    for kind, counts in found.outcomes.items():
        for way in ways:
            row = [counts[f"{way}: {column}"] for column in COLUMNS]
            if any(row):
                lines.append(f"{kind:14}{way:8}" + "".join(f"{number:9,}" for number in row))
    return "\n".join(lines)


def as_json(found: Survey, seed: int) -> str:
    """The survey as a JSON document."""
    document = {
        "seed": seed,
        "inputs": found.inputs,
        "faults": found.faults,
        "peak_mib": found.peak_mib,
        "slowest_processor_s": found.slowest_s,
        "limits": {"peak_mib": PEAK >> 20, "addresses_mib": ADDRESSES >> 20, "processor_s": PROCESSOR_S},
        "machine": platform.machine(),
        "libsndfile": soundfile.__libsndfile_version__,
        "outcomes": {kind: dict(sorted(counts.items())) for kind, counts in found.outcomes.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Test inputs or write one again; the exit code is 1 if any input shows a fault."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description="Give damaged input to the runtime and check the outcome."
    )
    parser.add_argument("--count", type=int, default=20_000, help="how many inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write the outcomes")
    parser.add_argument(
        "--make", type=int, metavar="NUMBER", help="write this input to standard output and stop"
    )
    arguments = parser.parse_args()
    if arguments.make is not None:
        sys.stdout.buffer.write(make_input(arguments.seed, arguments.make))
        return 0
    found = run_survey(arguments.seed, arguments.count)
    arguments.results.write_text(as_json(found, arguments.seed), encoding="utf-8")
    print(table(found))
    print(f"{found.inputs:,} inputs of seed {arguments.seed}: {len(found.faults)} faults")
    for fault in found.faults:
        print(f"seed {arguments.seed}, {fault}")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())

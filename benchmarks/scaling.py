"""Time and memory against length, batch, cores and files; write benchmarks/results/scaling.csv and .png.

    python benchmarks/scaling.py [--quick]

`--quick` measures a few points of each curve, as a trial, and writes to a temporary folder.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from run import export
from speed.inference import predict
from speed.inputs import DEFAULT, RATE_HZ, write_inputs, write_speech_file
from speed.session import Session
from speed.worker import HERE

from emotrace.system.files import write_text

LENGTHS_S = (1, 3, 10, 30, 100, 300, 900, 3600)
BATCHES = (1, 2, 4, 8, 16, 32)
FILES = (1, 4, 16, 64, 256, 1024)
CORE_FILES = 256
QUICK = 3  # points of each curve
ROUNDS = 3


@dataclass(frozen=True)
class Point:
    """A measurement at one point of a curve: seconds and peak MiB."""

    curve: str
    x: int
    seconds: float
    mib: float


@dataclass(frozen=True)
class Line:
    """A straight line, and the largest relative deviation of a point from it."""

    start: float
    slope: float
    off: float


def lengths(session: Session, points: Sequence[int]) -> Iterator[Point]:
    """One file on one core, in a process that has loaded the model."""
    model = str(session.inputs.model(DEFAULT))
    for seconds in points:
        path = write_speech_file(session.inputs.folder / "length.wav", seconds * RATE_HZ)
        with session.workers(1, "ours") as workers:
            workers["ours"].call("load", model=model)
            responses = [
                workers["ours"].call("clip", model=model, path=str(path))
                for _ in range(1 if seconds > 100 else ROUNDS)
            ]
        yield median("audio, s", seconds, responses)


def windows(session: Session, points: Sequence[int]) -> Iterator[Point]:
    """A batch of 5-s windows through the ONNX session alone."""
    arguments = {"model": str(session.inputs.model(DEFAULT)), "samples": str(session.inputs.samples)}
    for size in points:
        with session.workers(session.cores, "ours") as workers:
            responses = [workers["ours"].call("batch", size=size, **arguments) for _ in range(1 + ROUNDS)]
        yield median("windows at once", size, responses[1:])


def steps(session: Session, points: Sequence[int]) -> Iterator[Point]:
    """A step of stage 1 on utterances of 5 s."""
    arguments = {"name": "step", "stage": 1, "network": DEFAULT, "precision": "bfloat16"}
    for batch in points:
        with session.workers(session.cores, "training") as workers:
            workers["training"].call("prepare", batch=batch, **arguments)
            responses = [workers["training"].call("epoch", name="step") for _ in range(1 + ROUNDS)]
        yield median("utterances in a training step", batch, responses[1:])


def cores(session: Session, points: Sequence[int]) -> Iterator[Point]:
    """Files of 2 s by one command, with as many jobs as cores."""
    folder = links(session, CORE_FILES)
    for count in points:
        command = predict(session, folder, "--jobs", str(count))
        yield median("cores and jobs", count, [session.fresh(command, count) for _ in range(ROUNDS)])


def files(session: Session, points: Sequence[int]) -> Iterator[Point]:
    """Files of 2 s by one command, two at a time."""
    for count in points:
        command = predict(session, links(session, count), "--jobs", str(session.cores))
        yield median("files of 2 s", count, [session.fresh(command, session.cores)])


def links(session: Session, count: int) -> Path:
    """A folder with links to the same short file."""
    folder = session.inputs.folder / f"links-{count}"
    folder.mkdir(exist_ok=True)
    for number in range(count):
        link = folder / f"{number}.wav"
        if not link.is_symlink():
            link.symlink_to(session.inputs.short)
    return folder


def median(curve: str, x: int, responses: Sequence[dict[str, float]]) -> Point:
    """The median of the times, and the maximum of the peaks.

    >>> median("files", 4, [{"seconds": 2.0, "peak_mib": 80.0}, {"seconds": 1.0, "peak_mib": 90.0}])
    Point(curve='files', x=4, seconds=1.5, mib=90.0)
    """
    seconds = statistics.median(response["seconds"] for response in responses)
    return Point(curve, x, seconds, max(response["peak_mib"] or 0.0 for response in responses))


def fit_line(points: Sequence[Point]) -> Line:
    """The line with the least relative squared error.

    >>> fit_line([Point("files", x, 1.0 + 2.0 * x, 0.0) for x in (1, 10, 100)])
    Line(start=1.0, slope=2.0, off=0.0)
    """
    x, seconds = np.array([(point.x, point.seconds) for point in points]).T
    slope, start = np.polyfit(x, seconds, 1, w=1 / seconds)
    off = np.abs((start + slope * x) / seconds - 1).max()
    return Line(*(round(float(value), 6) for value in (start, slope, off)))


def table(points: Sequence[Point]) -> str:
    """All points as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([field.name for field in fields(Point)])
    writer.writerows(
        [curve, x, f"{seconds:.4g}", f"{mib:.1f}"] for curve, x, seconds, mib in map(astuple, points)
    )
    return file.getvalue()


def write_plot(points: Sequence[Point], path: Path) -> None:
    """A panel for each curve: time and its line on the left, memory on the right."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    curves = list(dict.fromkeys(point.curve for point in points))
    figure, panels = pyplot.subplots(1, len(curves), figsize=(4 * len(curves), 3.6))
    for curve, axes in zip(curves, panels, strict=True):
        own = [point for point in points if point.curve == curve]
        x = [point.x for point in own]
        axes.loglog(x, [point.seconds for point in own], "o-", color="#4477aa")
        if own[-1].seconds > own[0].seconds:
            line = fit_line(own)
            axes.loglog(x, [line.start + line.slope * at for at in x], ":", color="black")
            axes.set_title(f"{line.start:.2g} s + {line.slope:.2g} s each, off by {line.off:.0%}", fontsize=9)
        else:
            times = f"{own[0].seconds / own[-1].seconds:.2f} times as fast"
            axes.set_title(f"{times} on {own[-1].x} as on {own[0].x}", fontsize=9)
        axes.set_xlabel(curve)
        axes.set_ylabel("seconds", color="#4477aa")
        memory = axes.twinx()
        memory.semilogx(x, [point.mib for point in own], "s--", color="#cc6677", markersize=4)
        memory.set_ylabel("peak MiB", color="#cc6677")
        memory.set_ylim(0, 1.3 * max(point.mib for point in own))
        axes.set_xticks(x, [f"{at:g}" for at in x])
        axes.xaxis.set_minor_locator(pyplot.NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.tick_params(which="both", labelsize=7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--quick", action="store_true", help="a few points of each curve, and keep no results"
    )
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        session = Session(write_inputs(Path(folder), quick=True), Path(sys.executable), quick)
        export(session, [DEFAULT])
        most = os.cpu_count() or 1
        every = [2**power for power in range(most.bit_length()) if 2**power <= most]
        found: list[Point] = []
        for curve, xs in (
            (lengths, LENGTHS_S),
            (windows, BATCHES),
            (steps, BATCHES),
            (cores, every),
            (files, FILES),
        ):
            for point in curve(session, xs[:QUICK] if quick else xs):
                found.append(point)
                print(point, flush=True)
    results = Path(tempfile.mkdtemp(prefix="scaling-")) if quick else HERE / "results"
    write_text(results / "scaling.csv", table(found))
    write_plot(found, results / "scaling.png")
    print(results / "scaling.png")


if __name__ == "__main__":
    main()

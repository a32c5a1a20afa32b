"""The measurements as Markdown and as a plot."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speed.findings import Findings
from speed.goals import GOALS

PROCESSOR = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Row:
    """A row of the table: label, cores and unit."""

    what: str
    cores: str
    unit: str = "ms"

    @property
    def per_second(self) -> float:
        """The factor from seconds, or MiB, to the unit."""
        return 1000.0 if self.unit == "ms" else 1.0


ROWS = {
    "features": Row("3-D log-Mel of 5 s", "1"),
    "clip": Row("5-s file to timeline", "1"),
    "network-branch-pool": Row("paper's network, `branch-pool`, one window", "2"),
    "network-inception": Row("paper's network, `inception`, one window", "2"),
    "files": Row("339 files of EmoDB", "1", "s"),
    "files-cores": Row("339 files of EmoDB, two at a time", "2", "s"),
    "many": Row("339 files of EmoDB and 720 of RAVDESS", "1", "s"),
    "many-cores": Row("the same, two at a time", "2", "s"),
    "minutes": Row("file of ten minutes", "1", "s"),
    "cold": Row("one 2-s clip in a new process, processor time", "2", "s"),
    "memory": Row("the same, peak memory", "2", "MiB"),
    "step-branch-pool": Row("stage 1, step of 32 padded to 5 s, `branch-pool`", "2", "s"),
    "step-inception": Row("stage 1, step of 8 padded to 5 s, `inception`", "2", "s"),
    "back-branch-pool": Row("stage 2 on cached features, step of 32", "2", "s"),
    "epoch": Row("stage 1, epoch of EmoDB, `branch-pool`", "2", "s"),
    "gpu-branch-pool": Row("stage 1, step of 32 on the GPU, `branch-pool`", "GPU"),
    "gpu-inception": Row("stage 1, step of 32 on the GPU, `inception`", "GPU"),
}
NAMES = {
    "ours": "emotrace",
    "ours-int8": "emotrace, int8",
    "ours-paper": "emotrace, width 64 of the paper",
    "ours-float32": "emotrace, float32",
    "ours-minutes": "emotrace, on ten minutes",
    "librosa": "librosa",
    "egemaps": "openSMILE eGeMAPS",
    "wav2vec2": "wav2vec2-base, transformers",
    "keras": "Keras, TensorFlow",
}
NOTES = """\
Times are medians of calls in turn. Each software runs in its own process, limited to the stated cores and
threads, and starts 50 ms after the previous call. The first round does not count, except for many files and
the ten minutes. The range is from the fastest to the slowest call.

- Models other than the pretrained one have random weights, which do not change times. *emotrace* is the
  default recipe; in rows that name a layout and in rows on training it is the paper's network of width 64,
  with the same weights in Keras.
- On one window emotrace starts from the waveform, and Keras from the finished spectrogram.
- Keras runs by `tf.function`, with plain layers for the residual blocks, because keras-tcn has changed.
- Training is what `emotrace train --recipe paper` does, including files, in bfloat16 unless float32 is named.
  Keras runs the step alone, in float32. Its epoch is estimated: one step times utterances / 32, all 5 s long.
- From a 5-s file, emotrace computes label and timeline, openSMILE 88 values, wav2vec2-base scores.
- wav2vec2-base and its head have random weights.
- *339 files* includes the start of emotrace; openSMILE is already loaded.
- Time and memory against length, batch, cores and files: `python benchmarks/scaling.py`,
  [scaling.csv](results/scaling.csv).
"""


def markdown(findings: Findings) -> str:
    """The text of results.md."""
    lines = ["# Speed", "", f"Rewritten by `make bench`. {describe_machine()}", ""]
    versions = sorted(findings.versions.items())
    lines += [", ".join(f"{name} {version}" for name, version in versions), ""]
    for name, error in findings.missing.items():
        lines += [f"**NOT MEASURED: {name}**: {error}", ""]
    lines += ["## Goals", ""]
    goals = [(goal.what, goal.requested, goal.found(findings), goal.met(findings)) for goal in GOALS]
    lines += [*table(("what", "goal", "found", "met"), goals), ""]
    lines += ["A ratio is the time of the peer, or of one core, divided by that of emotrace.", ""]
    lines += ["## Outputs agree", ""]
    differences = findings.of("agreement").items()
    lines += [*table(("of", "greatest difference"), [(of, f"{apart:.1e}") for of, apart in differences]), ""]
    lines += ["## Measured", "", "![Times relative to emotrace](results/speed.png)", ""]
    head = ("what", "cores", "who", "median", "range", "ratio")
    lines += [*table(head, [line for row in ROWS for line in row_lines(findings, row)]), "", NOTES.rstrip()]
    return "\n".join(lines) + "\n"


def row_lines(findings: Findings, row: str) -> list[tuple[str, ...]]:
    """The lines of a row, emotrace first; the others have their ratio to it.

    >>> found = Findings(times={"minutes/ours": [2.0], "minutes/egemaps": [3.0, 5.0]})
    >>> for line in row_lines(found, "minutes"):
    ...     print(" | ".join(line))
    file of ten minutes | 1 | emotrace | 2 s |  |
     |  | openSMILE eGeMAPS | 4 s | 3 to 5 | 2.00
    """
    about, lines = ROWS[row], []
    values = findings.of(row)
    for who, value in values.items():
        times = [about.per_second * seconds for seconds in findings.times.get(f"{row}/{who}", [])]
        spread = f"{format_value(min(times))} to {format_value(max(times))}" if len(times) > 1 else ""
        ours = next(iter(values.values()))
        lines.append(
            (
                "" if lines else about.what,
                "" if lines else about.cores,
                NAMES[who],
                f"{format_value(about.per_second * value)} {about.unit}",
                spread,
                f"{value / ours:.2f}" if lines else "",
            )
        )
    return lines


def format_value(value: float) -> str:
    """Three significant digits, or all digits before the decimal point.

    >>> format_value(0.01234), format_value(1234.5)
    ('0.0123', '1234')
    """
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown.

    >>> table(("a", "b"), [("1", "2")])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows)]


def describe_machine() -> str:
    """Processor, number of processors, system and Python."""
    model = platform.processor() or platform.machine()
    if PROCESSOR.exists():
        names = [line for line in PROCESSOR.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    python = platform.python_version()
    return f"{model} ({platform.machine()}), {os.cpu_count()} processors, {sys.platform}, Python {python}."


def write_plot(findings: Findings, path: Path) -> None:
    """Write a bar chart of each peer's time divided by that of emotrace, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    bars = []
    for row, about in ROWS.items():
        values = findings.of(row)
        ours = next(iter(values.values()), None)
        others = {who: value for who, value in values.items() if not who.startswith("ours")}
        bars += [(f"{about.what}\n{NAMES[who]}", value / ours) for who, value in others.items() if ours]
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.55 * max(1, len(bars))))
    positions = range(len(bars))
    axes.barh(positions, [ratio - 1 for _, ratio in bars], left=1, color="#4477aa")
    axes.set_yticks(positions, [name.replace("`", "") for name, _ in bars], fontsize=7)
    for position, (_, ratio) in zip(positions, bars, strict=True):
        axes.annotate(f"{ratio:.2g}", (ratio, position), (3, 0), textcoords="offset points", va="center")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    axes.set_xlabel("time relative to emotrace")
    axes.margins(x=0.1)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)

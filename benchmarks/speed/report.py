"""What was found, as Markdown and as a picture."""

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
    """What a row of the table is, on how many cores, and in which unit."""

    what: str
    cores: str
    unit: str = "ms"

    @property
    def per_second(self) -> float:
        """What seconds, or MiB, are multiplied by."""
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
    "memory": Row("the same, peak of memory", "2", "MiB"),
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
Times are medians of calls in turn, each in a process of its own that is held to so many cores and threads,
50 ms after the one before ended. The first round does not count, but with files and the ten minutes, where
there is none to spare. The range is from the fastest to the slowest call.

- Models are untrained where none ships: weights change no times. *emotrace* is the default recipe; in rows
  that name a layout, and in all on training, it is the paper's network of width 64, with Keras's weights.
- On one window emotrace starts from the waveform, and Keras from the finished spectrogram.
- Keras runs by `tf.function`, with plain layers for the residual blocks: keras-tcn has another wiring by now.
- Training is what `emotrace train --recipe paper` does, files written, in bfloat16 unless float32 is named;
  Keras's is the bare step, in float32. Its epoch is reckoned: a step times the utterances / 32, all 5 s long.
- A 5-s file is to label and timeline for emotrace, to 88 figures for openSMILE, to scores for wav2vec2-base.
- wav2vec2-base and its head have random weights, nothing being downloaded.
- *339 files* is the whole command of emotrace, with its start; openSMILE is loaded already.
- How time and memory grow with length, batch, cores and files: [curves](notes.md#curves).
"""


def markdown(findings: Findings) -> str:
    """The whole of results.md."""
    lines = ["# Speed", "", f"Rewritten by `make bench`. {machine()}", ""]
    versions = sorted(findings.versions.items())
    lines += [", ".join(f"{name} {version}" for name, version in versions), ""]
    for name, error in findings.missing.items():
        lines += [f"**NOT MEASURED: {name}**: {error}", ""]
    lines += ["## Goals", ""]
    goals = [(goal.what, goal.wanted, goal.found(findings), goal.met(findings)) for goal in GOALS]
    lines += [*table(("what", "goal", "found", "met"), goals), ""]
    lines += ["Ratios say how many times as long the peer, or one core, takes.", ""]
    lines += ["## Outputs agree", ""]
    differences = findings.of("agreement").items()
    lines += [*table(("of", "greatest difference"), [(of, f"{apart:.1e}") for of, apart in differences]), ""]
    lines += ["## Measured", "", "![Times beside ours](results/speed.png)", ""]
    head = ("what", "cores", "who", "median", "range", "beside ours")
    lines += [*table(head, [line for row in ROWS for line in measured(findings, row)]), "", NOTES.rstrip()]
    return "\n".join(lines) + "\n"


def measured(findings: Findings, row: str) -> list[tuple[str, ...]]:
    """The lines of a row, one for each that was measured; the first is ours, beside which the others stand.

    >>> found = Findings(times={"minutes/ours": [2.0], "minutes/egemaps": [3.0, 5.0]})
    >>> for line in measured(found, "minutes"):
    ...     print(" | ".join(line))
    file of ten minutes | 1 | emotrace | 2 s |  |
     |  | openSMILE eGeMAPS | 4 s | 3 to 5 | 2.00
    """
    about, lines = ROWS[row], []
    values = findings.of(row)
    for who, value in values.items():
        times = [about.per_second * seconds for seconds in findings.times.get(f"{row}/{who}", [])]
        spread = f"{shown(min(times))} to {shown(max(times))}" if len(times) > 1 else ""
        ours = next(iter(values.values()))
        lines.append(
            (
                "" if lines else about.what,
                "" if lines else about.cores,
                NAMES[who],
                f"{shown(about.per_second * value)} {about.unit}",
                spread,
                f"{value / ours:.2f}" if lines else "",
            )
        )
    return lines


def shown(value: float) -> str:
    """Three digits, or all before the point.

    >>> shown(0.01234), shown(1234.5)
    ('0.0123', '1234')
    """
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown.

    >>> table(("a", "b"), [("1", "2")])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows)]


def machine() -> str:
    """Processor, cores and Python."""
    model = platform.processor() or platform.machine()
    if PROCESSOR.exists():
        names = [line for line in PROCESSOR.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    python = platform.python_version()
    return f"{model} ({platform.machine()}), {os.cpu_count()} processors, {sys.platform}, Python {python}."


def draw(findings: Findings, path: Path) -> None:
    """Bars: how many times as long each peer takes as ours, on a logarithmic axis."""
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
    places = range(len(bars))
    axes.barh(places, [ratio - 1 for _, ratio in bars], left=1, color="#4477aa")
    axes.set_yticks(places, [name.replace("`", "") for name, _ in bars], fontsize=7)
    for place, (_, ratio) in zip(places, bars, strict=True):
        axes.annotate(f"{ratio:.2g}", (ratio, place), (3, 0), textcoords="offset points", va="center")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    axes.set_xlabel("times what emotrace takes")
    axes.margins(x=0.1)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)

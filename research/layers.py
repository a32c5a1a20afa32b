"""Time of the dilated residual network beside that of the BLSTM, against the length of the utterance.

python research/layers.py OUTPUT [--quick] [--device cuda]

Zhao et al. (2021) say that theirs trains and infers faster than a BLSTM, the more so on long utterances, and
time neither. Here the back ends of both, at the paper's sizes, take the same local features: random numbers
of the right shape, since time does not depend on what they say. A training step is forward, loss, backward
and optimiser. OUTPUT is the start of the names of a Markdown, a CSV and a PNG file.
"""

from __future__ import annotations

import argparse
import csv
import io
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure

from emotrace.audio.windowing import frames_in
from emotrace.experiments.report import table
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.models.back import Back
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.recipe import Recipe
from emotrace.recipes import load_recipe, merge_settings
from emotrace.system.files import write_bytes, write_text
from emotrace.training.data.examples import Batch
from emotrace.training.optimisers import optimiser

SECONDS = (1, 2, 4, 8, 16, 32, 64)
THREADS = (1, 2)
SETTINGS = (("training", 1), ("training", 16), ("inference", 1))  # what, and in batches of how many
LABELS = 4
MOST_STEPS = 26_000  # of a batch in all, so that training fits into 6 GB
LEAST_REPEATS, MOST_REPEATS, BUDGET_S = 3, 15, 0.5  # of each timing: as many as take so long, within bounds


@dataclass(frozen=True)
class Subject:
    """A back end to time: that of a system, its dilated residual network (if any) causal or not."""

    name: str
    system: str
    causal: bool = True


SUBJECTS = (
    Subject("pcnse-sadrn", "pcnse-sadrn"),
    Subject("pcnse-sadrn, not causal", "pcnse-sadrn", causal=False),
    Subject("pcnse-sablstm", "pcnse-sablstm"),
    Subject("sadrn-ctc", "sadrn-ctc"),
    Subject("blstm-ctc", "blstm-ctc"),
)
RATIOS = (("pcnse-sablstm", "pcnse-sadrn"), ("blstm-ctc", "sadrn-ctc"), ("blstm-ctc", "pcnse-sadrn"))


@dataclass(frozen=True)
class Case:
    """What is timed: a training step or an inference, with so many threads, on a batch of equal length."""

    threads: int
    what: str
    batch: int
    seconds: int


@dataclass(frozen=True)
class Timing:
    """How long a subject took in a case, each time it was called."""

    case: Case
    subject: str
    steps: int
    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """The middle one."""
        return statistics.median(self.times_ms)


def networks(recipe: Recipe, device: str) -> dict[str, EmotionModel]:
    """Each subject's whole system with fresh weights, of which only the back end is timed."""
    torch.manual_seed(1)
    built = {}
    for subject in SUBJECTS:
        own = Recipe.model_validate(merge_settings(recipe.model_dump(), {"back": {"causal": subject.causal}}))
        built[subject.name] = build(own, subject.system, LABELS).to(device)
    return built


def multiply_adds(back: Back, steps: int) -> int:
    """Products of one forward pass over one utterance.

    Each weight of a layer counts once a step, those of the classifier once an utterance; attention compares
    each step with each, and gathers from each.
    """
    weights = sum(p.numel() for p in back.parameters() if p.ndim > 1)
    head = back.head
    once = 0 if head.objective.is_per_frame else sum(p.numel() for p in head.parameters() if p.ndim > 1)
    pairs = 0 if back.attention is None else 2 * steps**2 * back.attention.value.out_features
    return (weights - once) * steps + once + pairs


def steps_of(network: EmotionModel, seconds: int) -> int:
    """Steps of local features that come of so many seconds."""
    return network.front.steps_out(frames_in(seconds * SAMPLE_RATE_HZ))


def work(network: EmotionModel, case: Case, recipe: Recipe) -> Callable[[], None]:
    """What is timed, ready to be called again and again."""
    device = next(network.parameters()).device
    back, steps = network.back, steps_of(network, case.seconds)
    local = torch.randn(case.batch, steps, network.front.features_out, device=device)
    lengths = torch.full((case.batch,), steps, device=device)
    if case.what == "inference":

        def infer() -> None:
            with torch.inference_mode():
                back.eval()(local, lengths)

        return infer
    labels = torch.arange(case.batch, device=device) % LABELS
    batch = Batch(local, lengths, labels, tuple(((label, 1.0),) for label in labels.tolist()))
    steering = optimiser(back.parameters(), recipe.stage2)
    weights = torch.ones(LABELS, device=device)

    def train() -> None:
        steering.zero_grad()
        output = back.train()(local, lengths)
        network.objective.loss(output, lengths, batch.labels, batch.parts, weights, 0.0).backward()
        steering.step()

    return train


def alternately(
    calls: Sequence[Callable[[], None]], budget_s: float, wait: Callable[[], None]
) -> list[list[float]]:
    """Milliseconds of each call, made in turn; the first round says how many there are to be."""
    rounds: list[list[float]] = []
    wanted = LEAST_REPEATS
    while len(rounds) < wanted:
        rounds.append([])
        for call in calls:
            wait()
            started_s = time.perf_counter()
            call()
            wait()
            rounds[-1].append(1000 * (time.perf_counter() - started_s))
        if len(rounds) == 1:
            as_budgeted = round(1000 * budget_s * len(calls) / sum(rounds[0]))
            wanted = min(MOST_REPEATS, max(LEAST_REPEATS, as_budgeted))
    return [list(column) for column in zip(*rounds, strict=True)]


def measure(recipe: Recipe, cases: Sequence[Case], device: str, budget_s: float) -> Iterator[Timing]:
    """Every subject in every case that fits into memory."""
    built = networks(recipe, device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    for case in cases:
        torch.set_num_threads(case.threads)
        steps = {s: steps_of(built[s.name], case.seconds) for s in SUBJECTS}
        chosen = [s for s in SUBJECTS if case.batch * steps[s] <= MOST_STEPS]
        calls = [work(built[subject.name], case, recipe) for subject in chosen]
        times = alternately(calls, budget_s, wait) if calls else []
        for subject, spent in zip(chosen, times, strict=True):
            yield Timing(case, subject.name, steps[subject], tuple(spent))


def report_page(timings: Sequence[Timing], built: dict[str, EmotionModel], where: str) -> str:
    """Sizes, then times and their ratios, a table for each number of threads and setting."""
    found = {(timing.case, timing.subject): timing.median_ms for timing in timings}
    cases = list(dict.fromkeys(timing.case for timing in timings))
    lengths = sorted({case.seconds for case in cases})
    sizes = [
        [
            name,
            f"{network.front.features_out} x {100 // network.front.frames_per_step} a second",
            f"{sum(p.numel() for p in network.back.parameters()):,}",
            *(f"{multiply_adds(network.back, steps_of(network, s)) / 1e6:,.0f}" for s in lengths),
        ]
        for name, network in built.items()
    ]
    head = ["back end", "features", "parameters", *(f"{s} s: products, millions" for s in lengths)]
    lines = [
        "# The dilated residual network beside the BLSTM",
        "",
        f"Milliseconds, medians of {LEAST_REPEATS} to {MOST_REPEATS} calls in turn; "
        f"{where}, torch {torch.__version__}. Local features are random numbers; the paper's sizes, float32. "
        "Not counted is the front: PCNSE multiplies 3.1 billion times for 5 s, and `blstm-ctc` has none. "
        f"–: over {MOST_STEPS:,} steps a batch, left out to fit into 6 GB. A ratio above 1 means that the "
        "dilated residual network is the faster.",
        "",
        *table(head, sizes),
    ]
    for threads, what, batch in dict.fromkeys((case.threads, case.what, case.batch) for case in cases):
        rows = []
        for seconds in lengths:
            ms = {name: found.get((Case(threads, what, batch, seconds), name)) for name in built}
            ratios = [f"{ms[slow] / ms[fast]:.2f}" if ms[slow] and ms[fast] else "–" for slow, fast in RATIOS]
            rows.append([seconds, *(f"{value:.1f}" if value else "–" for value in ms.values()), *ratios])
        names = [*built, *(f"{slow} ÷ {fast}" for slow, fast in RATIOS)]
        title = f"## {what.capitalize()}, batch {batch}, threads {threads}"
        lines += ["", title, "", *table(["seconds", *names], rows)]
    return "\n".join(lines) + "\n"


def timings_csv(timings: Sequence[Timing], built: dict[str, EmotionModel], device: str) -> str:
    """A line for each back end in each case."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["device", "threads", "what", "batch", "seconds", "back_end", "steps", "parameters", "multiply_adds",
         "median_ms", "least_ms", "greatest_ms", "repeats"]
    )  # fmt: skip
    for timing in timings:
        case, back = timing.case, built[timing.subject].back
        products = case.batch * multiply_adds(back, timing.steps)
        figures = (timing.median_ms, min(timing.times_ms), max(timing.times_ms))
        writer.writerow(
            [device, case.threads, case.what, case.batch, case.seconds, timing.subject, timing.steps,
             sum(p.numel() for p in back.parameters()), products,
             *(f"{figure:.3f}" for figure in figures), len(timing.times_ms)]
        )  # fmt: skip
    return text.getvalue()


def timings_png(timings: Sequence[Timing]) -> bytes:
    """Milliseconds for each second of speech, against the length; a row for each number of threads."""
    threads = sorted({timing.case.threads for timing in timings})
    lengths = sorted({timing.case.seconds for timing in timings})
    settings = list(dict.fromkeys((timing.case.what, timing.case.batch) for timing in timings))
    figure = Figure(figsize=(4 * len(settings), 3.2 * len(threads)), dpi=140, layout="constrained")
    plots = figure.subplots(len(threads), len(settings), sharex=True, squeeze=False)
    for row, count in enumerate(threads):
        for column, (what, batch) in enumerate(settings):
            axes = plots[row][column]
            for subject in SUBJECTS:
                cases = {Case(count, what, batch, seconds) for seconds in lengths}
                places = [
                    (t.case.seconds, t.median_ms / (batch * t.case.seconds))
                    for t in timings
                    if t.subject == subject.name and t.case in cases
                ]
                line = "--" if "blstm" in subject.name else "-"
                axes.plot(*zip(*places, strict=True), line, marker="o", markersize=3, label=subject.name)
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(lengths, map(str, lengths))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:g}"[0] in "25" else "")
            axes.grid(linewidth=0.4)
            axes.set_title(f"{what}, batch {batch}, threads {count}", fontsize=9)
            axes.set_xlabel("utterance, s" if row == len(threads) - 1 else "")
            axes.set_ylabel("ms for a second of speech" if column == 0 else "")
    handles, names = plots[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def main() -> None:
    """Measure, and write the table, the figures and the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT")
    parser.add_argument("--quick", action="store_true", help="short utterances, few repeats: a trial")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cpu", "cuda"), default=found)
    given = parser.parse_args()
    device = given.device
    threads = THREADS if device == "cpu" else THREADS[:1]
    lengths, budget_s = (SECONDS[:3:2], 0.0) if given.quick else (SECONDS, BUDGET_S)
    cases = [Case(t, what, batch, s) for t in threads for what, batch in SETTINGS for s in lengths]
    recipe, timings = load_recipe(["paper"]), []
    for timing in measure(recipe, cases, device, budget_s):
        print(timing.case, timing.subject, f"{timing.median_ms:.1f} ms", flush=True)
        timings.append(timing)
    built = networks(recipe, "cpu")
    where = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {platform.machine()}"
    page = report_page(timings, built, where)
    write_text(given.output.with_suffix(".md"), page)
    write_text(given.output.with_suffix(".csv"), timings_csv(timings, built, device))
    write_bytes(given.output.with_suffix(".png"), timings_png(timings))
    print(page, end="")


if __name__ == "__main__":
    main()

"""Time of the dilated residual network and of the BLSTM, against the length of the utterance.

    python research/layers.py OUTPUT [--quick] [--device cuda]

Zhao et al. (2021) claim without timings that their network trains and infers faster than a BLSTM, especially
on long utterances. Here both back ends, at the paper's sizes, receive the same local features: random numbers
of the right shape, since time does not depend on the values. A training step is forward, loss, backward and
optimiser. OUTPUT is a folder for the table.
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

from emotrace.audio.reading import SAMPLE_RATE_HZ
from emotrace.audio.windowing import frames_in
from emotrace.experiments.report import table
from emotrace.models.back import Back
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.recipe import Recipe
from emotrace.recipes import load_recipe, merge_settings
from emotrace.system.files import write_text
from emotrace.training.data.examples import Batch
from emotrace.training.optimisers import optimiser

SECONDS = (1, 2, 4, 8, 16, 32, 64)
THREADS = (1, 2)
SETTINGS = (("training", 1), ("training", 16), ("inference", 1))  # activity and batch size
LABELS = 4
MAX_STEPS = 26_000  # steps of all utterances in a batch, so that training fits into 6 GB
MIN_REPEATS, MAX_REPEATS, BUDGET_S = 3, 15, 0.5  # as many repeats as fit the budget, within bounds


@dataclass(frozen=True)
class Subject:
    """The back end of a system, with a causal or non-causal dilated residual network."""

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
    """What is timed: a training step or an inference on a batch of utterances of equal length."""

    threads: int
    activity: str
    batch: int
    seconds: int


@dataclass(frozen=True)
class Timing:
    """The time of each call of a subject in a case."""

    case: Case
    subject: str
    steps: int
    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.times_ms)


def networks(recipe: Recipe, device: str) -> dict[str, EmotionModel]:
    """Each subject's system with random weights. Only the back end is timed."""
    torch.manual_seed(1)
    built = {}
    for subject in SUBJECTS:
        settings = merge_settings(recipe.model_dump(), {"back": {"causal": subject.causal}})
        built[subject.name] = build(Recipe.model_validate(settings), subject.system, LABELS).to(device)
    return built


def multiply_adds(back: Back, steps: int) -> int:
    """Multiply-adds of one forward pass over one utterance.

    Each weight of a layer counts once per step, those of the classifier once per utterance. Attention
    compares every step with every other and sums over them.
    """
    weights = sum(p.numel() for p in back.parameters() if p.ndim > 1)
    head = back.head
    once = 0 if head.objective.is_per_frame else sum(p.numel() for p in head.parameters() if p.ndim > 1)
    pairs = 0 if back.attention is None else 2 * steps**2 * back.attention.value.out_features
    return (weights - once) * steps + once + pairs


def step_count(network: EmotionModel, seconds: int) -> int:
    """The number of steps of local features for a duration."""
    return network.front.steps_out(frames_in(seconds * SAMPLE_RATE_HZ))


def timed_call(network: EmotionModel, case: Case, recipe: Recipe) -> Callable[[], None]:
    """A function that performs the case once."""
    device = next(network.parameters()).device
    back, steps = network.back, step_count(network, case.seconds)
    local = torch.randn(case.batch, steps, network.front.features_out, device=device)
    lengths = torch.full((case.batch,), steps, device=device)
    if case.activity == "inference":

        def infer() -> None:
            with torch.inference_mode():
                back.eval()(local, lengths)

        return infer
    labels = torch.arange(case.batch, device=device) % LABELS
    batch = Batch(local, lengths, labels, tuple(((label, 1.0),) for label in labels.tolist()))
    updates = optimiser(back.parameters(), recipe.stage2)
    weights = torch.ones(LABELS, device=device)

    def train() -> None:
        updates.zero_grad()
        output = back.train()(local, lengths)
        network.objective.loss(output, lengths, batch.labels, batch.parts, weights, 0.0).backward()
        updates.step()

    return train


def alternately(
    calls: Sequence[Callable[[], None]], budget_s: float, wait: Callable[[], None]
) -> list[list[float]]:
    """Milliseconds of each call, made in turn; the first round determines the number of rounds."""
    rounds: list[list[float]] = []
    wanted = MIN_REPEATS
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
            wanted = min(MAX_REPEATS, max(MIN_REPEATS, as_budgeted))
    return [list(column) for column in zip(*rounds, strict=True)]


def measure(recipe: Recipe, cases: Sequence[Case], device: str, budget_s: float) -> Iterator[Timing]:
    """The timings of every subject in every case that fits into memory."""
    built = networks(recipe, device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    for case in cases:
        torch.set_num_threads(case.threads)
        steps = {s: step_count(built[s.name], case.seconds) for s in SUBJECTS}
        chosen = [s for s in SUBJECTS if case.batch * steps[s] <= MAX_STEPS]
        calls = [timed_call(built[subject.name], case, recipe) for subject in chosen]
        times = alternately(calls, budget_s, wait) if calls else []
        for subject, spent in zip(chosen, times, strict=True):
            yield Timing(case, subject.name, steps[subject], tuple(spent))


def report_page(timings: Sequence[Timing], built: dict[str, EmotionModel], machine: str) -> str:
    """The report: sizes, then times and their ratios for each number of threads and setting."""
    found = {(timing.case, timing.subject): timing.median_ms for timing in timings}
    cases = list(dict.fromkeys(timing.case for timing in timings))
    lengths = sorted({case.seconds for case in cases})
    sizes = [
        [
            name,
            f"{network.front.features_out} x {100 // network.front.frames_per_step} per second",
            f"{sum(p.numel() for p in network.back.parameters()):,}",
            *(f"{multiply_adds(network.back, step_count(network, s)) / 1e6:,.0f}" for s in lengths),
        ]
        for name, network in built.items()
    ]
    head = ["back end", "features", "parameters", *(f"{s} s: million multiply-adds" for s in lengths)]
    lines = [
        "# Dilated residual network and BLSTM",
        "",
        f"Milliseconds, medians of {MIN_REPEATS} to {MAX_REPEATS} calls in turn; "
        f"{machine}, torch {torch.__version__}. Random local features, the paper's sizes, float32. "
        "The front is not included: PCNSE needs 3.1 billion multiply-adds for 5 s, and `blstm-ctc` has none. "
        f"–: over {MAX_STEPS:,} steps per batch, left out to fit into 6 GB. A ratio above 1 means that "
        "the dilated residual network is faster.",
        "",
        *table(head, sizes),
    ]
    for threads, activity, batch in dict.fromkeys(
        (case.threads, case.activity, case.batch) for case in cases
    ):
        rows = []
        for seconds in lengths:
            ms = {name: found.get((Case(threads, activity, batch, seconds), name)) for name in built}
            ratios = [f"{ms[slow] / ms[fast]:.2f}" if ms[slow] and ms[fast] else "–" for slow, fast in RATIOS]
            rows.append([seconds, *(f"{value:.1f}" if value else "–" for value in ms.values()), *ratios])
        names = [*built, *(f"{slow} ÷ {fast}" for slow, fast in RATIOS)]
        title = f"## {activity.capitalize()}, batch {batch}, threads {threads}"
        lines += ["", title, "", *table(["seconds", *names], rows)]
    return "\n".join(lines) + "\n"


def timings_csv(timings: Sequence[Timing], built: dict[str, EmotionModel], device: str) -> str:
    """The timings as CSV, a line for each back end in each case."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["device", "threads", "activity", "batch", "seconds", "back_end", "steps", "parameters",
         "multiply_adds", "median_ms", "least_ms", "greatest_ms", "repeats"]
    )  # fmt: skip
    for timing in timings:
        case, back = timing.case, built[timing.subject].back
        operations = case.batch * multiply_adds(back, timing.steps)
        figures = (timing.median_ms, min(timing.times_ms), max(timing.times_ms))
        writer.writerow(
            [device, case.threads, case.activity, case.batch, case.seconds, timing.subject, timing.steps,
             sum(p.numel() for p in back.parameters()), operations,
             *(f"{figure:.3f}" for figure in figures), len(timing.times_ms)]
        )  # fmt: skip
    return text.getvalue()


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT")
    parser.add_argument("--quick", action="store_true", help="a trial: short utterances, few repeats")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cpu", "cuda"), default=default)
    options = parser.parse_args()
    device = options.device
    threads = THREADS if device == "cpu" else THREADS[:1]
    lengths, budget_s = (SECONDS[:3:2], 0.0) if options.quick else (SECONDS, BUDGET_S)
    cases = [Case(t, activity, batch, s) for t in threads for activity, batch in SETTINGS for s in lengths]
    recipe, timings = load_recipe(["paper"]), []
    for timing in measure(recipe, cases, device, budget_s):
        print(timing.case, timing.subject, f"{timing.median_ms:.1f} ms", flush=True)
        timings.append(timing)
    built = networks(recipe, "cpu")
    machine = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {platform.machine()}"
    page = report_page(timings, built, machine)
    options.output.mkdir(parents=True, exist_ok=True)
    write_text(options.output / "report.md", page)
    write_text(options.output / "table.csv", timings_csv(timings, built, device))
    print(page, end="")


if __name__ == "__main__":
    main()

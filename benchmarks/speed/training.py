"""The rows on training: the paper's network by `emotrace train`, and by Keras padded to 5 s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from speed.inference import PAPER_WIDTH
from speed.inputs import LAYOUTS, NO_EMODB
from speed.session import Session
from speed.worker import Worker, WorkerError

BATCH = 32
LAYOUT = LAYOUTS[0]
GPU_STEPS = 50
PRECISIONS = {"ours": "bfloat16", "ours-float32": "float32"}


@dataclass(frozen=True)
class Step:
    """A row on a training step.

    Attributes:
        each: steps per call of emotrace; in a single step, memory allocation would take a third of the time,
            which Keras does only once
        rounds: number of calls
    """

    stage: int
    layout: str
    batch: int
    each: int
    rounds: int
    precisions: tuple[str, ...] = tuple(PRECISIONS)


STEPS = {
    "step-branch-pool": Step(1, LAYOUT, BATCH, each=4, rounds=3),
    "step-inception": Step(1, "inception", 8, each=4, rounds=2, precisions=("ours",)),  # 4.5 times the work
    "back-branch-pool": Step(2, LAYOUT, BATCH, each=4, rounds=5),
}


def padded_steps(session: Session) -> None:
    """A step of each stage on a padded batch: emotrace in both precisions, and Keras."""
    with session.workers(session.cores, "training", "keras") as workers:
        for row, step in STEPS.items():
            batch, layout, calls = session.batch(step.batch), step.layout, {}
            for who in step.precisions:
                arguments = {"network": layout, "precision": PRECISIONS[who], "steps": step.each}
                calls[f"{row}/{who}"] = prepare_steps(workers["training"], step.stage, batch, **arguments)
            try:
                if "keras" in workers:
                    size = {"layout": layout, "width": PAPER_WIDTH}
                    calls[f"{row}/keras"] = prepare_steps(workers["keras"], step.stage, batch, **size)
            except WorkerError as error:
                session.findings.record_missing(f"{row}/keras", error)
            session.findings.alternate(calls, session.rounds(step.rounds))


def epoch(session: Session) -> None:
    """Stage 1 for an epoch of EmoDB in batches by length; that of Keras is estimated from its padded step."""
    findings, root = session.findings, session.inputs.emodb
    if root is None:
        findings.record_missing("epoch", NO_EMODB)
        return
    with session.workers(session.cores, "training") as workers:
        arguments = {"network": LAYOUT, "precision": PRECISIONS["ours"], "root": str(root)}
        arguments |= {"most": 4} if session.quick else {}
        ready = workers["training"].call("prepare", name="epoch", stage=1, batch=BATCH, **arguments)
        timer = workers["training"].timer("epoch", name="epoch")
        findings.alternate({"epoch/ours": timer}, rounds=1, warm=0 if session.quick else 1)
    padded = findings.value("step-branch-pool/keras")
    if padded is not None:
        findings.figures["epoch/keras"] = padded * ready["utterances"] / session.batch(BATCH)


def gpu(session: Session) -> None:
    """The same steps on a GPU, if torch finds one."""
    with session.workers(session.cores, "training") as workers:
        if not workers["training"].call("has_gpu")["gpu"]:
            return
        for layout in LAYOUTS:
            calls = {
                f"gpu-{layout}/{who}": prepare_steps(
                    workers["training"],
                    1,
                    BATCH,
                    network=layout,
                    precision=precision,
                    steps=GPU_STEPS,
                    device="cuda",
                )
                for who, precision in PRECISIONS.items()
            }
            session.findings.alternate(calls, session.rounds(11), warm=2)


def prepare_steps(worker: Worker, stage: int, batch: int, **arguments: Any) -> Callable[[], float]:
    """A function that trains on noise and returns the seconds of a step.

    Raises:
        WorkerError: the process cannot prepare the step.
    """
    name = f"{stage} {batch} {arguments}"
    worker.call("prepare", name=name, stage=stage, batch=batch, **arguments)
    return worker.timer("epoch", name=name)


ROWS = (padded_steps, epoch, gpu)

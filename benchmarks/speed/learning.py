"""The rows on training: the paper's network, ours as `emotrace train` trains it, Keras padded to 5 s."""

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
    """What a row on a training step trains.

    Attributes:
        each: how many steps of ours a call has: of a single one, fetching its memory from the system would be
            a third, which Keras keeps from call to call
        rounds: how often it is called
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
    """A step of either stage on a padded batch: ours in either precision, and Keras."""
    with session.workers(session.cores, "training", "keras") as workers:
        for row, step in STEPS.items():
            batch, layout, calls = session.batch(step.batch), step.layout, {}
            for who in step.precisions:
                given = {"network": layout, "precision": PRECISIONS[who], "steps": step.each}
                calls[f"{row}/{who}"] = prepared(workers["training"], step.stage, batch, **given)
            try:
                if "keras" in workers:
                    size = {"layout": layout, "width": PAPER_WIDTH}
                    calls[f"{row}/keras"] = prepared(workers["keras"], step.stage, batch, **size)
            except WorkerError as error:
                session.findings.miss(f"{row}/keras", error)
            session.findings.alternate(calls, session.rounds(step.rounds))


def epoch(session: Session) -> None:
    """Stage 1 for an epoch of EmoDB in batches by length; Keras's is reckoned from its padded step."""
    findings, root = session.findings, session.inputs.emodb
    if root is None:
        findings.miss("epoch", NO_EMODB)
        return
    with session.workers(session.cores, "training") as workers:
        given = {"network": LAYOUT, "precision": PRECISIONS["ours"], "root": str(root)}
        given |= {"most": 4} if session.quick else {}
        ready = workers["training"].ask("prepare", name="epoch", stage=1, batch=BATCH, **given)
        timer = workers["training"].timer("epoch", name="epoch")
        findings.alternate({"epoch/ours": timer}, rounds=1, warm=0 if session.quick else 1)
    padded = findings.value("step-branch-pool/keras")
    if padded is not None:
        findings.figures["epoch/keras"] = padded * ready["utterances"] / session.batch(BATCH)


def gpu(session: Session) -> None:
    """The same steps on a GPU, where torch finds one."""
    with session.workers(session.cores, "training") as workers:
        if not workers["training"].ask("has_gpu")["gpu"]:
            return
        for layout in LAYOUTS:
            calls = {
                f"gpu-{layout}/{who}": prepared(
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


def prepared(worker: Worker, stage: int, batch: int, **given: Any) -> Callable[[], float]:
    """A call that trains on noise and gives the seconds of a step.

    Raises:
        WorkerError: if the process cannot
    """
    name = f"{stage} {batch} {given}"
    worker.ask("prepare", name=name, stage=stage, batch=batch, **given)
    return worker.timer("epoch", name=name)


ROWS = (padded_steps, epoch, gpu)

"""The rows on training: the paper's network, ours as `emotrace train` trains it, Keras padded to 5 s."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from speed.inference import PAPER_WIDTH
from speed.inputs import LAYOUTS, NO_EMODB
from speed.session import Session
from speed.worker import Worker, WorkerError

BATCH = 32
LAYOUT = LAYOUTS[0]
STEPS = {  # stage, layout, batch, steps of ours in a call, rounds; inception is 4.5 times the work
    "step-branch-pool": (1, LAYOUT, BATCH, 1, 3),
    "step-inception": (1, "inception", 8, 1, 2),
    "back-branch-pool": (2, LAYOUT, BATCH, 4, 5),
}
GPU_STEPS = 50
PRECISIONS = {"ours": "bfloat16", "ours-float32": "float32"}


def padded_steps(session: Session) -> None:
    """A step of either stage on a padded batch: ours in either precision, and Keras."""
    with session.workers(session.cores, "training", "keras") as workers:
        for row, (stage, layout, full, steps, rounds) in STEPS.items():
            batch = session.batch(full)
            calls = {
                f"{row}/{who}": prepared(
                    workers["training"], stage, batch, network=layout, precision=precision, steps=steps
                )
                for who, precision in PRECISIONS.items()
            }
            try:
                if "keras" in workers:
                    size = {"layout": layout, "width": PAPER_WIDTH}
                    calls[f"{row}/keras"] = prepared(workers["keras"], stage, batch, **size)
            except WorkerError as error:
                session.findings.miss(f"{row}/keras", error)
            session.findings.alternate(calls, session.rounds(rounds))


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
        findings.alternate({"epoch/ours": timer}, session.rounds(2), warm=0 if session.quick else 1)
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

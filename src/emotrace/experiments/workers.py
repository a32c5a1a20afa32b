"""Several trainings at once, each in a process of its own, and none that outlives the one that started it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch

from emotrace.errors import RunError
from emotrace.experiments.cost import one_thread
from emotrace.training.progress import ProgressCallback

J = TypeVar("J")
WORKER: dict[str, Any] = {}  # what a worker process keeps from one job to the next


def work_on(
    work: Callable[[J, ProgressCallback], None],
    jobs: Sequence[J],
    workers: int,
    device: str,
    progress: ProgressCallback,
) -> None:
    """Call `work` on each job, here one after the other or in as many processes as `workers`.

    On a CPU each has one thread, so what comes out does not depend on their number.
    """
    if workers > 1 and len(jobs) > 1:
        in_processes(work, jobs, workers, progress)
        return
    with one_thread() if device == "cpu" else nullcontext():
        for job in jobs:
            work(job, progress)


def in_processes(
    work: Callable[[J, ProgressCallback], None], jobs: Sequence[J], workers: int, progress: ProgressCallback
) -> None:
    """Call `work` on each job in as many processes as `workers`, each with one thread.

    Both must be such as can be sent to another process. However this ends, so do the processes, whatever they
    are at; so the work must be such as can be taken up again where it was killed.

    Raises:
        RunError: a process was killed from outside.
        Exception: whatever `work` raised.
    """
    context = multiprocessing.get_context("spawn")
    messages: Any = context.Queue()
    forwarder = threading.Thread(target=forward_messages, args=(messages, progress), daemon=True)
    forwarder.start()
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, start_worker, (work, messages))
    try:
        with sigint_blocked():
            running = [pool.submit(call_in_worker, job) for job in jobs]
            # The pool looks for processes to watch before it starts the one that a job asks for: without one
            # more thing to do it would overlook the death of the last.
            pool.submit(os.getpid)
        for done in as_completed(running):
            done.result()
    except BaseException as error:
        messages.cancel_join_thread()  # what a killed worker left half said must not keep this process waiting
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise RunError(
                "a worker process was killed, for want of memory perhaps; call this again, and each fold "
                "goes on from its last epoch"
            ) from None
        raise
    pool.shutdown()  # only then has everything been told
    messages.put(None)
    forwarder.join()
    messages.close()
    messages.join_thread()  # or it would race the interpreter's exit


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Keep interrupts from the processes that start in this block: their parent hears them, and ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def forward_messages(messages: Any, progress: ProgressCallback) -> None:
    """Hand on what the workers tell, until None comes."""
    while (epoch := messages.get()) is not None:
        progress(epoch)


def start_worker(work: Callable[[Any, ProgressCallback], None], messages: Any) -> None:
    """Make a fresh process a worker."""
    threading.Thread(target=exit_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    WORKER.update(work=work, progress=messages.put)


def exit_with_parent() -> None:
    """End this process as soon as its parent has ended: two runs must not write to one folder."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def call_in_worker(job: Any) -> None:
    """One job, in a worker process."""
    WORKER["work"](job, WORKER["progress"])

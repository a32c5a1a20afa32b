"""Parallel training in worker processes, which end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

import torch

from emotrace.distributed.tasks import in_ray_tasks
from emotrace.errors import RunError
from emotrace.experiments.cost import one_thread
from emotrace.system.worker_processes import end_with_parent, sigint_blocked
from emotrace.training.progress import ProgressCallback

J = TypeVar("J")
WORKER: dict[str, Any] = {}  # state of a worker process, shared by its jobs


def work_on(
    work: Callable[[J, ProgressCallback], None],
    jobs: Sequence[J],
    workers: int,
    device: str,
    progress: ProgressCallback,
    engine: str = "local",
) -> None:
    """Call `work` on each job: one after the other in this process, in `workers` processes, or in Ray tasks.

    On a CPU each job has one thread, so results do not depend on the number of processes, nor on the engine.
    """
    if engine == "ray":
        in_ray_tasks(partial(work_with_one_thread, work, device), jobs, progress, gpus=int(device == "cuda"))
        return
    if workers > 1 and len(jobs) > 1:
        in_processes(work, jobs, workers, progress)
        return
    with one_thread() if device == "cpu" else nullcontext():
        for job in jobs:
            work(job, progress)


def work_with_one_thread(
    work: Callable[[J, ProgressCallback], None], device: str, job: J, progress: ProgressCallback
) -> None:
    """Call `work` on a job, with one thread on a CPU."""
    with one_thread() if device == "cpu" else nullcontext():
        work(job, progress)


def in_processes(
    work: Callable[[J, ProgressCallback], None], jobs: Sequence[J], workers: int, progress: ProgressCallback
) -> None:
    """Call `work` on each job in `workers` processes with one thread each.

    `work` and the jobs must be picklable. The processes are killed if this function ends early, so jobs must
    be able to resume.

    Raises:
        RunError: a process was killed.
        Exception: any exception that `work` raised.
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
            # The pool collects the processes to watch before it starts the process for a job. One more task
            # makes it watch the last process too.
            pool.submit(os.getpid)
        for done in as_completed(running):
            done.result()
    except BaseException as error:
        messages.cancel_join_thread()  # a message that a killed worker left unfinished would block the exit
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise RunError(
                "a worker process was killed (possibly out of memory); run the same command again to resume"
            ) from None
        raise
    pool.shutdown()  # all messages are in the queue after it
    messages.put(None)
    forwarder.join()
    messages.close()
    messages.join_thread()  # it must not run during the exit of the interpreter


def forward_messages(messages: Any, progress: ProgressCallback) -> None:
    """Pass on the progress of the workers, until the message is None."""
    while (epoch := messages.get()) is not None:
        progress(epoch)


def start_worker(work: Callable[[Any, ProgressCallback], None], messages: Any) -> None:
    """Set up a worker process."""
    end_with_parent()  # so that two runs never write to one folder
    torch.set_num_threads(1)
    WORKER.update(work=work, progress=messages.put)


def call_in_worker(job: Any) -> None:
    """Run one job in a worker process."""
    WORKER["work"](job, WORKER["progress"])

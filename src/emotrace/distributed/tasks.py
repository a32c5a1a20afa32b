"""Jobs that can resume, as Ray tasks: a task whose worker dies is started again elsewhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from emotrace.distributed.cluster import connection
from emotrace.errors import EmotraceError, RunError

J = TypeVar("J")
Progress = Callable[[Any], object]

RETRIES = 5  # of a task whose worker died
_WAIT_S = 0.2  # for an interrupt


def in_ray_tasks(
    work: Callable[[J, Progress], None], jobs: Sequence[J], progress: Progress, gpus: int = 0
) -> None:
    """Call `work` on each job in a Ray task of one processor.

    Args:
        work: picklable; must continue what a killed call of the same job left on a disk that all machines
            share
        jobs: picklable
        progress: receives what the tasks report, in a thread
        gpus: number of GPUs of each task

    Raises:
        RunError: if the workers of a task died again and again
        Exception: any exception that `work` raised
    """
    with connection():
        import ray
        from ray.util.queue import Queue

        messages = Queue(actor_options={"num_cpus": 0})
        forwarder = threading.Thread(target=_forward, args=(messages, progress), daemon=True)
        forwarder.start()
        remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_run)
        shared: Any = ray.put(work)
        running = [remote.remote(shared, job, messages, str(Path.cwd())) for job in jobs]
        try:
            while running:
                done, running = ray.wait(running, timeout=_WAIT_S)
                ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, EmotraceError | OSError) else error from None
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(
                f"the workers of a Ray task died {RETRIES + 1} times ({reason}); run the same command again "
                "to resume"
            ) from None
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            with suppress(Exception):  # the queue may have been on a machine that left
                messages.put(None)
                forwarder.join()
                messages.shutdown(force=True)


def _run(work: Callable[[Any, Progress], None], job: Any, messages: Any, folder: str) -> None:
    with suppress(OSError):  # on another machine, the folder may not be there; then paths must be absolute
        os.chdir(folder)

    def report(message: Any) -> None:
        with suppress(Exception):  # progress is not worth the job
            messages.put(message)

    work(job, report)


def _forward(messages: Any, progress: Progress) -> None:
    """Pass on what tasks report, until it is None or the queue is gone."""
    with suppress(Exception):
        while (message := messages.get()) is not None:
            progress(message)

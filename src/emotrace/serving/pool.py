"""The bounded pool that does the work of requests."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from emotrace.serving.problems import ProblemError

T = TypeVar("T")


class WorkerPool:
    """Runs work in threads. Only so many requests are admitted at a time; others are told to come again.

    A request is admitted before its body is read, so memory is bounded by the number of admitted requests
    times the size of an upload.

    Args:
        workers: number of threads
        max_waiting: number of requests that may be admitted beyond those
    """

    def __init__(self, workers: int, max_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="recognition")
        self._workers, self._capacity = workers, workers + max_waiting
        self._mean_s = 0.05  # of the work of a request
        self.admitted = 0

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Admit a request for the duration of the block.

        Raises:
            ProblemError: 429, if there are too many
        """
        if self.admitted >= self._capacity:
            wait_s = max(1, math.ceil(self.admitted * self._mean_s / self._workers))
            raise ProblemError(
                429,
                f"found {self.admitted} requests at work or waiting, expected fewer; try again in {wait_s} s",
                {"Retry-After": str(wait_s)},
            )
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in a thread, and wait for it."""

        def timed() -> tuple[T, float]:
            start = time.monotonic()
            return work(), time.monotonic() - start

        result, seconds = await asyncio.get_running_loop().run_in_executor(self._executor, timed)
        self._mean_s += 0.1 * (seconds - self._mean_s)
        return result

    def close(self) -> None:
        """Wait for the work that runs, and end the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)

"""The state that the routes share: the model, the pool, the counters, and whether the service is ending."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from emotrace.inference.recogniser import Recogniser
from emotrace.serving.metrics import ServiceMetrics
from emotrace.serving.pool import WorkerPool
from emotrace.serving.problems import ProblemError
from emotrace.serving.settings import ServiceSettings


@dataclass(slots=True)
class Service:
    """One running service.

    Attributes:
        recogniser: the model
        settings: limits and access
        pool: does the work of requests
        stream_pool: does the work of live streams, so that they do not wait behind files
        metrics: the counters that `/metrics` shows
        stopping: set when the service ends; live streams then send their results
        streams: number of live streams
    """

    recogniser: Recogniser
    settings: ServiceSettings
    pool: WorkerPool = field(init=False)
    stream_pool: WorkerPool = field(init=False)
    metrics: ServiceMetrics = field(init=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0

    def __post_init__(self) -> None:
        self.pool = WorkerPool(self.settings.workers, self.settings.max_waiting)
        self.stream_pool = WorkerPool(self.settings.workers, self.settings.max_streams)
        self.metrics = ServiceMetrics(lambda: self.pool.admitted, lambda: self.streams)

    @contextmanager
    def stream_admission(self) -> Iterator[None]:
        """Count a live stream for the duration of the block.

        Raises:
            ProblemError: 429 if there are too many, 503 if the service is ending
        """
        self.check_running()
        if self.streams >= self.settings.max_streams:
            raise ProblemError(
                429,
                f"found {self.streams} live streams, expected fewer; try again later",
                {"Retry-After": "10"},
            )
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    def check_running(self) -> None:
        """Raise 503 if the service is ending."""
        if self.stopping.is_set():
            raise ProblemError(503, "the service is ending; try again soon", {"Retry-After": "5"})

    def close(self) -> None:
        """Wait for the work that runs, and end the threads."""
        self.pool.close()
        self.stream_pool.close()


def _service(connection: HTTPConnection) -> Service:
    service: Service = connection.app.state.service
    return service


TheService = Annotated[Service, Depends(_service)]

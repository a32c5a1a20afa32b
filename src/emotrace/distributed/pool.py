"""Ray actors that work on batches; batches of actors that die are worked on again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from emotrace.distributed.inputs import Input
from emotrace.distributed.worker import BatchResult, BatchWorker, Row, failed_row
from emotrace.errors import EmotraceError

ATTEMPTS = 3  # for a file that is alone in its batch: a worker may also die by chance
_BATCHES_AHEAD = 2  # of an actor: it starts the second while its rows of the first travel
_WAIT_S = 0.2  # for an interrupt
_LOOK_S = 5.0  # between two looks for new machines
_FAILED_STARTS = 5  # actors in a row that may die before they are ready


@dataclass
class Events:
    """What went wrong on the way, and was mended.

    Attributes:
        workers_lost: actors that died, with a process, a machine, or for want of memory
        workers_replaced: actors that were ended since a file took too long
        failed_reads: reads that were repeated
    """

    workers_lost: int = 0
    workers_replaced: int = 0
    failed_reads: int = 0


@dataclass
class _Batch:
    files: tuple[Input, ...]
    attempts: int = 0


@dataclass(eq=False)
class _Actor:
    handle: Any
    ready: bool = False
    calls: dict[Any, _Batch] = field(default_factory=dict)  # by reference, oldest first
    since_s: float = 0.0  # when it was last heard of


class ActorPool:
    """As many actors as the cluster has processors; the number follows the cluster.

    Args:
        model: content of the files of a model folder, by name
        model_name: name of the model in rows
        timeout_s: how long one file may take
    """

    def __init__(self, model: dict[str, bytes], model_name: str, timeout_s: float) -> None:
        import ray

        self.ray: Any = ray
        self.remote = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(BatchWorker)
        self.model, self.model_name, self.timeout_s = ray.put(model), model_name, timeout_s
        self.actors: list[_Actor] = []
        self.waiting: dict[Any, _Actor] = {}  # by the reference that is waited for
        self.batches: deque[_Batch] = deque()
        self.events = Events()
        self.failed_starts = 0
        self.looked_s = float("-inf")

    def rows(self, batches: Sequence[tuple[Input, ...]]) -> Iterator[list[Row]]:
        """Work on batches, and yield rows as they arrive; an empty list now and then without any.

        Raises:
            EmotraceError: if no actor can load the model
        """
        self.batches.extend(map(_Batch, batches))
        while self.batches or any(actor.calls for actor in self.actors):
            self.grow()
            self.assign()
            done, _ = self.ray.wait(list(self.waiting), timeout=_WAIT_S)
            rows = [row for reference in done for row in self.receive(reference)]
            yield rows + self.replace_late()

    def grow(self) -> None:
        """Start an actor for each processor that has none; those that find no place wait for one."""
        if time.monotonic() < self.looked_s + _LOOK_S:
            return
        self.looked_s = time.monotonic()
        for _ in range(len(self.actors), max(1, int(self.ray.cluster_resources().get("CPU", 0)))):
            self.start()

    def start(self) -> None:
        actor = _Actor(self.remote.remote(self.model, self.timeout_s))
        self.actors.append(actor)
        self.waiting[actor.handle.load.remote()] = actor

    def assign(self) -> None:
        """Send batches to the actors that are ready and have the fewest."""
        for actor in sorted(self.actors, key=lambda actor: len(actor.calls)):
            while actor.ready and self.batches and len(actor.calls) < _BATCHES_AHEAD:
                batch = self.batches.popleft()
                if not actor.calls:
                    actor.since_s = time.monotonic()
                reference = actor.handle.recognise.remote(batch.files)
                actor.calls[reference] = batch
                self.waiting[reference] = actor

    def receive(self, reference: Any) -> list[Row]:
        actor = self.waiting.pop(reference, None)
        if actor is None:  # of an actor that was given up
            return []
        errors = self.ray.exceptions
        try:
            result = self.ray.get(reference)
        except (errors.RayActorError, errors.WorkerCrashedError, errors.ObjectLostError) as error:
            return self.finished_calls(actor) + self.give_up(actor, error)
        except errors.RayTaskError as error:
            raise error.cause if isinstance(error.cause, EmotraceError) else error from None
        actor.since_s, self.failed_starts = time.monotonic(), 0
        if not actor.ready:
            actor.ready = True
            return []
        return self.accept(actor, actor.calls.pop(reference), result)

    def finished_calls(self, actor: _Actor) -> list[Row]:
        """The rows of what an actor finished before it died, so that its first call is what it died of."""
        rows: list[Row] = []
        for reference in list(actor.calls):
            try:
                result = self.ray.get(reference, timeout=_LOOK_S)
            except self.ray.exceptions.RayError:
                break
            rows += self.accept(actor, actor.calls.pop(reference), result)
            if actor not in self.actors:
                break
        return rows

    def accept(self, actor: _Actor, batch: _Batch, result: BatchResult) -> list[Row]:
        self.events.failed_reads += result.failed_reads
        if result.hung is None:
            return result.rows
        self.events.workers_replaced += 1
        hung, rest = batch.files[result.hung], batch.files[result.hung + 1 :]
        self.batches.extendleft(actor.calls.values())
        if rest:
            self.batches.appendleft(_Batch(rest))
        self.remove(actor)
        reason = f"no result after {self.timeout_s:g} s"
        return result.rows + self.again(_Batch((hung,), batch.attempts), reason)

    def again(self, batch: _Batch, reason: str) -> list[Row]:
        """Queue the one file of a batch once more, or give its row if that was tried often enough."""
        batch.attempts += 1
        if batch.attempts < ATTEMPTS:
            self.batches.append(batch)
            return []
        file = batch.files[0].file
        message = f"{file}: {reason}, {ATTEMPTS} times; leave the file out, or run it by itself"
        return [failed_row(file, message, self.model_name)]

    def give_up(self, actor: _Actor, error: Exception) -> list[Row]:
        """Queue the batches of an actor that died; the files of the one that it worked on, one by one."""
        if actor not in self.actors:
            return []
        self.events.workers_lost += 1
        if not actor.ready:
            self.failed_starts += 1
            if self.failed_starts == _FAILED_STARTS:
                reason = " ".join(str(error).split())[:300]
                raise EmotraceError(
                    f"{_FAILED_STARTS} Ray workers in a row ended while they loaded the model ({reason}); "
                    "check memory, and that emotrace is installed on each machine"
                )
        batches = list(actor.calls.values())
        self.remove(actor)
        if not batches:
            return []
        worked_on, later = batches[0], batches[1:]
        self.batches.extendleft(later)
        if len(worked_on.files) == 1:
            return self.again(worked_on, "the worker that read it died")
        self.batches.extendleft(_Batch((one,)) for one in worked_on.files)
        return []

    def replace_late(self) -> list[Row]:
        """Kill actors that do not answer at all, such as for a file that stops the interpreter."""
        rows = []
        for actor in list(self.actors):
            files = len(next(iter(actor.calls.values())).files) if actor.calls else 0
            if files and time.monotonic() - actor.since_s > self.timeout_s * (files + 1) + _LOOK_S:
                rows += self.give_up(actor, TimeoutError())
        return rows

    def remove(self, actor: _Actor) -> None:
        """End an actor; another one takes its place at once."""
        self.actors.remove(actor)
        self.waiting = {ref: other for ref, other in self.waiting.items() if other is not actor}
        self.ray.kill(actor.handle)
        self.looked_s = float("-inf")

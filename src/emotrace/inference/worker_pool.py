"""Files in several processes that share nothing but the list of files.

Each process loads the model for itself, so the processes do not wait for each other's interpreter lock, and a
file that crashes a library ends one process and not the call.
"""

import multiprocessing
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from emotrace.errors import AudioError, EmotraceError
from emotrace.system.native_messages import native_messages_discarded
from emotrace.system.worker_processes import describe_exit, end_with_parent, sigint_blocked

T = TypeVar("T")

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_SENT = 2  # files that a process has: it starts the second while its result of the first travels
_AHEAD = 64  # files for each process that may be done before an earlier one; bounds the memory
_ATTEMPTS = 2  # for a file whose process was killed
_FAILED_STARTS = 4  # processes in a row that may end before they are ready
_JOIN_S = 5.0  # for a process that has closed its connection


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The outcome for one input: a value, or the error that prevented one."""

    value: T | None = None
    error: EmotraceError | None = None


def attempt(work: Callable[[Path], T], file: Path | EmotraceError) -> Outcome[T]:
    """The outcome of `work` on a file; a file that could not be found has its error already."""
    if isinstance(file, EmotraceError):
        return Outcome(error=file)
    try:
        return Outcome(value=work(file))
    except EmotraceError as error:
        return Outcome(error=error)


@dataclass
class _Task:
    number: int
    file: Path
    attempts: int = 0


class _Worker:
    """A process, our end of its connection, and the tasks it was sent and has not answered."""

    def __init__(self) -> None:
        context: Any = multiprocessing.get_context(_METHOD)
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.ready = False
        self.sent: deque[_Task] = deque()
        start_server()
        with sigint_blocked():
            self.process.start()
        theirs.close()

    def send(self, message: object) -> None:
        """Send a message; where the process has ended, the next read tells."""
        with suppress(OSError):
            self.connection.send(message)

    def end(self) -> str:
        """End the process, and say how it ended."""
        self.connection.close()
        self.process.join(_JOIN_S)
        self.process.kill()
        self.process.join(_JOIN_S)
        return describe_exit(self.process.exitcode)


def start_server() -> None:
    """Start the process from which workers are forked, so that it imports while the caller does other things.

    It has one thread and no network, which only the workers load. Where processes cannot be forked from a
    server (Windows), nothing is started.
    """
    if _METHOD == "forkserver":
        multiprocessing.set_forkserver_preload(["emotrace.inference.recogniser"])
        with sigint_blocked():
            forkserver.ensure_running()


def in_processes(
    files: Iterator[Path | EmotraceError], work: Callable[[Path], T], processes: int
) -> Generator[Outcome[T], None, None]:
    """Call `work` on each file in several processes, and yield the outcomes in order.

    A file whose process is killed is tried once more, in a new process, and is an error if that is killed
    too.
    Memory stays bounded: at most 64 files for each process are done ahead of the one that is yielded next.
    The processes are killed when the generator is closed.

    Args:
        files: paths, and errors of what could not be found
        work: picklable; each process unpickles it once
        processes: number of processes

    Raises:
        EmotraceError: if `work` cannot be unpickled, such as a model that cannot be loaded, or if the
            processes are killed as they start
        Exception: any other exception that `work` raised
    """
    pool = _Pool(files, work, processes)
    try:
        yield from pool.outcomes()
    finally:
        pool.kill()


class _Pool(Generic[T]):
    def __init__(
        self, files: Iterator[Path | EmotraceError], work: Callable[[Path], T], processes: int
    ) -> None:
        self.files, self.work = enumerate(files), work
        self.done: dict[int, Outcome[T]] = {}
        self.again: deque[_Task] = deque()
        self.next = 0  # number of the outcome to yield next
        self.last = -1  # number of the file that was found last
        self.failed_starts = 0
        self.workers: list[_Worker] = []
        for _ in range(processes):
            self.workers.append(_Worker())
        for worker in self.workers:
            worker.send(work)

    def outcomes(self) -> Iterator[Outcome[T]]:
        while True:
            self.send_tasks()
            waiting = [worker.connection for worker in self.workers if worker.sent]
            if not waiting and self.next not in self.done:
                return
            for connection in wait(waiting, timeout=0 if self.next in self.done else None):
                self.receive(next(worker for worker in self.workers if worker.connection is connection))
            if self.next in self.done:
                self.next += 1
                yield self.done.pop(self.next - 1)

    def send_tasks(self) -> None:
        for worker in sorted(self.workers, key=lambda worker: len(worker.sent)):
            while len(worker.sent) < _SENT and (task := self.next_task()) is not None:
                worker.sent.append(task)
                worker.send((task.number, task.file))

    def next_task(self) -> _Task | None:
        if self.again:
            return self.again.popleft()
        while self.last - self.next < _AHEAD * len(self.workers):
            found = next(self.files, None)
            if found is None:
                return None
            self.last, file = found
            if isinstance(file, Path):
                return _Task(self.last, file)
            self.done[self.last] = Outcome(error=file)
        return None

    def receive(self, worker: _Worker) -> None:
        try:
            number, outcome = worker.connection.recv()
        except (EOFError, OSError):
            self.replace(worker)
            return
        if isinstance(outcome, Exception):
            raise outcome
        worker.ready, self.failed_starts = True, 0
        if number is not None:
            worker.sent.popleft()
            self.done[number] = outcome

    def replace(self, worker: _Worker) -> None:
        """Start another process for one that was killed; its first task is the one that it worked on."""
        how = worker.end()
        self.workers.remove(worker)
        if worker.ready:
            task = worker.sent[0]
            task.attempts += 1
            if task.attempts == _ATTEMPTS:
                worker.sent.popleft()
                self.done[task.number] = Outcome(
                    error=AudioError(
                        f"{task.file}: two processes in a row ended while they read it (the last {how}); "
                        "leave the file out, or use fewer --jobs if memory is short"
                    )
                )
        else:
            self.failed_starts += 1
            if self.failed_starts == _FAILED_STARTS:
                raise EmotraceError(
                    f"{_FAILED_STARTS} worker processes in a row ended while they started (the last {how}); "
                    "use fewer --jobs"
                )
        self.again.extendleft(reversed(worker.sent))
        self.workers.append(_Worker())
        self.workers[-1].send(self.work)

    def kill(self) -> None:
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.end()


def _serve(connection: Connection) -> None:
    """Run in a worker process: receive the work, then files, and answer each with its outcome."""
    end_with_parent()
    with sigint_blocked(), native_messages_discarded():
        # In the main thread, each call of the network would need a thread of its own to stay interruptible.
        thread = threading.Thread(target=_answer, args=(connection,))
        thread.start()
        thread.join()


def _answer(connection: Connection) -> None:
    with suppress(EOFError, OSError):
        try:
            work: Callable[[Path], Any] = connection.recv()
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 - raised again in the parent
            connection.send((None, error))
            return
        connection.send((None, None))
        while True:
            number, file = connection.recv()
            try:
                answer: Outcome[Any] | Exception = attempt(work, file)
            except Exception as error:  # noqa: BLE001 - raised again in the parent
                answer = error
            connection.send((number, answer))

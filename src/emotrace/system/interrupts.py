"""Interrupts (SIGINT, Ctrl-C): results so far are kept, and the process ends within half a second."""

import _thread
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

_CURRENT_ITEM_S = 0.2  # from an interrupt until the work on the current item is given up
_DEADLINE_S = 0.45  # from an interrupt until the process is ended, whatever it does


class GracefulInterrupt:
    """Iterates until the first interrupt; the item that was yielded last may be finished, if that is quick.

    Later interrupts are ignored until `interrupt_deadline` ends, because they would disturb what the first
    one ends. It works in the main thread only, since Python handles signals there, and does nothing where the
    process is to ignore interrupts.

    >>> interrupt = GracefulInterrupt()
    >>> with interrupt:
    ...     list(interrupt.iterate(iter([1, 2])))
    [1, 2]
    >>> interrupt.interrupted
    False
    """

    def __init__(self) -> None:
        self.interrupted = self._waiting = self._overdue = False
        self._timer = threading.Timer(_CURRENT_ITEM_S, self._give_up)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._previous_handler = signal.getsignal(signal.SIGINT)
        if callable(self._previous_handler):
            signal.signal(signal.SIGINT, self._interrupt)

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        if callable(self._previous_handler):
            signal.signal(signal.SIGINT, _ignore if self.interrupted else self._previous_handler)

    def iterate(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items that arrive before an interrupt."""
        while not self.interrupted:
            try:
                self._waiting = True
                item = next(items)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield item
        self._timer.cancel()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._overdue:
            self._overdue = False
            raise KeyboardInterrupt
        if self.interrupted:
            return
        self.interrupted = True
        if self._waiting:
            raise KeyboardInterrupt
        self._timer.start()

    def _give_up(self) -> None:
        self._overdue = True
        _interrupt_main_thread()


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. Processes that are started meanwhile do not inherit it, as they would SIG_IGN."""


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):  # it also ends a system call that waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def call_interruptibly(call: Callable[[], T], stop: Callable[[], None]) -> T:
    """Call a function that does not return to Python for long, so that an interrupt still has effect.

    In the main thread, the function runs in a thread of its own, because Python can handle signals only
    while the main thread runs Python code.

    Args:
        call: the function
        stop: makes `call` return soon; called if an interrupt ends the wait

    >>> call_interruptibly(lambda: 1 + 1, stop=lambda: None)
    2
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            future.set_exception(error)

    try:
        threading.Thread(target=work, daemon=True).start()
        return future.result()
    except KeyboardInterrupt:
        stop()
        raise


@contextmanager
def interrupt_deadline(end: Callable[[], None]) -> Iterator[None]:
    """Call `end`, in another thread, if the block has not ended half a second after an interrupt.

    The first interrupt raises KeyboardInterrupt, and later ones are ignored.

    Python handles signals only between two instructions of the main thread, so a call into a library, or a
    thread that waits for a pipe, would delay the end of the process for as long as it takes.

    >>> with interrupt_deadline(lambda: None):
    ...     pass
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    ended = threading.Event()

    def watch() -> None:
        with receiver:
            while numbers := receiver.recv(64):
                if signal.SIGINT in numbers and not ended.wait(_DEADLINE_S):
                    end()

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, _ignore)
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        signal.signal(signal.SIGINT, interrupt)
    previous = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(previous)
        if callable(handler):
            signal.signal(signal.SIGINT, handler)
        sender.close()

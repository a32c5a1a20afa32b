"""Interrupts that break nothing: they end a wait, and never what is done with what was waited for."""

import signal
from collections.abc import Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class GracefulInterrupt:
    """Takes things from an iterator up to the first interrupt; a second one is as ever. For the main thread.

    >>> until = GracefulInterrupt()
    >>> with until:
    ...     list(until.of(iter([1, 2])))
    [1, 2]
    >>> until.interrupted
    False
    """

    def __init__(self) -> None:
        self.interrupted = self._waiting = False

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGINT, self._interrupt)

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def of(self, things: Iterator[T]) -> Iterator[T]:
        """The things that come before an interrupt."""
        while not self.interrupted:
            try:
                self._waiting = True
                thing = next(things)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield thing

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, self._before)
        if self._waiting:
            raise KeyboardInterrupt

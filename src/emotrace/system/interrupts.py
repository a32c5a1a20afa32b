"""Graceful interrupts: Ctrl-C ends the wait for the next item, never the work on the current one."""

import signal
from collections.abc import Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class GracefulInterrupt:
    """Iterates until the first interrupt (SIGINT); a second interrupt raises KeyboardInterrupt as usual.

    It works in the main thread only, since Python handles signals there.

    >>> interrupt = GracefulInterrupt()
    >>> with interrupt:
    ...     list(interrupt.iterate(iter([1, 2])))
    [1, 2]
    >>> interrupt.interrupted
    False
    """

    def __init__(self) -> None:
        self.interrupted = self._waiting = False

    def __enter__(self) -> None:
        self._previous_handler = signal.signal(signal.SIGINT, self._interrupt)

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._previous_handler)

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

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, self._previous_handler)
        if self._waiting:
            raise KeyboardInterrupt

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from emotrace.system.interrupts import GracefulInterrupt, call_interruptibly, interrupt_deadline


@pytest.fixture(autouse=True)
def handler_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_further_interrupts_are_ignored() -> None:
    interrupt = GracefulInterrupt()
    with interrupt:
        for _ in interrupt.iterate(iter(range(9))):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    assert interrupt.interrupted
    with pytest.raises(KeyboardInterrupt), interrupt_deadline(lambda: None):
        signal.raise_signal(signal.SIGINT)


def test_the_work_on_the_last_item_is_finished_if_it_is_quick() -> None:
    interrupt, done = GracefulInterrupt(), []
    with interrupt:
        for item in interrupt.iterate(iter(range(9))):
            signal.raise_signal(signal.SIGINT)
            done.append(item)
    assert (done, interrupt.interrupted) == ([0], True)


def test_the_work_on_the_last_item_is_given_up_if_it_takes_long() -> None:
    interrupt = GracefulInterrupt()

    def work() -> None:
        with interrupt:
            for _ in interrupt.iterate(iter(range(9))):
                signal.raise_signal(signal.SIGINT)
                threading.Event().wait(600)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_a_process_that_ignores_interrupts_keeps_doing_so() -> None:
    interrupt = GracefulInterrupt()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupt:
            items = interrupt.iterate(iter(range(3)))
            assert next(items) == 0
            signal.raise_signal(signal.SIGINT)
            assert list(items) == [1, 2]
    finally:
        signal.signal(signal.SIGINT, before)
    assert not interrupt.interrupted


def test_a_call_is_stopped_if_its_wait_is_interrupted() -> None:
    stopped = threading.Event()

    def call() -> bool:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return stopped.wait(600)

    with pytest.raises(KeyboardInterrupt):
        call_interruptibly(call, stopped.set)
    assert stopped.is_set()


BUSY = """
import hashlib, os
from emotrace.system.interrupts import interrupt_deadline
with interrupt_deadline(lambda: os._exit(7)):
    try:
        print("busy", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)  # handles no signal before it returns
    except KeyboardInterrupt:  # it came early
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""


def test_a_library_call_that_takes_long_does_not_delay_the_end() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 7

"""Files in worker processes: outcomes are those of one process, whatever ends a worker."""

import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path

import pytest

from emotrace.errors import AudioError, EmotraceError, ModelError
from emotrace.inference.batch import for_each
from emotrace.inference.recogniser import Recogniser


def number(path: Path) -> int:
    """The number in a name; some names take longer, some are errors."""
    if path.suffix == ".broken":
        raise AudioError(f"{path}: broken")
    time.sleep(0.01 if int(path.stem) % 3 == 0 else 0.0)
    return int(path.stem)


def number_unless_killed(path: Path) -> int:
    """As `number`; a name ends its process always, or the first time."""
    if path.suffix == ".deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if path.suffix == ".once":
        try:
            path.open("xb").close()
        except FileExistsError:
            return int(path.stem)
        os.kill(os.getpid(), signal.SIGSEGV)
    return number(path)


def fail(path: Path) -> None:
    raise ZeroDivisionError(path.name)


class Unloadable:
    """Work that cannot be loaded in a worker."""

    def __init__(self, deadly: bool) -> None:
        self.deadly = deadly

    def __call__(self, path: Path) -> None: ...

    def __reduce__(self) -> tuple[object, ...]:
        return (end_process if self.deadly else refuse, ())


def refuse() -> None:
    raise ModelError("model: found no config.json")


def end_process() -> None:
    os._exit(7)


def remember_process(path: Path) -> int:
    return os.getpid()


@pytest.mark.parametrize("jobs", [1, 3])
def test_outcomes_are_in_order_for_any_number_of_jobs(jobs: int) -> None:
    files = [Path(f"{i}.wav") for i in range(200)]
    files[7] = Path("7.broken")
    outcomes = list(for_each(files, number, jobs))
    assert [outcome.value for outcome in outcomes] == [i if i != 7 else None for i in range(200)]
    assert str(outcomes[7].error) == "7.broken: broken"


def test_a_killed_worker_loses_nothing_and_the_file_that_kills_it_is_named(tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.wav" for i in range(20)]
    files[3] = tmp_path / "3.once"
    files[8] = tmp_path / "8.deadly"
    files[19] = tmp_path / "19.deadly"
    outcomes = list(for_each(files, number_unless_killed, jobs=2))
    assert [outcome.value for outcome in outcomes] == [i if i not in (8, 19) else None for i in range(20)]
    for i in (8, 19):
        assert str(outcomes[i].error) == (
            f"{files[i]}: two processes in a row ended while they read it (the last killed by SIGKILL, "
            "possibly out of memory); leave the file out, or use fewer --jobs if memory is short"
        )


def test_errors_of_workers_are_raised() -> None:
    files = [Path("a.wav"), Path("b.wav")]
    with pytest.raises(ZeroDivisionError, match=r"a\.wav|b\.wav"):
        list(for_each(files, fail, jobs=2))
    with pytest.raises(ModelError, match=r"found no config\.json"):
        list(for_each(files, Unloadable(deadly=False), jobs=2))
    with pytest.raises(EmotraceError, match=r"4 worker processes in a row .* code 7.*fewer --jobs"):
        list(for_each(files, Unloadable(deadly=True), jobs=2))


def test_workers_end_when_the_outcomes_are_no_longer_wanted() -> None:
    others = set(multiprocessing.active_children())
    outcomes = for_each([Path(f"{i}.wav") for i in range(10_000)], remember_process, jobs=2)
    assert isinstance(next(outcomes).value, int)
    workers = set(multiprocessing.active_children()) - others
    assert len(workers) == 2
    outcomes.close()
    assert not any(worker.is_alive() for worker in workers)


def test_a_recogniser_that_is_only_passed_on_does_not_load_the_network(tiny_model: Path) -> None:
    recogniser = Recogniser(tiny_model, start=False)
    assert recogniser.labels == ("anger", "sadness")
    recogniser.stop()  # nothing to stop
    assert recogniser._session_if_started is None
    assert pickle.loads(pickle.dumps(recogniser))._session_if_started is not None

"""What an actor of a bulk prediction does with a batch."""

import os
from pathlib import Path

import pytest
from distributed.faulty_storage import register

from emotrace.distributed.inputs import Input
from emotrace.distributed.worker import BatchWorker
from emotrace.inference.recogniser import Recogniser


@pytest.fixture
def worker(tiny_model: Path) -> BatchWorker:
    register()
    worker = BatchWorker({file.name: file.read_bytes() for file in tiny_model.iterdir()}, timeout_s=600.0)
    worker.load()
    return worker


def batch(*files: Path | str) -> list[Input]:
    return [Input(str(file), 1.0) for file in files]


def test_rows_are_those_of_a_recogniser_and_errors(
    worker: BatchWorker, clips: Path, tiny_model: Path
) -> None:
    done = worker.recognise(batch(clips / "00.wav", clips / "09.wav", clips / "01.wav", clips / "no.wav"))
    recogniser = Recogniser(tiny_model)
    for row, name in zip(done.rows[::2], ("00.wav", "01.wav"), strict=True):
        assert row == {**recogniser(clips / name).to_dict(), "error": None}
    for row, reason in zip(done.rows[1::2], ("found text", "found no such file"), strict=True):
        assert row["label"] is None
        assert reason in row["error"]
    assert (done.hung, done.failed_reads) == (None, 0)


def test_failed_reads_are_repeated_until_the_file_is_whole(
    worker: BatchWorker, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrace.distributed.fetching._FIRST_WAIT_S", 0.0)
    monkeypatch.setenv("FAULTY_RATE", "0.2")
    names = [f"{number:02}.wav" for number in range(40) if number % 10 != 9]
    done = worker.recognise(batch(*(f"faulty://{clips / name}" for name in names)))
    local = worker.recognise(batch(*(clips / name for name in names)))
    assert done.failed_reads > 0
    assert [{**row, "file": None} for row in done.rows] == [{**row, "file": None} for row in local.rows]
    assert all(row["error"] is None for row in done.rows)


def test_errors_name_the_url_and_not_the_copy(
    worker: BatchWorker, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrace.distributed.fetching._FIRST_WAIT_S", 0.0)
    monkeypatch.setenv("FAULTY_RATE", "0")
    done = worker.recognise(batch(f"faulty://{clips / '09.wav'}", f"faulty://{clips / 'no.wav'}"))
    monkeypatch.setenv("FAULTY_RATE", "1")
    done.rows += worker.recognise(batch(f"faulty://{clips / '00.wav'}")).rows
    for row, reason in zip(
        done.rows, ("found text", "found no such file", "cannot be read after 6 attempts"), strict=True
    ):
        assert row["error"].startswith(f"{row['file']}: ")
        assert reason in row["error"]
        assert "emotrace-" not in row["error"]


def test_a_file_that_never_ends_ends_the_batch(worker: BatchWorker, clips: Path) -> None:
    os.mkfifo(clips / "pipe.wav")  # nobody writes to it
    worker.timeout_s = 0.5
    done = worker.recognise(batch(clips / "00.wav", clips / "pipe.wav", clips / "01.wav"))
    assert done.hung == 1
    assert [row["file"] for row in done.rows] == [str(clips / "00.wav")]
    with (clips / "pipe.wav").open("wb"):  # ends the thread
        pass


def test_a_fault_of_the_recogniser_is_the_error_of_one_file(
    worker: BatchWorker, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recogniser = worker.recogniser

    def fail(path: Path) -> object:
        if path.name == "01.wav":
            raise KeyError("x")
        return recogniser(path)

    monkeypatch.setattr(
        worker, "recogniser", type("", (), {"__call__": staticmethod(fail), "config": recogniser.config})()
    )
    rows = worker.recognise(batch(*(clips / f"0{number}.wav" for number in range(3)))).rows
    assert [row["error"] is None for row in rows] == [True, False, True]
    assert "found a fault of emotrace (KeyError: 'x'); report it" in rows[1]["error"]

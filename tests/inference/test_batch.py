import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from emotrace.errors import AudioError
from emotrace.inference.batch import UniqueFileNames, describe_left_out, find_audio, for_each


def test_folders_are_walked_in_the_order_of_names(tmp_path: Path) -> None:
    for name in (
        "b/2.wav",
        "b/1.FLAC",
        "a/3.mp3",
        "0.ogg",
        "notes.txt",
        ".hidden.wav",
        ".git/x.wav",
        "b/._2.wav",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [os.path.relpath(str(path), tmp_path) for path in find_audio(tmp_path)] == [
        "0.ogg", "a/3.mp3", "b/1.FLAC", "b/2.wav",
    ]  # fmt: skip


def test_a_folder_without_audio_does_not_stop_the_other_inputs(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="folder without audio"):
        find_audio(tmp_path)
    outcomes = list(for_each([Path("a.wav"), tmp_path, Path("b.wav")], lambda path: path.name))
    assert [outcome.value for outcome in outcomes] == ["a.wav", None, "b.wav"]
    assert "folder without audio" in str(outcomes[1].error)


def test_work_never_runs_far_ahead_of_the_consumer() -> None:
    started: list[str] = []
    lock = threading.Lock()

    def work(path: Path) -> str:
        with lock:
            started.append(path.name)
        return path.name

    outcomes = for_each([Path(f"{i}.wav") for i in range(100)], work)
    next(outcomes)
    time.sleep(0.05)
    assert len(started) <= 4
    outcomes.close()
    assert len(started) <= 5


def test_running_work_is_stopped_when_the_generator_is_closed() -> None:
    stopped = threading.Event()

    def work(path: Path) -> str:
        if path.stem != "0":
            assert stopped.wait(timeout=600)
        return path.stem

    outcomes = for_each([Path(f"{i}.wav") for i in range(100)], work, stop=stopped.set)
    assert next(outcomes).value == "0"
    outcomes.close()
    assert stopped.is_set()


def test_work_that_is_waited_for_is_stopped_by_an_interrupt() -> None:
    stopped = threading.Event()

    def work(path: Path) -> bool:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return stopped.wait(timeout=600)

    with pytest.raises(KeyboardInterrupt):
        next(for_each([Path("a.wav")], work, stop=stopped.set))
    assert stopped.is_set()


def test_only_regular_files_of_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "1.wav").touch()
    os.mkfifo(tmp_path / "2.wav")
    (tmp_path / "3.wav").symlink_to("/dev/zero")
    (tmp_path / "4.wav").symlink_to("nothing")
    (tmp_path / "5.wav").symlink_to("1.wav")
    outcomes = list(for_each([tmp_path], lambda path: path.name))
    assert [outcome.value for outcome in outcomes] == ["1.wav", None, None, "4.wav", "5.wav"]
    assert "2.wav: found a named pipe in a folder, expected a regular file" in str(outcomes[1].error)
    assert "3.wav: found a device in a folder, expected a regular file" in str(outcomes[2].error)


def test_unreadable_folders_are_errors_and_what_was_left_out_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.wav", "b/2.wav", "c/3.wav", "3.APE", "4.ape", "5.dss", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "d").symlink_to("a")
    scan = os.scandir

    def refuse(folder: str) -> object:
        if folder == str(tmp_path / "b"):  # chmod does not stop an administrator, who may run this
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    left_out = Counter[str]()
    outcomes = list(for_each([tmp_path], lambda path: path.name, left_out=left_out))
    assert [outcome.value for outcome in outcomes] == ["1.wav", None, "3.wav"]
    assert str(outcomes[1].error) == (
        f"{tmp_path / 'b'}: found a folder that cannot be read (Permission denied); check who may read it"
    )
    assert describe_left_out(left_out) == (
        "left out 3 files of other formats (.ape 2, .dss 1), 1 unreadable folder, 1 link to a folder"
    )


def test_names_that_no_file_can_have_do_not_stop_the_other_inputs() -> None:
    inputs = [Path("a" * 300 + ".wav"), Path("b.wav")]
    assert [outcome.value for outcome in for_each(inputs, lambda path: path.name)] == [
        path.name for path in inputs
    ]


def test_unexpected_errors_are_raised() -> None:
    def work(path: Path) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(for_each([Path("a.wav")], work))


def test_output_names_are_unique() -> None:
    names = UniqueFileNames(Path("out"), ".png")
    sources = ["x/a.wav", "y/a.wav", "y/A.flac", "a-2.wav", "a-2.mp3", "x/a.b.wav"]
    written = [names.path_for(source).name.casefold() for source in sources]
    assert len(set(written)) == len(written)
    assert written[0] == "a.png"

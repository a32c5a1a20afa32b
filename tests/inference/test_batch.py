import threading
import time
from pathlib import Path

import pytest

from emotrace.errors import AudioError
from emotrace.inference.batch import UniqueFileNames, find_audio, for_each


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
    assert [str(path.relative_to(tmp_path)) for path in find_audio(tmp_path)] == [
        "0.ogg", "a/3.mp3", "b/1.FLAC", "b/2.wav",
    ]  # fmt: skip


def test_a_folder_without_audio_does_not_stop_the_other_inputs(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="folder without audio"):
        find_audio(tmp_path)
    outcomes = list(for_each([Path("a.wav"), tmp_path, Path("b.wav")], lambda path: path.name))
    assert [outcome.value for outcome in outcomes] == ["a.wav", None, "b.wav"]
    assert "folder without audio" in str(outcomes[1].error)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_outcomes_are_in_order_for_any_number_of_jobs(jobs: int) -> None:
    def work(path: Path) -> int:
        time.sleep(0.01 if int(path.stem) % 3 == 0 else 0.0)
        return int(path.stem)

    outcomes = for_each([Path(f"{i}.wav") for i in range(30)], work, jobs)
    assert [outcome.value for outcome in outcomes] == list(range(30))


def test_work_never_runs_far_ahead_of_the_consumer() -> None:
    started: list[str] = []
    lock = threading.Lock()

    def work(path: Path) -> str:
        with lock:
            started.append(path.name)
        return path.name

    outcomes = for_each([Path(f"{i}.wav") for i in range(100)], work, jobs=2)
    next(outcomes)
    time.sleep(0.05)
    assert len(started) <= 6
    outcomes.close()
    assert len(started) <= 8


def test_running_work_is_stopped_when_the_generator_is_closed() -> None:
    stopped = threading.Event()

    def work(path: Path) -> str:
        if path.stem != "0":
            assert stopped.wait(timeout=600)
        return path.stem

    outcomes = for_each([Path(f"{i}.wav") for i in range(100)], work, jobs=2, stop=stopped.set)
    assert next(outcomes).value == "0"
    outcomes.close()
    assert stopped.is_set()


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

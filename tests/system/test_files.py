from pathlib import Path

import pytest

from emotrace.system.files import UNFINISHED, atomic_path, clear_unfinished, write_bytes, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail_halfway() -> None:
        with atomic_path(target) as unfinished:
            unfinished.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_missing_folders_are_created_and_bytes_are_unchanged(tmp_path: Path) -> None:
    write_bytes(tmp_path / "b" / "c" / "a.bin", b"\r\n\0")
    assert (tmp_path / "b" / "c" / "a.bin").read_bytes() == b"\r\n\0"


def test_written_files_have_the_default_mode(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "")
    (tmp_path / "b").write_text("")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_files_that_are_being_written_are_not_cleared(tmp_path: Path) -> None:
    (tmp_path / f"{UNFINISHED}0.txt").write_text("of a killed process")
    with atomic_path(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("whole")
        clear_unfinished(tmp_path)
        assert list(tmp_path.iterdir()) == [unfinished]
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_file_that_is_cleared_before_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    lock, calls = fcntl.flock, []

    def cleared_before(file: object, operation: int) -> None:
        if not calls:
            (unfinished,) = tmp_path.iterdir()
            unfinished.unlink()
        calls.append(operation)
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", cleared_before)
    write_text(tmp_path / "a.txt", "whole")
    assert len(calls) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]

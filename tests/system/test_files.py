from pathlib import Path

import pytest

from emotrace.system.files import atomic_path, write_bytes, write_text


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

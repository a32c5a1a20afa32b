"""The folder of a bulk prediction: whole parts, and nothing twice."""

import json
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

import pyarrow.parquet

from emotrace.distributed.output import Output
from emotrace.distributed.worker import Row, failed_row
from emotrace.errors import RunError


def row(file: str) -> Row:
    span = {"start": 0.1, "end": 0.5, "emotion": "anger", "score": 0.9}
    return {
        **failed_row(file, "", "tiny"), "error": None, "duration_s": 0.5, "label": "anger", "score": 0.9,
        "scores": {"anger": 0.9, "sadness": 0.1}, "timeline": [span], "warnings": ["digital silence"],
    }  # fmt: skip


def test_parquet_and_json_lines_hold_the_same_rows(tmp_path: Path) -> None:
    rows = [row("a.wav"), failed_row("b.wav", "b.wav: broken", "tiny"), row("ä\udcff.wav")]
    Output(str(tmp_path / "out"), {}).write_part(rows[:2])
    Output(str(tmp_path / "out"), {}).write_part([row("ä.wav")])
    lines = [
        json.loads(line)
        for part in sorted((tmp_path / "out/jsonl").iterdir())
        for line in part.read_text(encoding="utf-8").splitlines()
    ]
    assert lines == [*rows[:2], row("ä.wav")]
    table = pyarrow.parquet.read_table(tmp_path / "out/parquet").to_pylist(maps_as_pydicts="strict")
    assert table == lines


def test_unfinished_parts_are_removed_and_finished_files_are_known(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "out"), {"input": "x"})
    output.write_part([row("a.wav"), row("b.wav")])
    (tmp_path / "out/jsonl/part-000001.jsonl").write_text("{")
    again = Output(str(tmp_path / "out"), {"input": "x"})
    again.clear_unfinished()
    assert [path.name for path in (tmp_path / "out/jsonl").iterdir()] == ["part-000000.jsonl"]
    assert again.done() == {"a.wav": 1, "b.wav": 1}


def test_other_folders_and_damaged_parts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").touch()
    for folder in ("other", "other/notes.txt"):
        with pytest.raises(RunError, match="is not the output of a bulk prediction"):
            Output(str(tmp_path / folder), {})
    output = Output(str(tmp_path / "out"), {"input": "x"})
    with pytest.raises(RunError, match="found results of another call"):
        Output(str(tmp_path / "out"), {"input": "y"})
    (tmp_path / "out/parquet").mkdir()
    (tmp_path / "out/parquet/part-000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"part-000000\.parquet: found no whole Parquet file"):
        output.done()


def test_an_object_store_can_hold_the_results() -> None:
    import fsspec

    output = Output("memory://bulk/out", {"input": "x"})
    output.write_part([row("a.wav")])
    again = Output("memory://bulk/out/", {"input": "x"})
    assert again.done() == {"a.wav": 1}
    fsspec.filesystem("memory").rm("/bulk", recursive=True)

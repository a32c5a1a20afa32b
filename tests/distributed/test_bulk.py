"""Bulk prediction on Ray: one row for each input, whatever happens on the way."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed.conftest import workers

from emotrace.distributed import bulk
from emotrace.distributed.bulk import predict_in_bulk
from emotrace.errors import EmotraceError, RunError


def rows_of(output: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for part in sorted((output / "jsonl").iterdir())
        for line in part.read_text(encoding="utf-8").splitlines()
    ]


def assert_one_row_each(output: Path, folder: Path, failed: int) -> None:
    rows = rows_of(output)
    assert sorted(row["file"].rpartition("/")[2] for row in rows) == sorted(
        path.name for path in folder.iterdir() if path.suffix == ".wav"
    )
    assert sum(row["error"] is not None for row in rows) == failed


def test_a_stop_and_a_second_call_do_nothing_twice(
    ray_cluster: None, clips: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrace.distributed.inputs.BATCH_FILES", 8)
    output, errors = tmp_path / "out", list[str]()

    def stop(message: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_in_bulk(str(clips), str(output), model=tiny_model, on_error=stop)
    first = rows_of(output)
    report = json.loads((output / "report.json").read_text())
    assert not report["complete"]
    assert 0 < len(first) == report["recognised"] + report["failed"] < 40
    second = predict_in_bulk(str(clips), str(output), model=tiny_model, on_error=errors.append)
    assert (second.done_before, second.complete) == (len(first), True)
    assert_one_row_each(output, clips, failed=4)
    assert len(errors) == second.failed
    third = predict_in_bulk(str(clips), str(output), model=tiny_model)
    assert (third.done_before, third.recognised, third.failed) == (40, 0, 0)
    with pytest.raises(RunError, match="found results of another call"):
        predict_in_bulk(str(clips), str(output))


@pytest.mark.slow
def test_deadly_and_hanging_files_are_named_and_lose_no_other(
    ray_cluster: None, clips: Path, tiny_model: Path, tmp_path: Path
) -> None:
    for name in ("15-deadly.wav", "25-hanging.wav"):
        shutil.copy(clips / "00.wav", clips / name)
    report = predict_in_bulk(f"faulty://{clips}", str(tmp_path / "out"), model=tiny_model, timeout_s=5.0)
    assert_one_row_each(tmp_path / "out", clips, failed=6)
    reasons = {row["file"].rpartition("/")[2]: row["error"] for row in rows_of(tmp_path / "out")}
    assert "the worker that read it died, 3 times" in reasons["15-deadly.wav"]
    assert "no result after 5 s, 3 times" in reasons["25-hanging.wav"]
    assert report.events["workers_lost"] >= 3
    assert report.events["workers_replaced"] == 3


@pytest.mark.slow
def test_killed_workers_lose_nothing(
    ray_cluster: None, clips: Path, tiny_model: Path, tmp_path: Path
) -> None:
    for copy in range(1, 30):
        for number in range(40):
            os.link(clips / f"{number:02}.wav", clips / f"{number:02}-{copy}.wav")
    stop = threading.Event()

    def kill() -> None:
        for _ in range(3):
            while not stop.wait(0.2) and not (found := workers()):
                pass
            if stop.is_set():
                return
            os.kill(found[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    report = predict_in_bulk(str(clips), str(tmp_path / "out"), model=tiny_model)
    stop.set()
    thread.join()
    assert report.events["workers_lost"] > 0
    assert_one_row_each(tmp_path / "out", clips, failed=120)


def test_output_that_cannot_be_written_is_refused_before_any_work(clips: Path, tiny_model: Path) -> None:
    with pytest.raises(OSError, match="proc") as refused:
        predict_in_bulk(str(clips), "/proc/none/out", model=tiny_model)
    assert "/proc/none" in str(refused.value)


def test_a_second_row_of_a_file_is_noticed(
    ray_cluster: None, clips: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    predict_in_bulk(str(clips), str(output), model=tiny_model)
    for kind in ("parquet", "jsonl"):
        shutil.copy(output / kind / f"part-000000.{kind}", output / kind / f"part-000007.{kind}")
    with pytest.raises(RunError, match=r"40 with several .* did two calls write"):
        predict_in_bulk(str(clips), str(output), model=tiny_model)


@pytest.mark.slow
def test_a_model_that_does_not_load_is_one_error(
    ray_cluster: None, clips: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content: Callable[[Any], dict[str, bytes]] = bulk._content
    monkeypatch.setattr(bulk, "_content", lambda folder: {**content(folder), "model.onnx": b"damaged"})
    with pytest.raises(EmotraceError, match=r"model\.onnx is not the file"):
        predict_in_bulk(str(clips), str(tmp_path / "out"), model=tiny_model)

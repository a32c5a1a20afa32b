"""Bulk prediction on Ray: from a pattern or a manifest to a folder of results."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotrace.distributed.cluster import connection, require_ray
from emotrace.distributed.inputs import Input, find_inputs, make_batches
from emotrace.distributed.output import Output
from emotrace.distributed.pool import ActorPool, Events
from emotrace.distributed.worker import Row
from emotrace.errors import EmotraceError, RunError
from emotrace.inference.hub import find_model_folder
from emotrace.inference.model_folder import CONFIG_FILE, ModelFolder, load_model_folder
from emotrace.inference.pretrained import pretrained_model

TIMEOUT_S = 600.0
_PART_ROWS, _PART_S = 2000, 30.0  # a part is written when it has so many rows, or after so long
_PROGRESS_S = 10.0


@dataclass
class Report:
    """What a call did, as `report.json` says it.

    Attributes:
        files: inputs
        done_before: files that had a row when the call began
        recognised: files with a result, of this call
        failed: files with an error, of this call
        audio_h: hours of audio of this call
        seconds: duration of this call, the start included
        events: what went wrong on the way, and was mended
        complete: whether each input now has one row
    """

    files: int
    done_before: int
    recognised: int
    failed: int
    audio_h: float
    seconds: float
    events: dict[str, int]
    complete: bool

    def as_text(self) -> str:
        """One line.

        >>> Report(3, 1, 1, 1, 0.5, 2.0, {"workers_lost": 1}, True).as_text()
        '3 of 3 files have a row: 1 recognised, 1 failed, 1 done before; 0.5 h of audio in 2 s (900 s a
         second); workers lost 1'
        """
        done = self.done_before + self.recognised + self.failed
        speed = self.audio_h * 3600 / max(self.seconds, 1e-9)
        events = "".join(
            f"; {name.replace('_', ' ')} {count}" for name, count in self.events.items() if count
        )
        return (
            f"{done} of {self.files} files have a row: {self.recognised} recognised, {self.failed} failed, "
            f"{self.done_before} done before; {self.audio_h:.3g} h of audio in {self.seconds:.0f} s "
            f"({speed:.0f} s a second){events}"
        )


def predict_in_bulk(
    source: str,
    output: str,
    *,
    model: str | Path | None = None,
    timeout_s: float = TIMEOUT_S,
    on_error: Callable[[str], object] = len,
    progress: Callable[[str], object] = len,
) -> Report:
    """Recognise many recordings on a Ray cluster, or by Ray on this machine.

    A call that was stopped is continued by the same call: files that have a row are not read again. At the
    end, each input has exactly one row, which has an error if the file could not be recognised.

    Args:
        source: a folder, a pattern, or a manifest with a column `file`; paths or URLs that fsspec knows
        output: folder of the results, new or of the same call; a path or URL
        model: a model folder, or `owner/name@revision`; None: the model that comes with the package
        timeout_s: how long one file may take; one that takes longer three times has an error
        on_error: receives the message of each file that failed
        progress: receives a line every ten seconds

    Raises:
        MissingExtraError: if the extra `ray` is not installed
        ModelError: if the model cannot be loaded
        RunError: if `output` holds something else
        EmotraceError: if there is no input, or no worker starts
        OSError: if `output` cannot be written; what is written stays, and the same call continues
    """
    require_ray()
    started_s = time.monotonic()
    folder = load_model_folder(pretrained_model() if model is None else find_model_folder(model))
    inputs = find_inputs(source)
    results = Output(output, _fingerprint(folder, source))
    results.clear_unfinished()
    done = results.done()
    to_do = [one for one in inputs if one.file not in done]
    recorder = _Recorder(results, len(inputs), len(inputs) - len(to_do), started_s, on_error, progress)
    events = Events()
    if to_do:
        with connection():
            pool = ActorPool(_content(folder), folder.config.name, timeout_s)
            events = pool.events
            try:
                for rows in pool.rows(make_batches(to_do)):
                    recorder.add(rows)
            except (KeyboardInterrupt, EmotraceError):
                recorder.flush()
                results.write_report(asdict(recorder.report(events, complete=False)))
                raise
            recorder.flush()
    _check(results, inputs)
    report = recorder.report(events, complete=True)
    results.write_report(asdict(report))
    return report


def _fingerprint(folder: ModelFolder, source: str) -> dict[str, Any]:
    config = (folder.path / CONFIG_FILE).read_bytes()  # it has the SHA-256 of the other files
    return {"input": source, "model": folder.config.name, "sha256": hashlib.sha256(config).hexdigest()}


def _content(folder: ModelFolder) -> dict[str, bytes]:
    files = {name: folder.read(name) for name in folder.config.sha256}
    return {**files, CONFIG_FILE: (folder.path / CONFIG_FILE).read_bytes()}


def _check(results: Output, inputs: list[Input]) -> None:
    """Check that each input has exactly one row, from what lies in the folder."""
    rows = results.done()
    missing = [one.file for one in inputs if one.file not in rows]
    twice = [file for file, count in rows.items() if count > 1]
    if missing or twice:
        first = (missing or twice)[0]
        raise RunError(
            f"{results.name}: found {len(missing)} files without a row and {len(twice)} with several (such "
            f"as {first}); did two calls write to the folder at once? Run into a new folder"
        )


class _Recorder:
    """Writes rows in parts, and counts."""

    def __init__(
        self,
        results: Output,
        files: int,
        done_before: int,
        started_s: float,
        on_error: Callable[[str], object],
        progress: Callable[[str], object],
    ) -> None:
        self.results, self.files, self.done_before, self.started_s = results, files, done_before, started_s
        self.on_error, self.progress = on_error, progress
        self.rows: list[Row] = []
        self.recognised = self.failed = 0
        self.audio_s = 0.0
        self.written_s = self.shown_s = time.monotonic()

    def add(self, rows: list[Row]) -> None:
        errors = [row["error"] for row in rows if row["error"] is not None]
        self.rows += rows
        self.failed += len(errors)
        self.recognised += len(rows) - len(errors)
        self.audio_s += sum(row["duration_s"] or 0.0 for row in rows)
        for error in errors:
            self.on_error(error)
        now_s = time.monotonic()
        if len(self.rows) >= _PART_ROWS or now_s - self.written_s >= _PART_S:
            self.flush()
        if now_s - self.shown_s >= _PROGRESS_S:
            self.shown_s = now_s
            done = self.done_before + self.recognised + self.failed
            speed = self.audio_s / 3600 / (now_s - self.started_s)
            self.progress(
                f"{done} of {self.files} files, {self.failed} failed, {speed:.3g} h of audio a second"
            )

    def flush(self) -> None:
        self.results.write_part(self.rows)
        self.rows, self.written_s = [], time.monotonic()

    def report(self, events: Events, complete: bool) -> Report:
        seconds = round(time.monotonic() - self.started_s, 2)
        return Report(
            self.files,
            self.done_before,
            self.recognised,
            self.failed,
            round(self.audio_s / 3600, 4),
            seconds,
            asdict(events),
            complete,
        )

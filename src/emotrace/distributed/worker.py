"""What a Ray actor of a bulk prediction does: it holds one model and recognises batches."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emotrace.distributed.fetching import local_copy
from emotrace.distributed.inputs import Input
from emotrace.errors import EmotraceError
from emotrace.inference.recogniser import Recogniser
from emotrace.system.native_messages import native_messages_discarded

Row = dict[str, Any]


@dataclass
class BatchResult:
    """The rows of a batch.

    Attributes:
        rows: one for each file, as far as the batch was done
        failed_reads: reads that were repeated
        hung: number of the file that took too long, after which the actor must be replaced; else None
    """

    rows: list[Row] = field(default_factory=list)
    failed_reads: int = 0
    hung: int | None = None


class BatchWorker:
    """A model that recognises batches, in a process of its own; call `load` first.

    Args:
        model: content of the files of a model folder, by name, so that no machine needs the folder
        timeout_s: how long one file may take
    """

    def __init__(self, model: dict[str, bytes], timeout_s: float) -> None:
        self.model, self.timeout_s = model, timeout_s
        self.thread = ThreadPoolExecutor(1)

    def load(self) -> None:
        """Load the model.

        Raises:
            ModelError: if its files do not fit each other
        """
        with tempfile.TemporaryDirectory(prefix="emotrace-") as folder:
            for name, content in self.model.items():
                Path(folder, name).write_bytes(content)
            self.recogniser = Recogniser(folder, threads=1)

    def recognise(self, batch: Sequence[Input]) -> BatchResult:
        """Recognise the files of a batch; stop at a file that takes too long."""
        done = BatchResult()
        with native_messages_discarded():
            for number, one in enumerate(batch):
                future = self.thread.submit(self._recognise_file, one.file)
                try:
                    row, failed_reads = future.result(self.timeout_s)
                except NotDone:
                    done.hung = number
                    return done
                done.rows.append(row)
                done.failed_reads += failed_reads
        return done

    def _recognise_file(self, file: str) -> tuple[Row, int]:
        shown = file
        try:
            with local_copy(file) as (path, failed_reads):
                shown = str(path)
                return {**self.recogniser(path).to_dict(), "file": file, "error": None}, failed_reads
        except EmotraceError as error:
            message = str(error).replace(shown, file)  # not the name of a copy
        except Exception as error:  # noqa: BLE001 - one bad file never loses the others' results
            message = f"{file}: found a fault of emotrace ({type(error).__name__}: {error}); report it"
        return failed_row(file, message, self.recogniser.config.name), 0


def failed_row(file: str, error: str, model: str) -> Row:
    """The row of a file without a result."""
    return {
        "schema_version": 1,
        "model": model,
        "file": file,
        "duration_s": None,
        "label": None,
        "score": None,
        "scores": None,
        "timeline": [],
        "warnings": [],
        "error": error,
    }

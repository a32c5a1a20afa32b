"""The results of a bulk prediction: a folder of parts, on any file system that fsspec knows.

A part has the rows of some files, as JSON Lines and as Parquet. It exists once its Parquet file does, which
is written last, in one piece. So a stop at any moment leaves whole parts, and the next call continues with
the files that are in none of them.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotrace.distributed.worker import Row
from emotrace.errors import RunError
from emotrace.system.files import write_bytes

RUN_FILE, REPORT_FILE = "run.json", "report.json"
_PARQUET, _LINES = "parquet", "jsonl"


class Output:
    """A folder of results.

    Args:
        folder: path or URL
        fingerprint: what must be the same in each call that continues the folder

    Raises:
        RunError: if the folder holds something else
    """

    def __init__(self, folder: str, fingerprint: Mapping[str, Any]) -> None:
        import fsspec

        self.name = folder.rstrip("/")
        self.system, self.path = fsspec.core.url_to_fs(self.name)
        self._create_or_resume(dict(fingerprint))
        self._next = max((int(name) for name in self._parts()), default=-1) + 1

    def _create_or_resume(self, fingerprint: dict[str, Any]) -> None:
        try:
            found = json.loads(self.system.cat_file(f"{self.path}/{RUN_FILE}"))
        except (FileNotFoundError, NotADirectoryError):
            if self.system.isfile(self.path) or (self.system.isdir(self.path) and self.system.ls(self.path)):
                raise RunError(
                    f"{self.name}: found something that is not the output of a bulk prediction, expected "
                    "an empty or new folder; give another --output"
                ) from None
            self._write(RUN_FILE, json.dumps(fingerprint, indent=2).encode() + b"\n")
            return
        except ValueError:
            found = None
        if found != fingerprint:
            raise RunError(
                f"{self.name}: found results of another call ({RUN_FILE} has {found}, this call "
                f"{fingerprint}); give another --output"
            )

    def done(self) -> Counter[str]:
        """How often each file has a row.

        Raises:
            RunError: if a part cannot be read
        """
        import pyarrow
        from pyarrow import parquet

        found: Counter[str] = Counter()
        for name in self._parts():
            path = f"{self.path}/{_PARQUET}/part-{name}.parquet"
            try:
                # Not read_table, whose threads can abort the process while it ends.
                content = io.BytesIO(self.system.cat_file(path))
                table = parquet.ParquetFile(content).read(columns=["file"], use_threads=False)
            except (pyarrow.ArrowException, OSError) as error:
                raise RunError(
                    f"{path}: found no whole Parquet file ({error}); delete it, and its files are done again"
                ) from None
            found.update(table.column("file").to_pylist())
        return found

    def write_part(self, rows: Sequence[Row]) -> None:
        """Write rows as the next part."""
        if not rows:
            return
        from pyarrow import Table, parquet

        name = f"part-{self._next:06d}"
        lines = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        content = io.BytesIO()
        parquet.write_table(Table.from_pylist([_flat(row) for row in rows], schema=_schema()), content)
        self._write(f"{_LINES}/{name}.jsonl", lines.encode("utf-8", "backslashreplace"))
        self._write(f"{_PARQUET}/{name}.parquet", content.getvalue())
        self._next += 1

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Write what happened."""
        self._write(REPORT_FILE, json.dumps(report, indent=2).encode() + b"\n")

    def clear_unfinished(self) -> None:
        """Delete JSON Lines whose part was not finished."""
        whole = set(self._parts())
        for name in self._numbers(_LINES):
            if name not in whole:
                self.system.rm_file(f"{self.path}/{_LINES}/part-{name}.jsonl")

    def _parts(self) -> list[str]:
        return self._numbers(_PARQUET)

    def _numbers(self, kind: str) -> list[str]:
        return sorted(
            path.rpartition("part-")[2].removesuffix(f".{kind}")
            for path in self.system.glob(f"{self.path}/{kind}/part-*.{kind}")
        )

    def _write(self, name: str, content: bytes) -> None:
        path = f"{self.path}/{name}"
        if self._is_local:
            write_bytes(Path(path), content)
        else:
            self.system.pipe_file(path, content)  # object stores show an object when it is whole

    @property
    def _is_local(self) -> bool:
        return "file" in (self.system.protocol, *self.system.protocol)


def _flat(row: Row) -> Row:
    scores = row["scores"]
    return {**row, "scores": None if scores is None else list(scores.items())}


def _schema() -> Any:
    import pyarrow as pa

    span = pa.struct(
        [("start", pa.float64()), ("end", pa.float64()), ("emotion", pa.string()), ("score", pa.float64())]
    )
    return pa.schema(
        [
            ("schema_version", pa.int32()),
            ("model", pa.string()),
            ("file", pa.string()),
            ("duration_s", pa.float64()),
            ("label", pa.string()),
            ("score", pa.float64()),
            ("scores", pa.map_(pa.string(), pa.float64())),
            ("timeline", pa.list_(span)),
            ("warnings", pa.list_(pa.string())),
            ("error", pa.string()),
        ]
    )

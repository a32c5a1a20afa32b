"""`emotrace predict --engine ray`: many recordings on many machines."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path

from emotrace.cli.output import DONE, SOME_FAILED, print_line, print_message


def predict_on_ray(source: str, output: str, model: Path | None, timeout_s: float) -> int:
    """Recognise recordings into a folder of results, and print what was done."""
    from emotrace.distributed.bulk import predict_in_bulk

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # Ray writes messages there
        report = predict_in_bulk(
            source, output, model=model, timeout_s=timeout_s, on_error=print_message, progress=print_message
        )
    print_line(report.as_text())
    return SOME_FAILED if report.failed else DONE

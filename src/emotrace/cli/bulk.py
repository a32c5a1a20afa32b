"""`emotrace predict --engine ray`: many recordings on many machines."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.output import DONE, SOME_FAILED, print_line, print_message
from emotrace.cli.ray_messages import ray_messages_discarded


def predict_on_ray(source: str, output: str, model: Path | None, timeout_s: float | None) -> int:
    """Recognise recordings into a folder of results, and print what was done."""
    from emotrace.distributed.bulk import TIMEOUT_S, predict_in_bulk

    with ray_messages_discarded():
        report = predict_in_bulk(
            source,
            output,
            model=model,
            timeout_s=TIMEOUT_S if timeout_s is None else timeout_s,
            on_error=print_message,
            progress=print_message,
        )
    print_line(report.as_text())
    return SOME_FAILED if report.failed else DONE

"""Progress of training: bars on a terminal, otherwise plain lines, both on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from emotrace.system.escaping import escape_control_characters


@dataclass(frozen=True)
class Epoch:
    """A finished epoch of a stage of a run, or, with `text`, a message about a run.

    Attributes:
        of: number of epochs of the stage
        loss: mean loss over the training examples
        train_ua: UA of training utterances without augmentation; None: not measured
        ua: validation UA; None where there is no validation
        best: greatest validation UA so far
    """

    run: str = ""
    stage: str = ""
    number: int = 0
    of: int = 0
    loss: float = 0.0
    train_ua: float | None = None
    ua: float | None = None
    best: float = 0.0
    text: str = ""

    def __str__(self) -> str:
        """One plain line.

        >>> print(Epoch("fold 03", "back", 2, 40, loss=1.25, ua=0.5, best=0.75))
        fold 03, back: epoch 2 of 40, loss 1.250, validation UA 0.500 (best 0.750)
        """
        prefix = ", ".join(part for part in (self.run, self.stage) if part)
        message = self.text or f"epoch {self.number} of {self.of}, {self.metrics}"
        return f"{prefix}: {message}" if prefix else message

    @property
    def metrics(self) -> str:
        """Loss, and the UAs that were measured.

        >>> Epoch(loss=1.25, train_ua=0.5).metrics
        'loss 1.250, training UA 0.500'
        """
        parts = [f"loss {self.loss:.3f}"]
        if self.train_ua is not None:
            parts.append(f"training UA {self.train_ua:.3f}")
        if self.ua is not None:
            parts.append(f"validation UA {self.ua:.3f} (best {self.best:.3f})")
        return ", ".join(parts)


ProgressCallback = Callable[[Epoch], None]


def with_run_name(report: ProgressCallback, run: str) -> ProgressCallback:
    """A callback that adds the name of the run to each epoch."""
    return lambda epoch: report(replace(epoch, run=run))


def no_progress(_: Epoch) -> None:
    """Ignore an epoch."""


@contextmanager
def show_progress() -> Iterator[ProgressCallback]:
    """Show one bar per running stage if standard error is a terminal, otherwise one line per epoch."""
    if not sys.stderr.isatty():
        yield lambda epoch: print_line(str(epoch))
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[metrics]}"),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=300) as bars:
        tasks: dict[tuple[str, str], TaskID] = {}

        def report(epoch: Epoch) -> None:
            if epoch.text:
                bars.console.print(escape_control_characters(str(epoch)), highlight=False, markup=False)
                return
            key = epoch.run, epoch.stage
            if key not in tasks:
                for run, stage in list(tasks):  # the next stage of a run replaces the one before
                    if run == epoch.run:
                        bars.remove_task(tasks.pop((run, stage)))
                name = escape_control_characters(", ".join(part for part in key if part))
                tasks[key] = bars.add_task(name, total=epoch.of, metrics="")
            bars.update(tasks[key], completed=epoch.number, metrics=epoch.metrics)

        yield report


def print_line(line: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(escape_control_characters(line) + "\n")
    sys.stderr.flush()

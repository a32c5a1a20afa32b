"""How long work goes: bars on a terminal, plain lines elsewhere, both on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from emotrace.system.escaping import escape_control_characters


@dataclass(frozen=True)
class Epoch:
    """One epoch that has ended, of a stage of a run; or with `text` alone, something else worth telling."""

    run: str = ""
    stage: str = ""
    number: int = 0
    of: int = 0
    loss: float = 0.0
    ua: float | None = None
    best: float = 0.0
    text: str = ""

    def __str__(self) -> str:
        """One plain line.

        >>> print(Epoch("fold 03", "back", 2, 40, loss=1.25, ua=0.5, best=0.75))
        fold 03, back: epoch 2 of 40, loss 1.250, validation UA 0.500 (best 0.750)
        """
        where = ", ".join(part for part in (self.run, self.stage) if part)
        message = self.text or f"epoch {self.number} of {self.of}, {self.how}"
        return f"{where}: {message}" if where else message

    @property
    def how(self) -> str:
        """Loss, and what validation says, where there is any.

        >>> Epoch(loss=1.25).how
        'loss 1.250'
        """
        loss = f"loss {self.loss:.3f}"
        return loss if self.ua is None else f"{loss}, validation UA {self.ua:.3f} (best {self.best:.3f})"


ProgressCallback = Callable[[Epoch], None]


def with_run_name(report: ProgressCallback, run: str) -> ProgressCallback:
    """The same, with the name of the run to which the epochs belong."""
    return lambda epoch: report(replace(epoch, run=run))


def no_progress(_: Epoch) -> None:
    """Tell nothing."""


@contextmanager
def show_progress() -> Iterator[ProgressCallback]:
    """Show each run's stage as a bar where standard error is a terminal, else a line an epoch."""
    if not sys.stderr.isatty():
        yield lambda epoch: print_line(str(epoch))
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[how]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[tuple[str, str], TaskID] = {}

        def report(epoch: Epoch) -> None:
            if epoch.text:
                bars.console.print(escape_control_characters(str(epoch)), highlight=False, markup=False)
                return
            key = epoch.run, epoch.stage
            if key not in tasks:
                for run, stage in list(tasks):  # a run's next stage takes the place of the one before
                    if run == epoch.run:
                        bars.remove_task(tasks.pop((run, stage)))
                name = escape_control_characters(", ".join(part for part in key if part))
                tasks[key] = bars.add_task(name, total=epoch.of, how="")
            bars.update(tasks[key], completed=epoch.number, how=epoch.how)

        yield report


def print_line(line: str) -> None:
    """A line on standard error."""
    sys.stderr.write(escape_control_characters(line) + "\n")
    sys.stderr.flush()

"""Learning curves of all the folds of a cross-validation, as one table and one picture."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emotrace.tables.writing import format_row
from emotrace.training.recorder import COLUMNS, CURVE_FILE, best_epoch_count


@dataclass(frozen=True)
class Curve:
    """One stage of one fold with one seed.

    Attributes:
        rows: rows of `curve.csv`, one per epoch
        best: index of the epoch whose weights were kept
    """

    fold: str
    seed: int
    stage: str
    rows: tuple[tuple[float, ...], ...]
    best: int


def read_curve(folder: Path, fold: str = "", seed: int = 0) -> Curve:
    """Read the learning curve of a finished stage from its folder."""
    lines = (folder / CURVE_FILE).read_text(encoding="utf-8").splitlines()[1:]
    rows = tuple(_with_all_columns([float(cell) for cell in line.split(",")]) for line in lines)
    return Curve(fold, seed, folder.name, rows, best_epoch_count(folder) - 1)


def _with_all_columns(row: list[float]) -> tuple[float, ...]:
    """A row of `curve.csv`; earlier versions did not measure the training UA."""
    return (*row, *[math.nan] * (len(COLUMNS) - len(row)))


def curves_csv(curves: Sequence[Curve]) -> str:
    """All curves as one table.

    >>> print(curves_csv([Curve("03", 1, "back", ((0, 1.5, 1.25, 0.5, 0.75),), best=0)]), end="")
    fold,seed,stage,epoch,train_loss,val_loss,val_ua,train_ua
    03,1,back,0,1.5,1.25,0.5,0.75
    """
    lines = [format_row(("fold", "seed", "stage", *COLUMNS))]
    for curve in curves:
        for epoch, *values in curve.rows:
            cells = [curve.fold, str(curve.seed), curve.stage, f"{epoch:.0f}"]
            lines.append(format_row([*cells, *(f"{value:.6g}" for value in values)]))
    return "".join(lines)


def curves_png(curves: Sequence[Curve]) -> bytes:
    """A picture with a column per stage: loss, UA of training utterances, and validation UA.

    A dot marks the epoch whose weights were kept.
    """
    stages = list(dict.fromkeys(curve.stage for curve in curves))
    figure = Figure(figsize=(1 + 4.5 * len(stages), 7.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, len(stages), sharex="col", squeeze=False)
    for column, stage in enumerate(stages):
        loss, train_ua, ua = panels[:, column]
        for curve in (curve for curve in curves if curve.stage == stage):
            epochs = [row[0] + 1 for row in curve.rows]
            (line,) = loss.plot(epochs, [row[1] for row in curve.rows], linewidth=0.9, label=curve.fold)
            train_ua.plot(epochs, [row[4] for row in curve.rows], linewidth=0.9)
            uas = [row[3] for row in curve.rows]
            ua.plot(epochs, uas, linewidth=0.9, color=line.get_color())
            ua.plot(curve.best + 1, uas[curve.best], "o", markersize=4, color=line.get_color())
        loss.set_title(stage, fontsize=10)
        loss.set_yscale("log")
        train_ua.set_ylim(0, 1.02)
        ua.set_ylim(0, 1.02)
        ua.set_xlabel("epoch")
    panels[0, 0].set_ylabel("training loss")
    panels[1, 0].set_ylabel("training UA, no augmentation")
    panels[2, 0].set_ylabel("validation UA")
    panels[0, 0].legend(title="test", fontsize=7, title_fontsize=7, ncols=2)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()

"""Confusion matrices as text and as images; rows are true labels, columns predicted labels."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Counts = Sequence[Sequence[int]]
CORNER = "truth \\ predicted"


def confusion_text(labels: Sequence[str], counts: Counts) -> str:
    """A table of counts, with the recall of each class in the last column.

    Shape: `counts` is (truth, predicted), both in the order of `labels`.

    >>> print(confusion_text(["anger", "rest"], [[3, 1], [0, 0]]))
    truth \\ predicted  anger  rest  recall
    anger                  3     1  75.0 %
    rest                   0     0       –
    """
    header = [CORNER, *labels, "recall"]
    rows = [
        [label, *map(str, row), f"{recall:.1%}".replace("%", " %") if recall is not None else "–"]
        for label, row, recall in zip(labels, counts, recalls(counts), strict=True)
    ]
    return align_columns([header, *rows])


def align_columns(rows: Sequence[Sequence[str]]) -> str:
    """A text table: the first column is left-aligned, the others are right-aligned.

    >>> print(align_columns([["", "UA"], ["anger", "0.5"]]))
            UA
    anger  0.5
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def confusion_png(labels: Sequence[str], counts: Counts, title: str = "") -> bytes:
    """The matrix as a PNG: each cell has its count and its share of the row; the colour shows the share.

    Shape: `counts` is (truth, predicted), both in the order of `labels`.

    >>> confusion_png(["anger", "rest"], [[3, 1], [0, 2]])[1:4]
    b'PNG'
    """
    shares = _shares(counts)
    size = 2.4 + 0.85 * len(labels)
    figure = Figure(figsize=(size, size - 0.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for truth, row in enumerate(counts):
        for predicted, count in enumerate(row):
            share = shares[truth, predicted]
            axes.text(
                predicted, truth, f"{count}\n{100 * share:.0f} %" if sum(row) else f"{count}",
                ha="center", va="center", fontsize=9, linespacing=1.3,
                color="white" if share > 0.55 else "black",
            )  # fmt: skip
    ticks = range(len(labels))
    axes.set_xticks(ticks, labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, labels)
    axes.set(xlabel="recognised emotion", ylabel="true emotion", title=title)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true emotion")
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def recalls(counts: Counts) -> tuple[float | None, ...]:
    """The recall of each class, TP / (TP + FN); None for a class without utterances.

    >>> recalls([[3, 1], [0, 0]])
    (0.75, None)
    """
    return tuple(row[i] / sum(row) if sum(row) else None for i, row in enumerate(counts))


def _shares(counts: Counts) -> npt.NDArray[np.float64]:
    matrix = np.asarray(counts, dtype=np.float64)
    shares: npt.NDArray[np.float64] = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return shares

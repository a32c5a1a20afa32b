"""A picture of a table: the UA of each system with its interval, and the paper's figure."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emotrace.experiments.table.rows import Table


def table_png(table: Table) -> bytes:
    """One row per system in the order of the table: a dot, its 95 % interval, a diamond for the paper."""
    rows = table.rows
    figure = Figure(figsize=(7.5, 1.6 + 0.36 * len(rows)), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for index, row in enumerate(rows):
        colour = "tab:red" if row.system == table.reference else "tab:blue"
        if row.scores.ua_interval is not None:
            low, high = row.scores.ua_interval.low, row.scores.ua_interval.high
            axes.plot([low, high], [index, index], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(row.scores.ua, index, "o", color=colour, markersize=7)
        axes.annotate(
            f"{row.scores.ua:.3f}", (row.scores.ua, index), xytext=(0, 6), textcoords="offset points",
            ha="center", fontsize=7.5, color=colour,
        )  # fmt: skip
        if row.published is not None and row.published.ua is not None:
            axes.plot(row.published.ua, index, "D", color="black", markerfacecolor="none", markersize=6)
    chance = 1 / table.emotions
    axes.axvline(chance, color="grey", linestyle=":", linewidth=1)
    axes.text(chance, len(rows) - 0.45, " chance", fontsize=8, color="grey", va="bottom")
    axes.set_yticks(range(len(rows)), [row.system for row in rows])
    axes.set_ylim(len(rows) - 0.3, -0.7)
    axes.grid(axis="x", linewidth=0.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("UA; bars: 95 % interval over speakers" + _diamonds(table))
    axes.set_title(
        f"{table.protocol}, recipe {' + '.join(table.recipes)}; in red: {table.reference}",
        fontsize=10, loc="left",
    )  # fmt: skip
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _diamonds(table: Table) -> str:
    has_published = any(row.published and row.published.ua is not None for row in table.rows)
    return "; diamonds: the paper's" if has_published else ""

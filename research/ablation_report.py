"""The report of an ablation: UA and log-loss of each variant minus those of the base, as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotrace.evaluation.metrics import Interval, interval, resample_speakers, score_predictions
from emotrace.evaluation.predictions import Prediction
from emotrace.evaluation.significance import ua_difference
from emotrace.experiments.report import table
from emotrace.system.files import write_text

LEAST_SCORE = 1e-12  # bounds the log-loss of a single utterance

CAVEATS = """\
All figures are of validation speakers, who train no network here. No test speaker is used. However, each
validation speaker is a test speaker in another fold, so the test figures of a recipe chosen here are slightly
optimistic. The validation speakers also set the temperature and, if the recipe says so, the epoch.

UA is pooled over folds and seeds. Loss is the mean of -log of the true emotion's calibrated score. Brackets:
95 % intervals of the difference from the base, resampling the same speakers for both. Intervals from few
speakers are too narrow, and one in twenty variants without effect excludes zero by chance. Seconds are the
mean per fold; a variant that shares the front of another trains only the rest.
"""


@dataclass(frozen=True)
class Outcome:
    """A recipe's predictions for the validation speakers.

    Attributes:
        front: the variant that trained the front
        seconds: mean training time of a fold
    """

    name: str
    description: str
    predictions: tuple[Prediction, ...]
    front: str
    seconds: float

    @property
    def ua(self) -> float:
        return score_predictions(self.predictions, resamples=1).ua

    @property
    def loss(self) -> float:
        summed, count = losses_by_speaker(self.predictions).sum(axis=0)
        return float(summed / count)


def losses_by_speaker(predictions: Sequence[Prediction]) -> npt.NDArray[np.float64]:
    """The sum of log-losses and the number of utterances of each speaker, in alphabetical order.

    Shape: (speaker, 2).

    >>> p = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.5, "rest": 0.5})
    >>> losses_by_speaker([p, p]).round(3).tolist()
    [[1.386, 2.0]]
    """
    found: dict[str, list[float]] = {}
    for p in predictions:
        found.setdefault(p.speaker, []).append(-np.log(max(p.scores[p.truth], LEAST_SCORE)))
    return np.array([[sum(losses), len(losses)] for _, losses in sorted(found.items())])


def loss_interval(first: Sequence[Prediction], second: Sequence[Prediction]) -> Interval:
    """95 % interval of the loss of `first` minus that of `second`, resampling the same speakers for both."""
    drawn = [resample_speakers(losses_by_speaker(side)) for side in (first, second)]
    means = [sums[:, 0] / sums[:, 1] for sums in drawn]
    return interval(means[0] - means[1])


def variant_row(outcome: Outcome, base: Outcome) -> dict[str, object]:
    """The figures of a variant and their differences from the base, as columns of the CSV file."""
    row: dict[str, object] = {
        "variant": outcome.name,
        "description": outcome.description,
        "n": len(outcome.predictions),
        "validation_ua": outcome.ua,
        "validation_loss": outcome.loss,
        "front": outcome.front,
        "seconds": round(outcome.seconds, 1),
    }
    if outcome is base or len({p.speaker for p in base.predictions}) < 2:
        return row
    ua = ua_difference(outcome.predictions, base.predictions)
    loss = loss_interval(outcome.predictions, base.predictions)
    return {
        **row,
        "ua_difference": ua.value,
        "ua_low": ua.interval.low,
        "ua_high": ua.interval.high,
        "loss_difference": outcome.loss - base.loss,
        "loss_low": loss.low,
        "loss_high": loss.high,
    }


def write_outcomes(folder: Path, title: str, summary: str, outcomes: Sequence[Outcome]) -> None:
    """Write `ablation.md` and `ablation.csv`, lowest loss first; the first of `outcomes` is the base."""
    base, speakers = outcomes[0], sorted({p.speaker for p in outcomes[0].predictions})
    rows = [variant_row(outcome, base) for outcome in sorted(outcomes, key=lambda outcome: outcome.loss)]
    columns = list(max(rows, key=len))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.5f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    write_text(folder / "ablation.csv", file.getvalue())
    head = ["variant", "UA", "minus base", "loss", "minus base", "front", "s per fold", "description"]
    page = [
        f"# Ablation: {title}",
        "",
        f"{summary} The validation speakers are {', '.join(speakers)}: {len(base.predictions)} predictions.",
        "",
        CAVEATS,
        *table(head, [cells(row) for row in rows]),
        "",
    ]
    write_text(folder / "ablation.md", "\n".join(page))


def cells(row: dict[str, object]) -> list[str]:
    """The cells of a row of the Markdown table."""

    def difference(name: str) -> str:
        if f"{name}_difference" not in row:
            return "–"
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        return f"{row[f'{name}_difference']:+.3f} [{low:+.3f}, {high:+.3f}]"

    return [
        str(row["variant"]),
        f"{row['validation_ua']:.3f}",
        difference("ua"),
        f"{row['validation_loss']:.3f}",
        difference("loss"),
        str(row["front"]),
        f"{row['seconds']:.0f}",
        str(row["description"]),
    ]

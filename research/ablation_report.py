"""What levers come to: UA and log-loss of validation speakers beside the base's, as Markdown and CSV."""

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

LEAST_SCORE = 1e-12  # below it the log-loss of one utterance would outweigh all others

CAVEATS = """\
All figures are of validation speakers, by networks that had not learnt from them; no test speaker was
asked. But each validation speaker is a test speaker in another fold, so a recipe that is chosen here has seen
them, and its test figures flatter it a little. They chose the epochs and the temperature too, in the base and
in all levers alike.

UA is pooled over folds and seeds. Loss is the mean of -log of the true emotion's calibrated score. Brackets:
95 % intervals of the difference to the base, which draw the same speakers for both. Those of few speakers are
too narrow, and of twenty levers that do nothing, one misses zero anyway. Seconds are those that a fold took;
a lever with another's front trains only the rest.
"""


@dataclass(frozen=True)
class Outcome:
    """What a recipe said of the validation speakers: `front` is whose it used, `seconds` what a fold took."""

    name: str
    why: str
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
    """Sum of the log-losses of each speaker's utterances, and their number; speakers by alphabet.

    Shape: (speaker, 2).

    >>> said = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.5, "rest": 0.5})
    >>> losses_by_speaker([said, said]).round(3).tolist()
    [[1.386, 2.0]]
    """
    found: dict[str, list[float]] = {}
    for p in predictions:
        found.setdefault(p.speaker, []).append(-np.log(max(p.scores[p.truth], LEAST_SCORE)))
    return np.array([[sum(losses), len(losses)] for _, losses in sorted(found.items())])


def loss_interval(first: Sequence[Prediction], second: Sequence[Prediction]) -> Interval:
    """95 % interval of the loss of `first` less that of `second`, drawing the same speakers for both."""
    drawn = [resample_speakers(losses_by_speaker(side)) for side in (first, second)]
    means = [sums[:, 0] / sums[:, 1] for sums in drawn]
    return interval(means[0] - means[1])


def row_of(outcome: Outcome, base: Outcome) -> dict[str, object]:
    """A lever's figures beside the base's, as the CSV has them."""
    row: dict[str, object] = {
        "lever": outcome.name,
        "what": outcome.why,
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


def write_outcomes(folder: Path, title: str, what_ran: str, outcomes: Sequence[Outcome]) -> None:
    """Write `levers.md` and `levers.csv`, least loss first; the first of `outcomes` is the base."""
    base, speakers = outcomes[0], sorted({p.speaker for p in outcomes[0].predictions})
    rows = [row_of(outcome, base) for outcome in sorted(outcomes, key=lambda outcome: outcome.loss)]
    columns = list(max(rows, key=len))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.5f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    write_text(folder / "levers.csv", file.getvalue())
    head = ["lever", "UA", "less the base's", "loss", "less the base's", "front", "s a fold", "what"]
    page = [
        f"# Levers on {title}",
        "",
        f"{what_ran} The validation speakers are {', '.join(speakers)}: {len(base.predictions)} answers.",
        "",
        CAVEATS,
        *table(head, [cells(row) for row in rows]),
        "",
    ]
    write_text(folder / "levers.md", "\n".join(page))


def cells(row: dict[str, object]) -> list[str]:
    """A row of the Markdown table."""

    def difference(name: str) -> str:
        if f"{name}_difference" not in row:
            return "–"
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        return f"{row[f'{name}_difference']:+.3f} [{low:+.3f}, {high:+.3f}]"

    return [
        str(row["lever"]),
        f"{row['validation_ua']:.3f}",
        difference("ua"),
        f"{row['validation_loss']:.3f}",
        difference("loss"),
        str(row["front"]),
        f"{row['seconds']:.0f}",
        str(row["what"]),
    ]

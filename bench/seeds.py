"""What the seed of a training changes, and what the models of several seeds know together.

python bench/seeds.py OUTPUT RUN [RUN2 ...]

RUN is a finished cross-validation with several seeds; its `predictions.csv` is all that is needed. A row for
each seed, one for all of them, and one for the mean of their scores, which is an ensemble: what it has more
than they, with an interval over speakers. OUTPUT is the start of the names of a Markdown and a CSV file.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tables import write_table

from emotrace.errors import RunError
from emotrace.training.calibration import calibration_error
from emotrace.training.evaluation import score_predictions, spread
from emotrace.training.predictions import Prediction, read_predictions
from emotrace.training.runs import PREDICTIONS_FILE
from emotrace.training.statistics import ua_difference


def together(predictions: Sequence[Prediction]) -> list[Prediction]:
    """What the mean of the scores of all seeds says of each utterance, under each seed's name.

    >>> scores = {"anger": 0.6, "sadness": 0.4}, {"anger": 0.1, "sadness": 0.9}
    >>> said = [Prediction("a.wav", "03", 0, n + 1, "sadness", max(s), s) for n, s in enumerate(scores)]
    >>> [(one.seed, one.predicted) for one in together(said)]
    [(1, 'sadness'), (2, 'sadness')]
    """
    of_file = defaultdict(list)
    for one in predictions:
        of_file[one.file].append(list(one.scores.values()))
    found = []
    for one in predictions:
        scores = dict(zip(one.labels, np.mean(of_file[one.file], axis=0).tolist(), strict=True))
        found.append(replace(one, predicted=max(scores, key=scores.__getitem__), scores=scores))
    return found


def measured(run: str, predictions: Sequence[Prediction]) -> list[dict[str, str]]:
    """A row for each seed, for all, and for the mean of their scores.

    Raises:
        RunError: there is but one seed.
    """
    seeds = sorted({one.seed for one in predictions})
    if len(seeds) < 2:
        raise RunError(f"{run} has one seed; run `emotrace crossval` with --seeds 1,2,3 first")
    parts = {f"seed {seed}": [one for one in predictions if one.seed == seed] for seed in seeds}
    parts |= {"all": list(predictions), "mean of their scores": together(predictions)}
    rows = []
    for name, said in parts.items():
        scores = score_predictions(said)
        rows.append(
            {
                "run": run,
                "of": name,
                "UA": f"{scores.ua:.3f} {scores.ua_interval}",
                "WA": f"{scores.wa:.3f} {scores.wa_interval}",
                "ECE": f"{calibration_error(said):.3f}",
                "more": "",
            }
        )
    over_seeds = spread(predictions, by="seed")
    rows[-2]["more"] = f"UA of the seeds {over_seeds.ua_mean:.3f} ± {over_seeds.ua_sd:.3f}"
    more = ua_difference(together(predictions), list(predictions))
    rows[-1]["more"] = f"UA {more.value:+.3f} {more.interval} beside all"
    return rows


def main() -> None:
    """Measure, write, print."""
    output, *runs = map(Path, sys.argv[1:])
    rows = [row for run in runs for row in measured(run.name, read_predictions(run / PREDICTIONS_FILE))]
    print(write_table(output, rows), end="")


if __name__ == "__main__":
    main()

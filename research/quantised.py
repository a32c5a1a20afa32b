"""What int8 costs in accuracy: the exact and the int8 model of each fold, on the fold's test speakers.

    python research/quantised.py RUN ROOT OUTPUT [--folds 03,08]

RUN is the output folder of a cross-validation with its folds, ROOT the corpus, OUTPUT a folder for the table.
Int8 is calibrated on each fold's training speakers.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from folds import finished_folds
from tables import write_table

from emotrace.corpora import OpenCorpus, open_corpus
from emotrace.errors import EmotraceError
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.model_evaluation import evaluate
from emotrace.evaluation.predictions import Prediction
from emotrace.export.run_export import export_run, export_run_in_int8
from emotrace.inference.recogniser import load
from emotrace.training.run_folder import Run, read_run


@dataclass(frozen=True)
class Comparison:
    """Predictions of the exact and the int8 model for the same utterances, and the sizes of their graphs."""

    exact: tuple[Prediction, ...]
    int8: tuple[Prediction, ...]
    exact_bytes: int
    int8_bytes: int

    def row(self, fold: str) -> dict[str, str]:
        """A row of the table."""
        pairs = list(zip(self.exact, self.int8, strict=True))
        exact_ua, int8_ua = (score_predictions(side).ua for side in (self.exact, self.int8))
        largest = [max(abs(one.scores[k] - other.scores[k]) for k in one.scores) for one, other in pairs]
        return {
            "fold": fold,
            "utterances": str(len(pairs)),
            "UA exact": f"{exact_ua:.4f}",
            "UA int8": f"{int8_ua:.4f}",
            "UA lost": f"{exact_ua - int8_ua:.4f}",
            "labels changed": str(sum(one.predicted != other.predicted for one, other in pairs)),
            "largest score difference": f"{max(largest):.4f}",
            "mean largest score difference": f"{sum(largest) / len(largest):.4f}",
            "MB exact": f"{self.exact_bytes / 1e6:.2f}",
            "MB int8": f"{self.int8_bytes / 1e6:.2f}",
        }


def compare_fold(fold: Path, run: Run, corpus: OpenCorpus, root: Path) -> Comparison:
    """Export a fold's model exactly and in int8, and evaluate both on its test speakers."""
    tested = replace(corpus, utterances=tuple(u for u in corpus.utterances if u.speaker in run.test))
    with tempfile.TemporaryDirectory() as temporary:
        exact, int8 = Path(temporary, "exact"), Path(temporary, "int8")
        export_run(fold, exact)
        export_run_in_int8(fold, int8, root)
        predictions = [evaluate(load(folder, threads=1), tested).predictions for folder in (exact, int8)]
        sizes = [(folder / "model.onnx").stat().st_size for folder in (exact, int8)]
    return Comparison(predictions[0], predictions[1], sizes[0], sizes[1])


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--folds", default="", help="only folds with these names, such as 03,08")
    options = parser.parse_args()
    comparisons: list[Comparison] = []
    rows = []
    try:
        for fold in finished_folds(options.run, [name for name in options.folds.split(",") if name]):
            run, _, _ = read_run(fold)
            corpus = open_corpus(run.corpus, options.root)
            comparisons.append(compare_fold(fold, run, corpus, options.root))
            rows.append(comparisons[-1].row(f"{fold.parent.name}, {fold.name.removeprefix('fold-')}"))
            print(rows[-1], flush=True)
    except EmotraceError as error:
        raise SystemExit(f"quantised: {error}") from None
    together = Comparison(
        tuple(prediction for comparison in comparisons for prediction in comparison.exact),
        tuple(prediction for comparison in comparisons for prediction in comparison.int8),
        max(comparison.exact_bytes for comparison in comparisons),
        max(comparison.int8_bytes for comparison in comparisons),
    )
    rows.append(together.row("all"))
    print(write_table(options.output, rows), end="")


if __name__ == "__main__":
    main()

"""What int8 costs in accuracy: each fold of a cross-validation exactly and in int8, on its test speakers.

python research/quantised.py RUN ROOT OUTPUT [--folds 03,08]

RUN is a cross-validation on a corpus in ROOT. Int8 is calibrated on each fold's training speakers. OUTPUT is
the start of the names of a Markdown and a CSV file.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from tables import write_table

from emotrace.corpora import OpenCorpus, open_corpus
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.model_evaluation import evaluate
from emotrace.evaluation.predictions import Prediction
from emotrace.export.run_export import export_run, export_run_in_int8
from emotrace.inference.recogniser import load
from emotrace.training.run_folder import FrameRun, read_run


@dataclass(frozen=True)
class Both:
    """What the same network says of the same utterances, exactly and in int8, and the sizes of its graphs."""

    exact: tuple[Prediction, ...]
    int8: tuple[Prediction, ...]
    exact_bytes: int
    int8_bytes: int

    def row(self, fold: str) -> dict[str, str]:
        """A row of the table."""
        pairs = list(zip(self.exact, self.int8, strict=True))
        ua = [score_predictions(predictions).ua for predictions in (self.exact, self.int8)]
        apart = [max(abs(one.scores[k] - other.scores[k]) for k in one.scores) for one, other in pairs]
        return {
            "fold": fold,
            "utterances": str(len(pairs)),
            "UA exact": f"{ua[0]:.4f}",
            "UA int8": f"{ua[1]:.4f}",
            "UA lost": f"{ua[0] - ua[1]:.4f}",
            "labels that differ": str(sum(one.predicted != other.predicted for one, other in pairs)),
            "largest difference of a score": f"{max(apart):.4f}",
            "mean of largest differences": f"{sum(apart) / len(apart):.4f}",
            "MB exact": f"{self.exact_bytes / 1e6:.2f}",
            "MB int8": f"{self.int8_bytes / 1e6:.2f}",
        }


def both(fold: Path, run: FrameRun, corpus: OpenCorpus, root: Path) -> Both:
    """Export a fold both ways and ask both of its test speakers' utterances."""
    trim_silence = tuple(u for u in corpus.utterances if u.speaker in run.test)
    asked = replace(corpus, utterances=trim_silence)
    with tempfile.TemporaryDirectory() as temporary:
        exact, int8 = Path(temporary, "exact"), Path(temporary, "int8")
        export_run(fold, exact)
        export_run_in_int8(fold, int8, root)
        sizes = [(folder / "model.onnx").stat().st_size for folder in (exact, int8)]
        answers = [evaluate(load(folder, threads=1), asked).predictions for folder in (exact, int8)]
    return Both(answers[0], answers[1], sizes[0], sizes[1])


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--folds", help="only these, by their names; by default all")
    given = parser.parse_args()
    wanted = None if given.folds is None else given.folds.split(",")
    found: list[Both] = []
    rows = []
    for finished in sorted(given.run.glob("seed-*/fold-*/run.json")):
        fold = finished.parent
        name = fold.name.removeprefix("fold-")
        if wanted is not None and name not in wanted:
            continue
        run, _, _ = read_run(fold)
        found.append(both(fold, run, open_corpus(run.corpus, given.root), given.root))
        rows.append(found[-1].row(f"{fold.parent.name}, {name}"))
        print(rows[-1], flush=True)
    if not found:
        raise SystemExit(f"{given.run} has no finished fold of that name")
    together = Both(
        tuple(prediction for one in found for prediction in one.exact),
        tuple(prediction for one in found for prediction in one.int8),
        max(one.exact_bytes for one in found),
        max(one.int8_bytes for one in found),
    )
    rows.append(together.row("all"))
    print(write_table(given.output, rows), end="")


if __name__ == "__main__":
    main()

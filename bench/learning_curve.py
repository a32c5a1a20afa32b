"""UA on unknown voices against the number of voices that trained: what more speakers would bring.

python bench/learning_curve.py CORPUS ROOT OUTPUT [--recipe FILE ...]

The classifier of functionals alone, which is fitted in seconds. In each fold it learns from 1, 2, 3, … of the
speakers that the fold does not test, drawn by chance (those of a smaller number are among those of a larger),
and hears the test speakers. Nothing is chosen by what comes out. OUTPUT is the start of the names of a
Markdown, a CSV and a PNG file.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tables import write_table

from emotrace.corpora import open_corpus
from emotrace.files import write_bytes
from emotrace.model.network import build, spectrum_of
from emotrace.model.systems import find_system
from emotrace.recipe import load_recipe
from emotrace.training.clips import read_clips
from emotrace.training.evaluation import Scores, score_predictions
from emotrace.training.functionals import classifier_log_scores, fit_functionals
from emotrace.training.predictions import Prediction
from emotrace.training.scoring import clip_scores, predictions_of
from emotrace.training.seeds import seed_of

SYSTEM = "pcnse-sadrn-ctc"
SEED = 1
COUNTS = (1, 2, 3, 4, 6, 8, 10, 14, 20, 30)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--recipe", nargs="*", default=[])
    given = parser.parse_args()
    torch.set_num_threads(1)
    recipe, system = load_recipe(given.recipe), find_system(SYSTEM)
    corpus = open_corpus(given.corpus, given.root)
    emotions = corpus.emotions
    spectrum, longest = spectrum_of(recipe, system), system.longest_frames(recipe)
    clips = read_clips(corpus.utterances, emotions, spectrum, longest, spectra=True)

    def tested(known: list[str], unknown: tuple[str, ...], fold: int) -> list[Prediction]:
        """What a classifier that learnt from the known speakers says of the unknown ones."""
        network = build(recipe, SYSTEM, len(emotions)).eval()
        fit_functionals(network, [clip for clip in clips if clip.speaker in known], recipe, SEED)
        asked = [clip for clip in clips if clip.speaker in unknown]
        scores = clip_scores(classifier_log_scores(network, asked), asked)
        return predictions_of(asked, scores, emotions, fold=fold, seed=SEED)

    found: dict[int, list[Prediction]] = {}
    for number, fold in enumerate(corpus.folds()):
        others = sorted({*fold.train, *fold.validation})
        random = np.random.default_rng(seed_of(SEED, "learning curve", fold.name))
        order = [others[place] for place in random.permutation(len(others))]
        for count in sorted({*(n for n in COUNTS if n < len(order)), len(order)}):
            found.setdefault(count, []).extend(tested(order[:count], fold.test, number))
        print(f"fold {fold.name}", flush=True)
    scores = {count: score_predictions(predictions) for count, predictions in found.items()}
    rows = [
        {
            "speakers": str(count),
            "utterances": str(round(len(clips) / len({clip.speaker for clip in clips}) * count)),
            "UA": f"{score.ua:.3f}",
            "interval": str(score.ua_interval),
        }
        for count, score in scores.items()
    ]
    print(write_table(given.output, rows), end="")
    write_bytes(given.output.with_suffix(".png"), picture(scores, given.corpus))


def picture(scores: dict[int, Scores], corpus: str) -> bytes:
    """UA with its interval over the number of speakers, which doubles at every tick."""
    figure = Figure(figsize=(5, 3.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    counts = list(scores)
    ends = [score.ua_interval for score in scores.values()]
    axes.fill_between(
        counts, [e.low if e else 0 for e in ends], [e.high if e else 1 for e in ends], alpha=0.2
    )
    axes.plot(counts, [score.ua for score in scores.values()], "o-")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("speakers that trained")
    axes.set_ylabel("UA of unknown ones")
    axes.set_title(f"{corpus}: functionals alone", fontsize=10)
    axes.grid(alpha=0.3)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


if __name__ == "__main__":
    main()

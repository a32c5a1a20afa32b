"""What each kind of functionals knows alone, two together and all, and what their takes teach.

python bench/kinds.py CORPUS ROOT OUTPUT

No network: the classifiers of `training/functionals.py`, in every fold fitted to the training speakers and
asked of the validation speakers, so that one may choose by this table. Log-loss is after one temperature for
all folds. OUTPUT is the start of the names of a Markdown and a CSV file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import torch
from tables import write_table

from emotrace.corpora import open_corpus
from emotrace.model.network import build, spectrum_of
from emotrace.model.systems import find_system
from emotrace.recipe import Recipe, load_recipe
from emotrace.training.clips import Clip, read_clips
from emotrace.training.functionals import all_takes, examples, fit_mixture, regression, statistics_of
from emotrace.training.scoring import Floats, clip_scores, fit_temperature, log_loss, recall_mean
from emotrace.training.seeds import seed_of

SYSTEM = "pcnse-sadrn-ctc"
SEED = 1
KINDS = ("variations", "random kernels", "Fisher vector")
PICTURES = ("spectrogram", "periodicity")


def fold_logs(
    train: list[Clip], judges: list[Clip], recipe: Recipe, emotions: int
) -> Iterator[tuple[str, torch.Tensor]]:
    """Log-scores of each window of the judges by each row of the table."""
    network = build(recipe, SYSTEM, emotions).eval()
    assert network.functionals is not None
    fit_mixture(network, train, seed_of(SEED, "mixture"))
    asked = statistics_of(network, judges).double()

    def told(takes: Iterable[Sequence[Clip]]) -> tuple[torch.Tensor, torch.Tensor]:
        x, truth = examples(network, takes)
        return x.double(), truth

    def said(x: torch.Tensor, truth: torch.Tensor, kinds: tuple[int, ...]) -> torch.Tensor:
        mean, deviation = x.mean(0), x.std(0) + 1e-4
        own, theirs = (((rows - mean) / deviation).split(kinds, 1) for rows in (x, asked))
        fits = [regression(kind, truth, emotions, recipe.functionals) for kind in own]
        return torch.stack([rows @ w.T + b for rows, (w, b) in zip(theirs, fits, strict=True)])

    kinds, default = network.functionals.kinds, told(all_takes(network, train, recipe, SEED))
    apart = said(*default, kinds)
    for size in range(1, len(KINDS) + 1):
        for places in combinations(range(len(KINDS)), size):
            names = " + ".join(KINDS[place] for place in places)
            for picture, own in zip(PICTURES, apart.chunk(2), strict=True):
                yield f"{picture}: {names}", own[list(places)].mean(0)
    yield "both, all kinds: the default", apart.mean(0)
    yield "both, fitted as one", said(*default, (sum(kinds),))[0]
    roomless = recipe.model_copy(update={"rooms": False})
    without_rooms = told(all_takes(network, train, roomless, SEED))
    yield "both, without rooms", said(*without_rooms, kinds).mean(0)
    yield "both, clean takes alone", said(*told([train]), kinds).mean(0)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    recipe, system = load_recipe(), find_system(SYSTEM)
    corpus = open_corpus(given.corpus, given.root)
    spectrum, longest = spectrum_of(recipe, system), system.longest_frames(recipe)
    clips = read_clips(corpus.utterances, corpus.emotions, spectrum, longest, spectra=True)
    judges: list[Clip] = []
    logs: dict[str, list[list[Floats]]] = {}
    for fold in corpus.folds():
        asked = [clip for clip in clips if clip.speaker in fold.validation]
        judges += asked
        train = [clip for clip in clips if clip.speaker in fold.train]
        for row, said in fold_logs(train, asked, recipe, len(corpus.emotions)):
            windows = iter(said.log_softmax(1).numpy())
            logs.setdefault(row, []).extend([next(windows) for _ in clip.windows] for clip in asked)
        print(f"fold {fold.name}", flush=True)
    truth = [clip.label for clip in judges]
    rows = []
    for row, found in logs.items():
        scores = clip_scores(found, judges, fit_temperature(found, judges))
        rows.append(
            {
                "functionals": row,
                "UA": f"{recall_mean(scores, truth):.3f}",
                "log-loss": f"{log_loss(scores, truth):.3f}",
            }
        )
    print(write_table(given.output, rows), end="")


if __name__ == "__main__":
    main()

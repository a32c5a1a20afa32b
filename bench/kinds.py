"""What each kind of functionals knows alone, together and all, and what their takes teach.

python bench/kinds.py CORPUS ROOT OUTPUT

No network: the classifiers of `training/functionals.py`, in every other fold fitted to the training speakers
and asked of the validation speakers, so that one may choose by this table. They are asked of clean speech,
and of it through a telephone and in noise. Log-loss is of clean speech, after one temperature for all folds.
OUTPUT is the start of the names of a Markdown and a CSV file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import torch
from conditions import as_heard
from tables import write_table

from emotrace.corpora import Utterance, open_corpus
from emotrace.model.functionals import COUNTS
from emotrace.model.network import build, spectrum_of
from emotrace.model.systems import find_system
from emotrace.recipe import Recipe, load_recipe
from emotrace.training.clips import Clip, read_clips
from emotrace.training.functionals import examples, fit_mixture, regressions, statistics_of
from emotrace.training.scoring import Floats, clip_scores, fit_temperature, log_loss, recall_mean
from emotrace.training.seeds import seed_of
from emotrace.training.takes import all_takes

SYSTEM = "pcnse-sadrn-ctc"
SEED = 1
KINDS = ("variations", "random kernels", "Fisher vector", "periodicity's Fisher vector")
HEARD = ("clean", "telephone band", "pink noise, 10 dB", "babble-like noise, 10 dB")


def fold_logs(
    train: list[Clip], judges: dict[str, list[Clip]], recipe: Recipe, emotions: int
) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """Log-scores of each window of the judges, as each condition has them, by each row of the table."""
    network = build(recipe, SYSTEM, emotions).eval()
    assert network.functionals is not None
    kinds = list(network.functionals.kinds)
    fit_mixture(network, train, seed_of(SEED, "mixture"))
    asked = {name: statistics_of(network, clips).double() for name, clips in judges.items()}

    def said(recipe: Recipe) -> dict[str, torch.Tensor]:
        """What each kind says, (kind, window, emotion)."""
        generator = torch.Generator().manual_seed(seed_of(SEED, "functionals"))
        x, truth = examples(network, all_takes(network.spectrum, train, recipe, generator))
        found: dict[str, list[torch.Tensor]] = {name: [] for name in asked}
        fits = regressions(x, truth, kinds, emotions, recipe.functionals)
        for place, (mean, scale, weight, bias) in enumerate(fits):
            for name, rows in asked.items():
                own = (rows.split(kinds, 1)[place] - mean) * scale
                found[name].append(own @ weight.T + bias)
        return {name: torch.stack(logs) for name, logs in found.items()}

    def counted(logs: torch.Tensor, counts: Sequence[float]) -> torch.Tensor:
        return torch.einsum("k,kwe->we", torch.tensor(counts, dtype=torch.float64) / sum(counts), logs)

    default = said(recipe)
    for size in range(1, len(KINDS) + 1):
        for places in combinations(range(len(KINDS)), size):
            row = " + ".join(KINDS[place] for place in places)
            counts = [COUNTS[place] if place in places else 0.0 for place in range(len(KINDS))]
            yield row, {name: counted(logs, counts) for name, logs in default.items()}
    alike = {name: counted(logs, [1.0] * len(KINDS)) for name, logs in default.items()}
    yield "all four, counted alike", alike
    for row, changes in {
        "all four, of takes that stay where they are": {"surroundings": False},
        "all four, of a third of the takes": {"takes": recipe.takes // 3},
        "all four, of clean takes alone": {"takes": 0},
    }.items():
        others = said(recipe.model_copy(update=changes))
        yield row, {name: counted(logs, COUNTS) for name, logs in others.items()}


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

    def clips(utterances: Sequence[Utterance]) -> list[Clip]:
        return read_clips(utterances, corpus.emotions, spectrum, longest, spectra=True)

    judges: list[Clip] = []
    logs: dict[tuple[str, str], list[list[Floats]]] = {}
    for fold in corpus.folds()[::2]:
        asked = [u for u in corpus.utterances if u.speaker in fold.validation]
        train = clips([u for u in corpus.utterances if u.speaker in fold.train])
        heard = {name: clips([as_heard(u, name) for u in asked]) for name in HEARD}
        judges += heard["clean"]
        for row, said in fold_logs(train, heard, recipe, len(corpus.emotions)):
            for name, scores in said.items():
                windows = iter(scores.log_softmax(1).numpy())
                own = [[next(windows) for _ in clip.windows] for clip in heard[name]]
                logs.setdefault((row, name), []).extend(own)
        print(f"fold {fold.name}", flush=True)
    truth = [clip.label for clip in judges]
    rows = []
    for row in dict.fromkeys(row for row, _ in logs):
        found = {name: logs[row, name] for name in HEARD}
        scores = {
            name: clip_scores(said, judges, fit_temperature(said, judges)) for name, said in found.items()
        }
        figures = {name: f"{recall_mean(scores[name], truth):.3f}" for name in HEARD}
        loss = f"{log_loss(scores['clean'], truth):.3f}"
        rows.append({"functionals": row, "log-loss": loss, **figures})
    print(write_table(given.output, rows), end="")


if __name__ == "__main__":
    main()

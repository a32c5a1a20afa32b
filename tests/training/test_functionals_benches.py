"""bench/kinds.py tells apart what the product averages; bench/learning_curve.py learns from nobody tested."""

import csv
import importlib
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import torch

from emotrace.corpora import open_corpus
from emotrace.model.network import Network, build, spectrum_of
from emotrace.model.systems import find_system
from emotrace.recipe import Recipe
from emotrace.training.clips import Clip, read_clips, sound_of
from emotrace.training.functionals import classifier_log_scores, fit_functionals

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("kinds")


@pytest.fixture
def learning_curve(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("learning_curve")


def test_all_kinds_together_are_the_classifier_of_the_product(
    kinds: ModuleType, tiny_recipe: Recipe, corpus_root: Path
) -> None:
    corpus = open_corpus("manifest", corpus_root)
    system = find_system(kinds.SYSTEM)
    spectrum, longest = spectrum_of(tiny_recipe, system), system.longest_frames(tiny_recipe)
    clips = read_clips(corpus.utterances, corpus.emotions, spectrum, longest, spectra=True)
    train, judges = ([c for c in clips if (c.speaker == "eve") == judge] for judge in (False, True))
    heard = {"clean": judges, "again": judges[:2]}
    said = dict(kinds.fold_logs(train, heard, tiny_recipe, len(corpus.emotions)))
    network = build(tiny_recipe, kinds.SYSTEM, len(corpus.emotions)).eval()
    fit_functionals(network, train, tiny_recipe, kinds.SEED)
    wanted = [rows[0] for rows in classifier_log_scores(network, judges)]
    together = said[" + ".join(kinds.KINDS)]["clean"].log_softmax(1)
    assert torch.stack([torch.from_numpy(row) for row in wanted]).allclose(together, atol=1e-4)
    assert len(said) == 19
    assert all(logs["again"].allclose(logs["clean"][:2], atol=1e-4) for logs in said.values())
    alone = [said[kind]["clean"].log_softmax(1) for kind in kinds.KINDS]
    assert min((one - other).abs().max() for one, other in pairwise(alone)) > 0.05


@pytest.mark.parametrize("condition", ["clean", "telephone band", "reverberation, 0.3 s"])
def test_utterances_are_as_long_in_any_condition(
    kinds: ModuleType, corpus_root: Path, condition: str
) -> None:
    utterance = open_corpus("manifest", corpus_root).utterances[0]
    before, after = (sound_of(u).samples for u in (utterance, kinds.as_heard(utterance, condition)))
    assert before.shape == after.shape
    assert (abs(before - after).max() > 1e-3) == (condition != "clean")


def test_a_learning_curve_never_learns_from_who_is_tested(
    learning_curve: ModuleType, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number of speakers hears every utterance once, and those of a smaller one are among a larger's."""
    learnt: list[set[str]] = []
    tested: list[set[str]] = []

    def fit(network: Network, clips: Sequence[Clip], recipe: Recipe, seed: int) -> None:
        learnt.append({clip.speaker for clip in clips})
        fit_functionals(network, clips, recipe, seed)

    def ask(network: Network, clips: Sequence[Clip]) -> object:
        tested.append({clip.speaker for clip in clips})
        return classifier_log_scores(network, clips)

    monkeypatch.setattr(learning_curve, "fit_functionals", fit)
    monkeypatch.setattr(learning_curve, "classifier_log_scores", ask)
    (tmp_path / "few.toml").write_text("takes = 4")
    call = ["learning_curve", "manifest", corpus_root, tmp_path / "curve", "--recipe", tmp_path / "few.toml"]
    monkeypatch.setattr(sys, "argv", list(map(str, call)))
    learning_curve.main()
    assert all(not known & unknown for known, unknown in zip(learnt, tested, strict=True))
    for smaller, larger in pairwise(learnt):
        assert smaller < larger or len(larger) == 1
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [row["speakers"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["UA"]) > 0.9
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")

"""bench/kinds.py tells apart what the product averages; bench/learning_curve.py learns from nobody tested."""

import csv
import importlib
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from emotrace.corpora import open_corpus
from emotrace.model.network import Network, build, spectrum_of
from emotrace.model.systems import find_system
from emotrace.recipe import Recipe
from emotrace.training import emotionless
from emotrace.training.clips import Clip, read_clips, sound_of
from emotrace.training.experiment import Experiment, Part, train_part
from emotrace.training.functionals import classifier_log_scores, fit_functionals
from emotrace.training.progress import silent

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


def test_no_speech_asks_by_other_sounds_than_it_is_chosen_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    bench = importlib.import_module("no_speech")
    monkeypatch.setattr(bench, "EACH", 2)
    found = {part: list(bench.sounds(part, np.random.default_rng(0))) for part in ("test", "validation")}
    names = {part: [name for name, _ in heard] for part, heard in found.items()}
    assert set(names["test"]).isdisjoint(names["validation"])
    assert {name.replace(" ", "_") for name in names["validation"]} == set(emotionless.SOUNDS)
    assert len(names["test"]) == 2 * len(bench.SOUNDS)
    for _, samples in found["test"] + found["validation"]:
        assert 16_000 <= len(samples) <= 80_000
        assert 0 < abs(samples).max() <= 1


@pytest.mark.parametrize("functionals", [0.0, 1.0])
def test_no_speech_asks_networks_with_and_without_functionals(
    tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch, functionals: float
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    bench = importlib.import_module("no_speech")
    torch.manual_seed(0)
    recipe = tiny_recipe.model_copy(update={"functionals": functionals})
    network = build(recipe, "pcnse-sadrn-ctc", 2).eval()
    samples = np.random.default_rng(0).normal(scale=0.1, size=4_000)
    by_ctc = bench.likely_none(network, samples)
    assert 0 < by_ctc < 1
    if network.functionals is not None:
        network.functionals.bias[-1] = 1e3
        assert bench.likely_none(network, samples) > 0.999


def test_no_speech_adds_as_much_noise_as_it_says(corpus_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    bench = importlib.import_module("no_speech")
    utterance = open_corpus("manifest", corpus_root).utterances[0]
    (_, clean), *noisy = bench.speech(utterance, np.random.default_rng(0))
    ratios = [10 * np.log10(np.mean(clean**2) / np.mean((samples - clean) ** 2)) for _, samples in noisy]
    assert ratios == pytest.approx(bench.NOISES_DB, abs=0.3)


def test_what_is_heard_in_a_condition_is_judged_as_what_it_was(
    experiment: Experiment, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clean speech must have what the fold's predictions say; else the files alone are the same."""
    part = Part(train=("ann", "bea", "cem"), validation=("dov",), test=("eve",))
    train_part(experiment, part, fold=0, seed=1, folder=tmp_path, tell=silent)
    (tmp_path / "recipe.json").write_text(f'{{"recipe": {experiment.recipe.model_dump_json()}}}')
    monkeypatch.syspath_prepend(BENCH)
    bench = importlib.import_module("functionals")
    said = {name: list(bench.answers(tmp_path, corpus_root, name)) for name in ("clean", "telephone band")}
    files = [[one["both"].file for one in rows] for rows in said.values()]
    assert files[0] == files[1] != []
    scores = [[one["both"].scores["anger"] for one in rows] for rows in said.values()]
    assert scores[0] != scores[1]


@pytest.mark.parametrize("between_s", [0.0, 1.5])
def test_recordings_are_utterances_of_other_emotions_joined_or_apart(
    corpus_root: Path, monkeypatch: pytest.MonkeyPatch, between_s: float
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    bench = importlib.import_module("timeline")
    utterances = [u for u in open_corpus("manifest", corpus_root).utterances if u.speaker == "ann"]
    sounds = list(importlib.import_module("no_speech").makers("test").values())
    made = bench.recordings(utterances, np.random.default_rng(0), sounds, between_s)
    assert len(made) == bench.RECORDINGS
    for recording in made:
        spans = recording.truth.spans
        assert len(spans) == bench.UTTERANCES
        assert (spans[0].start, spans[-1].end) == (0.0, pytest.approx(recording.duration_s))
        for one, other in pairwise(spans):
            assert one.emotion != other.emotion
            assert other.start - one.end == pytest.approx(between_s)
            apart, before = (
                recording.samples[round(start * 16_000) : round(end * 16_000)]
                for start, end in ((one.end, other.start), (one.start, one.end))
            )
            if between_s:
                softer_db = 10 * np.log10(np.mean(before**2) / np.mean(apart**2))
                assert -0.1 < softer_db < bench.SOFTER_DB[1] + 1  # clipped, it is a little softer

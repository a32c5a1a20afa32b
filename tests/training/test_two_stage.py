"""Systems share fronts and examples, and every system can be trained and exported."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from emotrace.export.run_export import export_run
from emotrace.inference.recogniser import load
from emotrace.models.architectures import SYSTEMS, find_system
from emotrace.recipe import Recipe
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, no_progress
from emotrace.training.run_folder import read_run
from emotrace.training.split import SpeakerSplit, train_split

PART = SpeakerSplit(train=("ann", "bea", "cem"), validation=("dov",), test=("eve",))


@pytest.fixture(scope="module")
def short(experiment: Experiment) -> Experiment:
    """Two epochs a stage."""
    stages = {
        name: getattr(experiment.recipe, name).model_copy(update={"epochs": 2})
        for name in ("stage1", "stage2")
    }
    return replace(experiment, recipe=experiment.recipe.model_copy(update=stages))


@pytest.mark.slow
def test_systems_with_a_shared_front_have_the_same_weights_as_with_a_front_of_their_own(
    short: Experiment, tmp_path: Path
) -> None:
    stages: dict[str, list[str]] = {}
    for system in ("pcnse-sadrn", "pcnse", "pcnse-sablstm"):
        of = replace(short, system=system)
        reported: list[Epoch] = []
        for name, front in (("alone", None), ("shared", tmp_path / "fronts")):
            folder = tmp_path / name / system
            progress = reported.append if front else no_progress
            train_split(of, PART, fold=0, seed=1, folder=folder, progress=progress, front_folder=front)
        stages[system] = [epoch.stage for epoch in reported]
        for name in ("weights.safetensors", "predictions.csv", "validation.csv"):
            alone, shared = (tmp_path / kind / system / name for kind in ("alone", "shared"))
            assert alone.read_bytes() == shared.read_bytes()
    assert stages == {
        "pcnse-sadrn": ["front-pcnse"] * 2 + ["back"] * 2,
        "pcnse": [],  # it is the front, and trained already
        "pcnse-sablstm": ["back"] * 2,
    }
    fronts = [
        {key: value for key, value in load_file(path).items() if key.startswith("front.")}
        for path in sorted(tmp_path.glob("*/*/weights.safetensors"))
    ]
    assert len(fronts) == 6
    for front in fronts[1:]:
        assert all(map(torch.equal, fronts[0].values(), front.values()))


def test_acoustic_augmentation_changes_the_front_with_and_without_functionals(
    short: Experiment, tmp_path: Path
) -> None:
    """The front does not depend on whether there is a functionals classifier."""
    curves = []
    for name, functionals, acoustic in (
        ("without", 0.0, False),
        ("alone", 0.0, True),
        ("both", 0.1, True),
    ):
        changes = {"functionals_l2": functionals, "acoustic_augmentation": acoustic}
        of = replace(short, system="pcnse", recipe=short.recipe.model_copy(update=changes), read={})
        train_split(of, PART, fold=0, seed=1, folder=tmp_path / name, progress=no_progress)
        curves.append((tmp_path / name / "front-pcnse" / "curve.csv").read_text())
    assert curves[0] != curves[1] == curves[2]


def test_systems_with_the_same_input_read_the_corpus_once(short: Experiment) -> None:
    fresh = replace(short, read={})
    systems = [name for name, system in SYSTEMS.items() if not system.pretrained_encoder]
    examples = {name: replace(fresh, system=name).examples for name in systems}
    inputs = {id(read): {name for name in systems if examples[name] is read} for read in examples.values()}
    assert sorted(map(len, inputs.values())) == [1, 1, len(systems) - 2]
    assert examples["cnn-gru"][0].windows[0].shape[1] == 200
    other = replace(fresh, recipe=Recipe())
    assert other.examples[0].windows[0].shape[1] == 40
    fewer = replace(fresh.corpus, utterances=fresh.corpus.utterances[:2])
    assert len(replace(fresh, corpus=fewer).examples) == 2


@pytest.fixture
def trained(short: Experiment, tmp_path: Path) -> Callable[..., Path]:
    """A run folder of a system."""

    def train(system: str, recipe: Recipe) -> Path:
        of = replace(short, system=system, recipe=recipe)
        train_split(of, PART, fold=0, seed=1, folder=tmp_path / system, progress=no_progress)
        (tmp_path / system / "recipe.json").write_text(f'{{"recipe": {recipe.model_dump_json()}}}')
        return tmp_path / system

    return train


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "precision", "functionals"),
    [
        ("pcn-sablstm", "bfloat16", 0.0),
        ("cnn-blstm", "bfloat16", 0.0),
        ("cnn-gru", "float32", 0.1),
        ("blstm-ctc", "bfloat16", 0.0),
        ("sadrn-ctc", "float32", 0.1),
    ],
)
def test_the_exported_model_gives_the_predictions_of_the_training(
    short: Experiment,
    trained: Callable[..., Path],
    system: str,
    precision: str,
    functionals: float,
    tmp_path: Path,
) -> None:
    changes = {"precision": precision, "decoding": "vote", "functionals_l2": functionals}
    recipe = short.recipe.model_copy(update=changes)
    folder = trained(system, recipe)
    facts, _, _ = read_run(folder)
    export_run(folder, tmp_path / "model")
    recogniser = load(tmp_path / "model", threads=1)
    assert recogniser.config.decoding == ("vote" if find_system(system).head == "ctc" else "likelihood")
    rows = (folder / "predictions.csv").read_text().splitlines()
    ours = {row.split(",")[0]: [float(cell) for cell in row.split(",")[-2:]] for row in rows[1:]}
    assert rows[0].split(",")[-2:] == list(facts.emotions)
    for utterance in short.corpus.utterances:
        if utterance.speaker in PART.test:
            scores = recogniser(utterance.audio).scores
            assert scores is not None
            found = [scores[emotion] for emotion in facts.emotions]
            assert np.abs(np.array(found) - ours[utterance.name]).max() < 1e-4

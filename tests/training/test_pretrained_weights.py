"""Fine-tuning starts from the weights that fit, and never tests on speakers of the earlier training."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emotrace import load
from emotrace.cli.app import main
from emotrace.errors import EmotraceError, ModelError, RecipeError, RunError
from emotrace.experiments.cross_validation import run_folds
from emotrace.inference.model_folder import load_model_folder, write_config
from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe
from emotrace.training.experiment import Experiment
from emotrace.training.pretrained_weights import PretrainedWeights, read_pretrained_weights
from emotrace.training.progress import no_progress
from emotrace.training.split import train_run

SYSTEM = "pcnse-sadrn-ctc"
EMOTIONS = ("anger", "sadness")


@pytest.fixture
def foreign(finished_model: Path, tmp_path: Path) -> Path:
    """The same model as if it had learnt from another corpus."""
    folder = tmp_path / "foreign"
    shutil.copytree(finished_model, folder)
    config = load_model_folder(folder).config
    other = {"corpus": "ravdess", "name": "emotrace-ravdess-1", "training_speakers": {"ravdess": ("01",)}}
    write_config(folder, config.model_copy(update=other))
    return folder


def still(recipe: Recipe) -> Recipe:
    """The same, learning next to nothing."""
    stages = {name: getattr(recipe, name).model_copy(update={"learning_rate": 1e-30, "epochs": 1}) for name in
              ("stage1", "stage2")}  # fmt: skip
    return recipe.model_copy(update=stages)


def test_weights_that_fit_are_copied_and_the_rest_keep_their_initial_values(
    finished_model: Path, tiny_recipe: Recipe
) -> None:
    learnt = load_file(finished_model / "model.safetensors")
    for emotions in (EMOTIONS, ("sadness", "anger"), ("anger", "sadness", "fear")):
        torch.manual_seed(0)
        network = build(tiny_recipe, SYSTEM, len(emotions))
        fresh = {name: value.clone() for name, value in network.state_dict().items()}
        read_pretrained_weights(finished_model, SYSTEM, tiny_recipe, emotions).into(network)
        own = ("functionals.",) if emotions == EMOTIONS else ("functionals.", "back.head.")
        for name, value in network.state_dict().items():
            assert torch.equal(value, fresh[name] if name.startswith(own) else learnt[name]), name


def test_the_front_of_a_larger_system_is_copied(finished_model: Path, tiny_recipe: Recipe) -> None:
    learnt = load_file(finished_model / "model.safetensors")
    network = build(tiny_recipe, "pcnse", 2)
    read_pretrained_weights(finished_model, "pcnse", tiny_recipe, EMOTIONS).into(network)
    front = {name: value for name, value in network.state_dict().items() if name.startswith("front.")}
    assert len(front) > 20
    assert all(torch.equal(value, learnt[name]) for name, value in front.items())


def test_training_starts_from_the_weights_and_fits_normalisation(
    experiment: Experiment, foreign: Path, tmp_path: Path
) -> None:
    recipe = still(experiment.recipe)
    start = read_pretrained_weights(foreign, SYSTEM, recipe, EMOTIONS)
    train_run(
        replace(experiment, recipe=recipe, pretrained=start),
        seed=7,
        folder=tmp_path / "run",
        progress=no_progress,
    )
    learnt, found = load_file(foreign / "model.safetensors"), load_file(tmp_path / "run/weights.safetensors")
    moved = {name for name, value in found.items() if not torch.allclose(value, learnt[name], atol=1e-6)}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert all(
        name.endswith(statistics) or "normalise" in name or name.startswith("functionals.") for name in moved
    )
    reported = json.loads((tmp_path / "run" / "recipe.json").read_text())["start"]
    assert reported == start.fingerprint
    assert reported["model"] == "emotrace-ravdess-1"
    with pytest.raises(RunError, match=r"a run with another start"):
        train_run(replace(experiment, recipe=recipe), seed=7, folder=tmp_path / "run", progress=no_progress)


@pytest.mark.slow
def test_a_fine_tuned_model_states_its_earlier_corpora(
    foreign: Path, corpus_root: Path, tiny_toml: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call = ["train", "--corpus", "manifest", "--root", corpus_root, "--recipe", tiny_toml, "--device", "cpu"]
    with pytest.raises(SystemExit) as end:
        main([*map(str, call), "--init", str(foreign), "--output", str(tmp_path / "run")])
    assert end.value.code == 0
    config = load(tmp_path / "run" / "model").config
    assert (config.corpus, config.earlier_corpora) == ("manifest", ("ravdess",))
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert "- started from a model trained on: Ryerson" in card
    assert "CC BY-NC-SA 4.0" in card
    capfd.readouterr()
    with pytest.raises(SystemExit):
        main(["info", "--model", str(tmp_path / "run" / "model")])
    assert "ravdess, then manifest" in capfd.readouterr().out


def test_a_model_of_a_collection_is_refused_for_each_of_its_corpora(
    foreign: Path, experiment: Experiment
) -> None:
    config = load_model_folder(foreign).config
    write_config(foreign, config.model_copy(update={"corpus": "emodb, nemo"}))
    start = read_pretrained_weights(foreign, SYSTEM, experiment.recipe, EMOTIONS)
    start.refuse_known_speakers({"emovo": ["1"], "tess": ["2"]})
    with pytest.raises(ModelError, match="was trained on nemo, and so may know its test speakers"):
        start.refuse_known_speakers({"emovo": ["1"], "nemo": ["2"]})


def test_cross_validation_refuses_a_model_trained_on_the_same_corpus(
    experiment: Experiment, finished_model: Path, foreign: Path, tmp_path: Path
) -> None:
    own = read_pretrained_weights(finished_model, SYSTEM, experiment.recipe, EMOTIONS)
    with pytest.raises(ModelError, match=r"was trained on manifest with \d+ of the speakers that are tested"):
        run_folds(replace(experiment, pretrained=own), output=tmp_path / "own")
    config = load_model_folder(foreign).config
    write_config(
        foreign, config.model_copy(update={"earlier_corpora": ("emodb", "manifest"), "training_speakers": {}})
    )
    twice = read_pretrained_weights(foreign, SYSTEM, experiment.recipe, EMOTIONS)
    with pytest.raises(
        ModelError, match="was trained on manifest, and so may know its test speakers: it does"
    ):
        run_folds(replace(experiment, pretrained=twice), output=tmp_path / "twice")
    assert not (tmp_path / "own").exists()


def test_a_model_of_other_speakers_of_a_corpus_of_the_same_name_is_accepted(
    experiment: Experiment, finished_model: Path
) -> None:
    own = read_pretrained_weights(finished_model, SYSTEM, experiment.recipe, EMOTIONS)
    known = own.model.config.training_speakers["manifest"]
    assert set(known) <= {utterance.speaker for utterance in experiment.corpus.utterances}
    assert len(known) > 1
    own.refuse_known_speakers({"manifest": ["a stranger"]})
    own.refuse_known_speakers({"emodb": known})
    with pytest.raises(ModelError, match="with 1 of the speakers that are tested"):
        own.refuse_known_speakers({"manifest": ["a stranger", known[0]]})


@pytest.mark.parametrize(
    ("system", "change", "error", "words"),
    [
        ("sadrn-ctc", {}, RecipeError, "another front than sadrn-ctc"),
        ("pcn", {}, RecipeError, "another front than pcn"),
        (
            SYSTEM,
            {"front": {"width": 16}},
            RecipeError,
            r"trained with another front\.width; give a --recipe",
        ),
        (SYSTEM, {"features": {"normalisation": "corpus"}}, RecipeError, r"another features\.normalisation"),
    ],
)
def test_another_front_is_refused(
    finished_model: Path, tiny_recipe: Recipe, system: str, change: dict[str, dict[str, object]],
    error: type[EmotraceError], words: str,
) -> None:  # fmt: skip
    parts = {name: getattr(tiny_recipe, name).model_copy(update=value) for name, value in change.items()}
    with pytest.raises(error, match=words) as caught:
        read_pretrained_weights(finished_model, system, tiny_recipe.model_copy(update=parts), EMOTIONS)
    assert "\n" not in str(caught.value)


def test_a_folder_without_weights_and_weights_of_another_shape_are_refused(
    finished_model: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(finished_model, folder)
    start = PretrainedWeights(load_model_folder(folder), same_emotions=True)
    wider = tiny_recipe.model_copy(update={"front": tiny_recipe.front.model_copy(update={"width": 16})})
    with pytest.raises(ModelError, match=r"model\.safetensors has no front\.\S+ of shape"):
        start.into(build(wider, SYSTEM, 2))
    (folder / "model.safetensors").write_bytes(b"not tensors")
    config = write_config(folder, start.model.config)
    assert config.sha256["model.safetensors"]
    with pytest.raises(ModelError, match="is damaged"):
        PretrainedWeights(load_model_folder(folder), same_emotions=True).into(build(tiny_recipe, SYSTEM, 2))
    (folder / "model.safetensors").unlink()
    write_config(folder, start.model.config)
    with pytest.raises(ModelError, match=r"has no model\.safetensors, which training starts from"):
        read_pretrained_weights(folder, SYSTEM, tiny_recipe, EMOTIONS)
    with pytest.raises(ModelError, match="found no such folder"):
        read_pretrained_weights(tmp_path / "none", SYSTEM, tiny_recipe, EMOTIONS)


def test_a_model_whose_settings_have_old_names_fits_the_same_recipe(
    finished_model: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(finished_model, folder)
    config = load_model_folder(folder).config
    features = dict(config.recipe["features"])
    features["bands"] = features.pop("n_mels")
    features["range_db"] = features.pop("dynamic_range_db")
    write_config(folder, config.model_copy(update={"recipe": {**config.recipe, "features": features}}))
    assert read_pretrained_weights(folder, SYSTEM, tiny_recipe, EMOTIONS).same_emotions

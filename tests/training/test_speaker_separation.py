"""Test and validation speakers have no influence on the weights."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
from corpora import replicas
from safetensors.torch import load_file
from torch import Tensor

from emotrace.corpora import Fold, open_corpus
from emotrace.errors import CorpusError
from emotrace.experiments.cross_validation import Job, run_folds, run_job
from emotrace.models.emotion_model import build
from emotrace.recipe import Features, Recipe
from emotrace.training.data.examples import Example
from emotrace.training.experiment import Experiment
from emotrace.training.progress import no_progress
from emotrace.training.split import SpeakerSplit, final_split, train_split
from emotrace.training.two_stage import fit_normalisation

PART = SpeakerSplit(train=("ann", "bea", "cem"), validation=("dov",), test=("eve",))


@pytest.fixture
def learn(make_corpus: Callable[..., Path], tiny_recipe: Recipe, tmp_path: Path) -> Callable[..., Path]:
    """Train on the small corpus with some speakers far louder; the run folder."""
    features = tiny_recipe.features.model_copy(update={"normalisation": "corpus"})
    recipe = tiny_recipe.model_copy(update={"features": features})

    def run(**loudness: float) -> Path:
        name = "-".join(loudness) or "plain"
        root = make_corpus(tmp_path / f"corpus-{name}", loudness)
        experiment = Experiment(open_corpus("manifest", root), "pcnse-sadrn-ctc", recipe, "0")
        train_split(experiment, PART, fold=0, seed=1, folder=tmp_path / name, progress=no_progress)
        return tmp_path / name

    return run


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "weights.safetensors")


def test_audio_of_the_test_speaker_changes_only_its_predictions(
    learn: Callable[..., Path],
) -> None:
    plain, louder = learn(), learn(eve=4.0)
    for name in ("weights.safetensors", "validation.csv", "front-pcnse/curve.csv", "back/curve.csv"):
        assert (plain / name).read_bytes() == (louder / name).read_bytes(), name
    assert (plain / "predictions.csv").read_bytes() != (louder / "predictions.csv").read_bytes()


def test_no_weight_learns_from_the_dialogue_partner_of_a_test_speaker(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """IEMOCAP: by the partner, who validates, only the factor between network and functionals is set."""
    fixed = {"checkpoint_metric": "last", "epochs": 1}
    stages = {name: getattr(tiny_recipe, name).model_copy(update=fixed) for name in ("stage1", "stage2")}
    recipe = tiny_recipe.model_copy(update={**stages, "non_speech_per_utterance": 0.1, "augmented_copies": 0})
    found = []
    for name, gain in (("plain", 1.0), ("softer", 0.1)):
        root = replicas.iemocap(tmp_path / name, replicas.iemocap_few())
        corpus = open_corpus("iemocap", root)
        fold = next(fold for fold in corpus.folds() if fold.test == ("Ses01M",))
        assert fold.validation == ("Ses01F",)
        for utterance in corpus.utterances:
            if utterance.speaker in fold.validation:
                samples, rate_hz = soundfile.read(utterance.audio)
                utterance.audio.unlink()  # replicas link files of one emotion to the same bytes
                soundfile.write(utterance.audio, gain * samples[::-1] ** 3, rate_hz, subtype="PCM_16")
        split = SpeakerSplit(fold.train, fold.validation, fold.test)
        experiment = Experiment(corpus, "pcnse-sadrn-ctc", recipe, "0")
        train_split(experiment, split, fold=0, seed=1, folder=tmp_path / f"run-{name}", progress=no_progress)
        found.append(weights(tmp_path / f"run-{name}"))
    plain, softer = found
    changed = [name for name in plain if not torch.equal(plain[name], softer[name])]
    assert changed == ["functionals.fusion_weight"]


@pytest.mark.parametrize("name", ["iemocap", "iemocap-all-six", "fau-aibo"])
def test_a_session_that_is_tested_never_trains(name: str, tmp_path: Path) -> None:
    if name == "fau-aibo":
        few = {"Ohm": list(range(1, 8)), "Mont": [1, 2, 3]}
        root = replicas.fau_aibo(tmp_path, replicas.fau_aibo_few(), few)
    else:
        root = replicas.iemocap(tmp_path, replicas.iemocap_few())
    corpus = open_corpus(name, root)
    for fold in corpus.folds():
        tested = {u.session for u in corpus.utterances if u.speaker in fold.test}
        assert not tested & {u.session for u in corpus.utterances if u.speaker in fold.train}


def test_a_split_that_trains_on_a_tested_session_is_refused(tmp_path: Path, tiny_recipe: Recipe) -> None:
    corpus = open_corpus("iemocap", replicas.iemocap(tmp_path / "corpus", replicas.iemocap_few()))
    split = SpeakerSplit(("Ses01F", "Ses02F"), ("Ses03F",), ("Ses01M",))
    experiment = Experiment(corpus, "pcnse-sadrn-ctc", tiny_recipe, "0")
    with pytest.raises(CorpusError, match="trains on Ses01F, who shares a session"):
        train_split(experiment, split, fold=0, seed=1, folder=tmp_path / "run", progress=no_progress)
    assert not (tmp_path / "run").exists()
    mixed = replace(corpus, corpus=replace(corpus.corpus, folds=lambda _: [Fold("x", *vars(split).values())]))
    with pytest.raises(CorpusError, match="fold x trains on Ses01F"):
        mixed.folds()


def test_audio_of_the_validation_speaker_changes_no_normalisation_and_no_training_loss(
    learn: Callable[..., Path],
) -> None:
    plain, louder, trained_louder = learn(), learn(dov=4.0), learn(ann=4.0)
    for name in ("front.normalise.mean", "front.normalise.scale"):
        assert torch.equal(weights(plain)[name], weights(louder)[name])
        assert not torch.equal(weights(plain)[name], weights(trained_louder)[name])
    columns = [
        [line.split(",") for line in (folder / "front-pcnse" / "curve.csv").read_text().splitlines()]
        for folder in (plain, louder)
    ]
    shared = min(map(len, columns))
    assert [row[1] for row in columns[0]][:shared] == [row[1] for row in columns[1]][:shared]  # train_loss
    assert [row[2] for row in columns[0]] != [row[2] for row in columns[1]]  # val_loss


@pytest.mark.parametrize(
    "parts",
    [
        (("ann", "bea"), ("bea",), ("cem",)),
        (("ann", "bea"), ("cem",), ("ann",)),
        (("ann", "bea"), ("cem",), ("cem",)),
        (("ann", "ann"), ("bea",), ("cem",)),
    ],
)
def test_the_error_for_a_speaker_in_two_parts_names_the_speaker(parts: tuple[tuple[str, ...], ...]) -> None:
    (twice,) = {name for name in sum(parts, ()) if sum(parts, ()).count(name) > 1}
    with pytest.raises(CorpusError, match=f"speaker {twice} is in two parts"):
        SpeakerSplit(*parts)


def test_a_protocol_with_a_speaker_in_two_parts_is_refused(experiment: Experiment, tmp_path: Path) -> None:
    fold = experiment.corpus.folds()[0]
    mixed = object.__new__(Fold)  # past the check that a fold makes of itself
    for name, value in vars(replace(fold)).items():
        object.__setattr__(mixed, name, value)
    object.__setattr__(mixed, "train", (*fold.train, *fold.test))
    corpus = replace(experiment.corpus, corpus=replace(experiment.corpus.corpus, folds=lambda _: [mixed]))
    with pytest.raises(CorpusError, match="in two parts"):
        run_job(replace(experiment, corpus=corpus), Job(0, 1, tmp_path / "fold"), no_progress)
    assert not (tmp_path / "fold").exists()


def test_each_speaker_is_tested_once_by_a_network_trained_on_others(
    experiment: Experiment, tmp_path: Path
) -> None:
    short = experiment.recipe.model_copy(
        update={
            "stage1": experiment.recipe.stage1.model_copy(update={"epochs": 1}),
            "stage2": experiment.recipe.stage2.model_copy(update={"epochs": 1}),
        }
    )
    run_folds(replace(experiment, recipe=short), output=tmp_path, workers=1)
    tested = []
    for path in sorted(tmp_path.glob("seed-1/*/run.json")):
        run = json.loads(path.read_text())
        parts = [*run["train"], *run["validation"], *run["test"]]
        assert sorted(parts) == sorted(experiment.corpus.speakers)  # all, and each once
        rows = (path.parent / "predictions.csv").read_text().splitlines()[1:]
        assert {row.split(",")[1] for row in rows} == set(run["test"])
        rows = (path.parent / "validation.csv").read_text().splitlines()[1:]
        assert {row.split(",")[1] for row in rows} == set(run["validation"])
        tested += run["test"]
    assert sorted(tested) == sorted(experiment.corpus.speakers)


def test_a_final_model_is_trained_on_all_but_two_speakers(experiment: Experiment) -> None:
    part = final_split(experiment.corpus)
    assert len(part.validation) == 2
    assert part.test == ()
    assert sorted((*part.train, *part.validation)) == sorted(experiment.corpus.speakers)


@pytest.mark.parametrize("longest", [60, 61])
def test_normalisation_counts_each_real_frame_once(tiny_recipe: Recipe, longest: int) -> None:
    """Windows overlap by half; cutting an utterance into them must not change what is counted."""
    frames = (
        torch.randn(150, 18, generator=torch.Generator().manual_seed(0)) * torch.linspace(1, 3, 150)[:, None]
    )
    hop = longest // 2
    windows = tuple(frames[start : start + longest] for start in range(0, 150 - longest + hop, hop))
    assert len(windows[-1]) > longest - hop
    recipe = tiny_recipe.model_copy(update={"features": Features(n_mels=18, channels=1)})
    whole, cut = (build(recipe, "pcn", 2) for _ in range(2))
    fit_normalisation(whole, [Example("a", "a", 0, ((frames,),), (1,))])
    fit_normalisation(cut, [Example("a", "a", 0, (windows,), (1,) * len(windows))])
    mean, scale = frames.double().mean(0), 1 / frames.double().std(0, correction=0)
    for network in (whole, cut):
        assert torch.allclose(network.front.normalise.mean.squeeze().double(), mean, atol=1e-6)
        assert torch.allclose(network.front.normalise.scale.squeeze().double(), scale, rtol=1e-6)

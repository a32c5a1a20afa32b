"""A tiny corpus and narrow networks, which train in a second."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from emotrace.corpora import open_corpus
from emotrace.export.run_export import export_run
from emotrace.recipe import Recipe
from emotrace.recipes import load_recipe
from emotrace.training.experiment import Experiment
from emotrace.training.progress import no_progress
from emotrace.training.split import train_run

SPEAKERS = ("ann", "bea", "cem", "dov", "eve")
TINY = """
concatenated_per_utterance = 0
non_speech_per_utterance = 0
refit_on_validation = false
augmented_copies = 4
stage2_views = 2
baseline_width = 0.125
[features]
n_mels = 18
[front]
width = 8
[back]
width = 8
stacks = 1
dilations = [1, 2]
dropout = 0.2
[augmentation]
tempo_perturbation = 0.1
gain_db = 3.0
time_masks = 1
[stage1]
checkpoint_metric = "loss"
epochs = 5
batch_size = 4
learning_rate = 3e-3
[stage2]
checkpoint_metric = "loss"
epochs = 5
batch_size = 4
optimiser = "adam"
learning_rate = 3e-3
ema_decay = 0.5
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Equal weights come from equal numbers of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def make_corpus() -> Callable[..., Path]:
    """Write a corpus: `make_corpus(root, loudness={"ann": 3.0})`; anger is loud, sadness soft and low."""

    def make(root: Path, loudness: dict[str, float] | None = None) -> Path:
        rows = [["file", "emotion", "speaker"]]
        for number, speaker in enumerate(SPEAKERS):
            for take in range(4):
                random = np.random.default_rng((number, take))
                seconds = 0.4 + 0.1 * take
                noise = random.uniform(-1, 1, round(16_000 * seconds))
                emotion = "anger" if take % 2 else "sadness"
                sound = 0.2 * noise if take % 2 else np.convolve(0.05 * noise, np.ones(8) / 8, "same")
                file = f"{speaker}/{take}.wav"
                (root / speaker).mkdir(parents=True, exist_ok=True)
                soundfile.write(root / file, sound * (loudness or {}).get(speaker, 1.0), 16_000)
                rows.append([file, emotion, speaker])
        with (root / "manifest.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
        return root

    return make


@pytest.fixture(scope="session")
def corpus_root(make_corpus: Callable[..., Path], shared_folder: Callable[..., Path]) -> Path:
    """Twenty clips of five speakers."""
    return shared_folder("corpus", make_corpus)


@pytest.fixture(scope="session")
def tiny_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe file of the narrow networks."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def tiny_recipe(tiny_toml: Path) -> Recipe:
    """The recipe of the narrow networks."""
    return load_recipe([tiny_toml])


@pytest.fixture(scope="session")
def experiment(corpus_root: Path, tiny_recipe: Recipe) -> Experiment:
    """The paper's system, narrow, on the small corpus."""
    return Experiment(open_corpus("manifest", corpus_root), "pcnse-sadrn-ctc", tiny_recipe, "0")


@pytest.fixture(scope="session")
def network_alone_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of the narrow networks without functionals, whose fit takes longer than the rest."""
    path = tmp_path_factory.mktemp("recipe") / "network-alone.toml"
    path.write_text("functionals_l2 = 0\n" + TINY)
    return path


@pytest.fixture(scope="session")
def network_alone(experiment: Experiment, network_alone_toml: Path) -> Experiment:
    """The same experiment without functionals."""
    return replace(experiment, recipe=load_recipe([network_alone_toml]))


@pytest.fixture(scope="session")
def finished_run(experiment: Experiment, shared_folder: Callable[..., Path]) -> Path:
    """A run that was never interrupted."""

    def train(folder: Path) -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        train_run(experiment, seed=1, folder=folder, progress=no_progress)
        torch.set_num_threads(threads)

    return shared_folder("finished-run", train)


@pytest.fixture(scope="session")
def finished_model(finished_run: Path, shared_folder: Callable[..., Path]) -> Path:
    """The model folder of that run."""
    return shared_folder("finished-model", lambda folder: export_run(finished_run, folder))

"""The checks that training and cross-validation share, made before a folder is created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

import emotrace
from emotrace.corpora import OpenCorpus, open_corpus
from emotrace.corpora.protocols import choose_protocol
from emotrace.errors import RecipeError
from emotrace.experiments.checks import check_labels, check_windows
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import build
from emotrace.recipes import load_recipe
from emotrace.training.experiment import Experiment
from emotrace.training.pretrained_weights import read_pretrained_weights

DEFAULT_SYSTEM = "pcnse-sadrn-ctc"


def prepare_experiment(
    corpus: str | OpenCorpus,
    root: str | Path | None = None,
    *,
    system: str = DEFAULT_SYSTEM,
    recipe: Sequence[str | Path] = (),
    init: str | Path | None = None,
    device: str = "auto",
    corpus_options: Mapping[str, str | bool] | None = None,
    label_map: Mapping[str, str] | None = None,
    emotions: Sequence[str] | None = None,
    protocol: str | None = None,
) -> Experiment:
    """Open the corpus, read the recipe, and check that the system can be built and trained.

    Args:
        corpus: name of a corpus, such as "emodb", or an open corpus
        root: folder of the corpus; only with a name
        system: a row of Table 5 of Zhao et al. (2021)
        recipe: TOML files, or names of shipped recipes, laid over one another in order
        init: folder of a model whose weights training starts from; None: random weights
        device: "auto", "cpu" or "cuda"
        corpus_options: options of the corpus, such as {"allow_missing": True}
        label_map: new names of emotions, such as {"angry": "anger"}; codes of the corpus may be renamed too
        emotions: the emotions to keep, by their new names; None keeps all
        protocol: "leave-one-corpus-out" for a collection; None: the corpus's own

    Raises:
        CorpusError: the corpus is unknown, missing or damaged.
        RecipeError: the system or a setting is unknown, they do not fit each other, or the device is missing.
        ModelError: `init` is not a model folder with weights for training.

    >>> prepare_experiment("synthetic", device="cpu").system
    'pcnse-sadrn-ctc'
    """
    find_system(system)
    load_recipe(recipe)  # before the corpus, which may take long
    found_device = find_device(device)
    opened = open_corpus(corpus, root, label_map=label_map, emotions=emotions, **corpus_options or {})
    opened = choose_protocol(opened, protocol)
    settings = load_recipe(recipe, opened.corpus.name, system)
    check_labels(opened)
    network = build(settings, system, len(opened.emotions))
    check_windows(network, system, settings, opened.emotions)
    pretrained = None
    if init is not None:
        pretrained = read_pretrained_weights(Path(init), system, settings, opened.emotions)
    return Experiment(opened, system, settings, str(emotrace.__version__), found_device, pretrained)


def find_device(device: str) -> str:
    """The device that training runs on: "cuda" or "cpu".

    Raises:
        RecipeError: the name is unknown, or "cuda" is requested and PyTorch finds no CUDA device.

    >>> find_device("cpu")
    'cpu'
    """
    if device not in ("auto", "cpu", "cuda"):
        raise RecipeError(f"device is {device!r}; expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise RecipeError("device is cuda, and PyTorch finds no CUDA device; use auto or cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"

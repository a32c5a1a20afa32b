"""The command line's verbs for corpora, training, measuring and export; torch is imported when one runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt

from emotrace.errors import EmotraceError, MissingExtraError, RecipeError

if TYPE_CHECKING:
    from emotrace.training.crossval import Experiment

Name = Annotated[str, Parameter(name="--corpus")]
Root = Annotated[Path | None, Parameter(name="--root")]
Recipes = Annotated[tuple[str, ...], Parameter(name="--recipe", negative=())]
Device = Literal["auto", "cpu", "cuda"]
SYSTEM = "pcnse-sadrn-ctc"
TRAINING_NEEDS = ("torch", "lightning", "audmetric", "matplotlib", "onnx", "onnxscript", "safetensors")


def corpus(name: str, /, *, root: Root = None, as_json: Annotated[bool, Parameter("--json")] = False) -> int:
    """Check a corpus as it lies on disk: counts by emotion, speaker and session, beside the published ones.

    Parameters
    ----------
    name
        emodb, ravdess, manifest or synthetic.
    root
        Folder of the corpus; for manifest, its CSV file or the folder that holds manifest.csv.
    as_json
        Write JSON.
    """
    from emotrace.corpora import open_corpus
    from emotrace.corpora.report import format_text, survey

    found = survey(open_corpus(name, root))
    counts = found.as_dict()
    sys.stdout.write((json.dumps(counts, indent=2) if as_json else format_text(counts)) + "\n")
    for utterance, reason in found.unusable.items():
        say(f"emotrace: {utterance} cannot be used: {reason}")
    return 1 if found.unusable else 0


def train(
    *,
    name: Name,
    output: Path,
    root: Root = None,
    system: str = SYSTEM,
    recipe: Recipes = (),
    seed: NonNegativeInt = 1,
    device: Device = "auto",
) -> int:
    """Train a model on a corpus; a run that was killed goes on when it is called again.

    Two speakers choose among the epochs, all others train. The run folder holds the model in model/.

    Parameters
    ----------
    name
        emodb, ravdess, manifest or synthetic.
    output
        The run folder.
    root
        Folder of the corpus.
    system
        A row of the paper's Table 5.
    recipe
        TOML files of settings, or names of those that ship, laid over one another in order.
    seed
        Fixes all that is random.
    device
        Where to train.
    """
    need_training()
    from emotrace.export import export_run
    from emotrace.training.crossval import train_run
    from emotrace.training.progress import shown

    experiment = prepare(name, root, system, recipe, device)
    with shown() as tell:
        scores = train_run(experiment, seed=seed, folder=output, tell=tell)
    export_run(output, output / "model")
    sys.stdout.write(f"measured on the validation speakers, who also chose the epoch\n{scores.as_text()}\n")
    sys.stdout.write(f"{output / 'model'}\n")
    return 0


def crossval(
    *,
    name: Name,
    output: Path,
    root: Root = None,
    system: str = SYSTEM,
    recipe: Recipes = (),
    folds: str | None = None,
    seeds: str = "1",
    device: Device = "auto",
    engine: Literal["local"] = "local",
) -> int:
    """Run a corpus's protocol, speakers apart; finished folds are kept when it is called again.

    Parameters
    ----------
    name
        emodb, ravdess, manifest or synthetic.
    output
        Folder of the cross-validation.
    root
        Folder of the corpus.
    system
        A row of the paper's Table 5.
    recipe
        TOML files of settings, or names of those that ship, laid over one another in order.
    folds
        Only these, as in 0,1; by default all.
    seeds
        One run of the protocol for each, as in 1,2,3.
    device
        Where to train.
    engine
        What runs the folds.
    """
    del engine  # one so far
    need_training()
    from emotrace.training import crossval as protocol
    from emotrace.training.progress import shown

    experiment = prepare(name, root, system, recipe, device)
    with shown() as tell:
        scores = protocol.crossval(
            experiment,
            output=output,
            seeds=numbers(seeds, "--seeds"),
            chosen=None if folds is None else numbers(folds, "--folds"),
            tell=tell,
        )
    sys.stdout.write(f"{experiment.corpus.protocol}, {system}\n{scores.as_text()}\n")
    return 0


def evaluate(
    *,
    model: Path,
    name: Name,
    root: Root = None,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Measure a model on a corpus: WA, UA, macro-F1, intervals, confusion matrix.

    Parameters
    ----------
    model
        Folder of the model.
    name
        emodb, ravdess, manifest or synthetic.
    root
        Folder of the corpus.
    as_json
        Write JSON.
    """
    need_training()
    from emotrace.corpora import open_corpus
    from emotrace.recogniser import load
    from emotrace.training.measure import measure

    measured = measure(load(model), open_corpus(name, root))
    for line in measured.remarks:
        say(f"emotrace: {line}")
    scores = measured.scores
    sys.stdout.write((json.dumps(scores.as_dict(), indent=2) if as_json else scores.as_text()) + "\n")
    return 1 if measured.failed else 0


def export(run: Path, /, *, output: Path) -> int:
    """Write the model folder of a run, which needs no torch to run.

    Parameters
    ----------
    run
        A folder that `emotrace train` finished, or a fold of `emotrace crossval`.
    output
        Folder for the model.
    """
    need_training()
    from emotrace.export import export_run

    export_run(run, output)
    sys.stdout.write(f"{output}\n")
    return 0


def demo(*, output: Path = Path("runs/demo")) -> int:
    """Make a synthetic corpus, train on it, measure on unseen speakers, and draw a trace beside its truth.

    Parameters
    ----------
    output
        Folder for what it makes.
    """
    need_training()
    from emotrace.demo import run_demo
    from emotrace.training.progress import shown

    with shown() as tell:
        told = run_demo(output, tell)
    sys.stdout.write(told)
    return 0


def prepare(name: str, root: Path | None, system: str, recipe: tuple[str, ...], device: Device) -> Experiment:
    """What `train` and `crossval` have in common, checked before anything runs."""
    import torch

    import emotrace
    from emotrace.corpora import open_corpus
    from emotrace.model.systems import build, find_system
    from emotrace.recipe import load_recipe
    from emotrace.training.crossval import Experiment

    find_system(system)
    settings = load_recipe(recipe)
    if device == "cuda" and not torch.cuda.is_available():
        raise RecipeError("--device cuda was asked for, and torch finds no such device; leave it out")
    where = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    opened = open_corpus(name, root)
    build(settings, system, len(opened.emotions))  # a recipe that does not fit must not claim a folder
    return Experiment(opened, system, settings, str(emotrace.__version__), where)


def need_training() -> None:
    """Refuse where the extra `train` is not installed."""
    import importlib.util

    missing = [name for name in TRAINING_NEEDS if not importlib.util.find_spec(name)]
    if missing:
        raise MissingExtraError(f'found no {", ".join(missing)}; run: pip install "emotrace[train]"')


def numbers(text: str, option: str) -> list[int]:
    """The numbers of a list such as 0,1.

    >>> numbers("0,1", "--folds")
    [0, 1]
    """
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise EmotraceError(f"{option} is {text!r}; expected different whole numbers, as in 0,1")
    return found


def say(line: str) -> None:
    """Tell how it goes, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()

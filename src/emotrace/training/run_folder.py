"""Run folders: settings, speakers and weights of a training, which can be interrupted and resumed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from emotrace.errors import RunError
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.state_names import with_current_names
from emotrace.recipe import Recipe
from emotrace.recipes import differences
from emotrace.system.files import UNFINISHED, clear_unfinished, list_files, write_bytes, write_text
from emotrace.training.constants import training_constants

RUN_FILE = "run.json"
RECIPE_FILE = "recipe.json"
RUN_WEIGHTS_FILE = "weights.safetensors"
PREDICTIONS_FILE = "predictions.csv"
METRICS_FILE = "metrics.json"
VALIDATION_FILE = "validation.csv"


class Run(BaseModel):
    """A finished training, as `run.json` describes it.

    Attributes:
        train: training speakers
        validation: validation speakers
        test: test speakers; empty for a final model
        temperature: divides log-scores before they are normalised; fitted on the validation speakers
        members: corpora of a collection
        label_map: labels of the corpus that were renamed, and their new names
        version: version of emotrace
        earlier_corpora: corpora of the model whose weights training started from
        earlier_speakers: by corpus, the speakers of that model, where they are known
        seconds: duration of the training
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    corpus: str
    protocol: str
    emotions: tuple[str, ...]
    seed: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    temperature: float
    members: tuple[str, ...] = ()
    label_map: dict[str, str] = {}
    version: str
    earlier_corpora: tuple[str, ...] = ()
    earlier_speakers: dict[str, tuple[str, ...]] = {}
    seconds: float

    @property
    def corpora(self) -> str:
        """The corpus, or the corpora of a collection, separated by commas."""
        return ", ".join(self.members) or self.corpus

    @property
    def training_speakers(self) -> dict[str, tuple[str, ...]]:
        """By corpus, the speakers that this training or an earlier one used, where they are known."""
        known = dict(self.earlier_speakers)
        own = speakers_by_corpus({*self.train, *self.validation}, self.corpus, self.members)
        for corpus, speakers in own.items():
            if corpus in known or corpus not in self.earlier_corpora:
                known[corpus] = tuple(sorted({*known.get(corpus, ()), *speakers}))
        return known


def speakers_by_corpus(
    speakers: Iterable[str], corpus: str, members: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Speakers by their corpus, with the names that they have there.

    Args:
        speakers: in a collection, each has the name of the corpus before its own
        corpus: name of the corpus or the collection
        members: corpora of a collection; empty for a corpus

    >>> speakers_by_corpus(["nemo/02", "emodb/03", "emodb/01"], "collection", ["emodb", "nemo"])
    {'emodb': ('01', '03'), 'nemo': ('02',)}
    """
    if not members:
        return {corpus: tuple(sorted(speakers))}
    pairs = sorted(tuple(speaker.split("/", 1)) for speaker in speakers)
    return {member: tuple(pair[-1] for pair in pairs if pair[0] == member) for member in members}


def create_or_resume(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Create a run folder, or check that it holds the same run, which then resumes.

    A run that stopped before it trained anything, as for a damaged recording, may be called again with a
    different number of utterances.

    Raises:
        RunError: the folder holds a run with other settings, or something else.
    """
    path = folder / RECIPE_FILE
    expected = json.loads(json.dumps(fingerprint))
    if path.exists():
        try:
            found = read_fingerprint(folder)
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"{path} is damaged; choose another --output or delete {folder}") from None
        differing = differences(found, expected)
        if differing == ["utterances"]:
            if _is_trained(folder):
                raise RunError(
                    f"{folder} holds a run on {found.get('utterances')} utterances, and the corpus now has "
                    f"{expected.get('utterances')}; restore the corpus to resume it, or train on the corpus "
                    "as it is with another --output"
                )
            write_text(path, json.dumps(expected, indent=2) + "\n")
        elif differing:
            raise RunError(
                f"{folder} holds a run with another {', '.join(differing)}; choose another --output, or "
                "delete it"
            )
        clear_unfinished(folder)
        return
    if list_files(folder):
        raise RunError(f"{folder} holds other files, but no {RECIPE_FILE}; choose an empty --output")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(expected, indent=2) + "\n")


def _is_trained(folder: Path) -> bool:
    """Whether a run folder has more in it than what it has from its first moment."""
    return any(
        path.is_file() and path.name != RECIPE_FILE and not path.name.startswith(UNFINISHED)
        for path in folder.rglob("*")
    )


def write_run(folder: Path, run: Run, network: EmotionModel) -> None:
    """Write a trained network; `run.json` is written last, so that its presence means a complete run."""
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    write_bytes(folder / RUN_WEIGHTS_FILE, save(tensors))
    write_text(folder / RUN_FILE, run.model_dump_json(indent=2) + "\n")


def read_run(folder: Path) -> tuple[Run, Recipe, EmotionModel]:
    """Read a finished run, its recipe, and its network in evaluation mode.

    Raises:
        RunError: the folder is not a finished run, or is damaged.
    """
    path = folder / RUN_FILE
    try:
        run = Run.model_validate_json(path.read_text(encoding="utf-8"))
        recipe = read_recipe(folder)
        network = build(recipe, run.system, len(run.emotions))
        weights = load((folder / RUN_WEIGHTS_FILE).read_bytes())
        network.load_state_dict(with_current_names(weights))
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise RunError(
            f"{folder} has no {name}; give a folder that `emotrace train` has finished, "
            "or a fold of `emotrace crossval`"
        ) from None
    except (OSError, ValidationError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{folder} is damaged ({reason}); train it again") from None
    return run, recipe, network.eval()


def same_experiment(run: Path, crossval: Path) -> dict[str, Any]:
    """The fingerprint that a run and a cross-validation share: corpus, protocol, emotions, system, recipe …

    Raises:
        RunError: they differ, or one of them is not such a folder.
    """
    fingerprints = []
    for folder in (run, crossval):
        try:
            found = read_fingerprint(folder)
        except FileNotFoundError:
            raise RunError(
                f"{folder} has no {RECIPE_FILE}; give the folders of `emotrace train` and `emotrace crossval`"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(f"{folder / RECIPE_FILE} is damaged ({reason}); run it again") from None
        found.pop("seed", None)
        fingerprints.append(found)
    if fingerprints[0] != fingerprints[1]:
        differing = ", ".join(differences(fingerprints[0], fingerprints[1]))
        raise RunError(
            f"{run} and {crossval} differ in {differing}; expected a run and a cross-validation of the same "
            "corpus, system and recipe"
        )
    return dict(fingerprints[0])


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a run; that of a fold is in its cross-validation, two folders above."""
    for candidate in (folder, *folder.resolve().parents[:2]):
        if (candidate / RECIPE_FILE).exists():
            settings = json.loads((candidate / RECIPE_FILE).read_text(encoding="utf-8"))
            return Recipe.model_validate(settings["recipe"])
    raise FileNotFoundError(2, "no such file", str(folder / RECIPE_FILE))


def read_fingerprint(folder: Path) -> dict[str, Any]:
    """The fingerprint of a run folder; settings and constants that it lacks have today's defaults.

    Raises:
        FileNotFoundError, OSError, ValueError, KeyError, TypeError: it is missing or damaged.
    """
    found: dict[str, Any] = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    constants = found.get("constants", {})
    today = json.loads(json.dumps(training_constants()))
    found["constants"] = {name: {**values, **constants.get(name, {})} for name, values in today.items()}
    with suppress(ValidationError):  # a setting that was removed is reported as a difference
        found["recipe"] = Recipe.model_validate(found["recipe"]).model_dump(mode="json")
    return found

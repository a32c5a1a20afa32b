"""The settings of one run: the only schema. Recipes are TOML files, laid over one another in order."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from emotrace.errors import RecipeError

SHIPPED = Path(__file__).parent / "recipes"


class Section(BaseModel):
    """A table of a recipe: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Features(Section):
    """The 3-D log-Mel spectrogram (section 3.2)."""

    bands: int = Field(40, ge=18)
    channels: Literal[1, 2, 3] = 3  # static; and delta; and delta-delta
    delta_reach: int = Field(3, ge=1)
    # corpus: statistics of the training speakers; level: the same, of utterances brought to one level first
    normalisation: Literal["corpus", "level", "utterance"] = "corpus"
    range_db: float = Field(0.0, ge=0)  # what lies further below the utterance's level is raised; 0: nothing


class Front(Section):
    """PCNSE (section 3.3, Table 4)."""

    layout: Literal["branch-pool", "mid-pool", "inception"] = "branch-pool"
    width: int = Field(64, ge=8)
    reduction: int = Field(8, ge=1)
    batch_norm: bool = True
    batch_norm_momentum: float = Field(0.1, gt=0, le=1)  # as torch counts it: Keras's .99 is .01 here
    batch_norm_eps: float = Field(1e-5, gt=0)


class Back(Section):
    """The dilated residual network, or the BLSTM, and its attention (sections 3.4, 3.5, Table 4)."""

    width: int = Field(128, ge=8)
    stacks: int = Field(2, ge=1)
    dilations: tuple[PositiveInt, ...] = Field((1, 2, 4, 8, 16, 32, 64, 128), min_length=1)
    causal: bool = True
    dropout: float = Field(0.05, ge=0, lt=1)
    heads: int = Field(1, ge=1)
    residual: bool = False
    layers: int = Field(2, ge=1)  # of the BLSTM that stands for the DRN in the SABLSTM systems


class Head(Section):
    """The classifier of the cross-entropy systems."""

    dense: int = Field(128, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)


class Stage(Section):
    """One stage of training."""

    epochs: int = Field(ge=1)
    patience: int = Field(20, ge=1)  # epochs without a better one
    select: Literal["ua", "loss", "last"] = "ua"  # by which validation figure an epoch is kept; last: by none
    batch: int = Field(32, ge=1)
    optimiser: Literal["adam", "adadelta"] = "adam"
    learning_rate: float = Field(gt=0)
    decay: float = Field(1e-6, ge=0)  # Keras's: learning rate / (1 + decay x step)
    schedule: Literal["keras", "cosine"] = "keras"  # cosine: to zero over `epochs`, after the decay
    weight_decay: float = Field(0.0, ge=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    mixup: float = Field(0.0, ge=0)  # a and b of the beta distribution that shares are drawn from; 0: none
    class_weights: Literal["none", "balanced", "fau-aec"] = "none"  # fau-aec: Table 3
    average: float = Field(0.0, ge=0, lt=1)  # what the moving average of the weights keeps at a step; 0: none


class Augmentation(Section):
    """Changes to a log-Mel spectrogram, drawn anew for each utterance and epoch; 0 turns one off."""

    stretch: float = Field(0.0, ge=0, lt=1)  # tempo between 1 - x and 1 + x
    warp: float = Field(0.0, ge=0, lt=1)  # frequencies (on the mel axis) scaled between 1 - x and 1 + x
    gain_db: float = Field(0.0, ge=0)
    tilt_db: float = Field(0.0, ge=0)  # straight line over the bands, from -x to +x at its ends
    noise_db: float = Field(0.0, ge=0)  # stationary noise floor, up to so far above the quietest frames
    noisy: float = Field(1.0, ge=0, le=1)  # share of the takes with such a floor
    narrow: float = Field(0.0, ge=0, le=1)  # share of the takes heard as through a telephone or a codec
    time_masks: int = Field(0, ge=0)
    time_mask_frames: int = Field(30, ge=1)
    band_masks: int = Field(0, ge=0)
    band_mask_bands: int = Field(6, ge=1)


class Recipe(Section):
    """The settings of one run; the defaults are the decisions for what the paper leaves open.

    >>> Recipe().front.layout
    'branch-pool'
    """

    features: Features = Features()
    front: Front = Front()
    back: Back = Back()
    head: Head = Head()
    stage1: Stage = Stage(epochs=100, learning_rate=3e-4)
    stage2: Stage = Stage(epochs=200, batch=64, optimiser="adadelta", learning_rate=1.0)
    augmentation: Augmentation = Augmentation()
    masked: bool = True  # false: the Keras reading, 5 s for all and no true lengths
    weights: Literal["torch", "glorot"] = "torch"  # how layers are initialised
    longest_frames: int = Field(500, ge=16)
    ctc_target: Literal["single", "repeated"] = "single"
    decoding: Literal["likelihood", "vote"] = "likelihood"  # of CTC: of each label, or Han et al.'s best path
    baseline_width: float = Field(1.0, gt=0, le=1)  # times the layers of the literature's baselines
    end_to_end: bool = False  # train front and back together; else the back end on cached features
    changing: float = Field(0.0, ge=0)  # clips of several emotions made for each utterance, for CTC to align
    non_speech: float = Field(
        0.0, ge=0
    )  # sounds without speech made for each utterance, whose CTC target is empty
    functionals: float = Field(0.0, ge=0)  # L2 of a linear classifier of them beside the network; 0: none
    takes: int = Field(4, ge=0)  # of each utterance that functionals learn from, beside itself
    surroundings: bool = False  # a fourth of them each in made rooms, channels, noise; networks' clips too
    refit: bool = False  # a model to keep is trained on the validation speakers too, for as many epochs
    views: int = Field(1, ge=1)  # augmented copies of each utterance whose features stage 2 is given
    precision: Literal["float32", "bfloat16"] = "float32"  # of products while training, where it is fast

    @property
    def judged(self) -> str:
        """What validation speakers do for a training by this recipe."""
        chosen = any(stage.select != "last" for stage in (self.stage1, self.stage2))
        return "chose the epochs" if chosen else "set the temperature"

    def baseline(self, width: int) -> int:
        """The width of a layer of a baseline from the literature.

        >>> Recipe(baseline_width=0.25).baseline(128)
        32
        """
        return max(1, round(width * self.baseline_width))


def load_recipe(files: Sequence[Path | str] = ()) -> Recipe:
    """The default recipe with TOML files laid over it in order.

    `default` is what was measured to be best; `Recipe()` is what the paper says, and where it says nothing
    what was decided. `paper` names every key that `default` sets, so that it can lie over it too.

    Args:
        files: paths; `default`, `paper` and other plain names mean recipes that ship with emotrace.

    Raises:
        RecipeError: a file that is missing or not TOML, an unknown key, a value out of range.

    >>> load_recipe(["paper"]).front.batch_norm_eps
    0.001
    """
    settings = Recipe().model_dump()
    for file in ("default", *files):
        settings = laid_over(settings, _read(file))
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        raise RecipeError("; ".join(_sentence(problem) for problem in error.errors())) from None


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """One mapping over another, table by table.

    >>> laid_over({"front": {"width": 64, "layout": "inception"}}, {"front": {"width": 32}})
    {'front': {'width': 32, 'layout': 'inception'}}
    """
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = laid_over(below[key], value) if both else value
    return merged


def _read(file: Path | str) -> dict[str, Any]:
    path = Path(file)
    if not path.is_file() and path.suffix == "" and (SHIPPED / f"{file}.toml").exists():
        path = SHIPPED / f"{file}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
        raise RecipeError(f"no recipe {file}; give a TOML file or one of {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{file} is not a TOML file: {error}") from None
    except OSError as error:
        raise RecipeError(f"recipe {file} cannot be read: {error.strerror}") from None


def _sentence(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in problem["loc"][:-1]:
            section = section.model_fields[part].annotation
        return f"unknown recipe key {key}; known here: {', '.join(section.model_fields)}"
    return f"recipe key {key} is {problem['input']!r}: {problem['msg']}"

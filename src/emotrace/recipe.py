"""The settings of a run: one schema. Recipes are TOML files, laid over one another in order."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from emotrace.errors import RecipeError

SHIPPED = Path(__file__).parent / "recipes"


class Section(BaseModel):
    """A table of a recipe: frozen, and strict about its keys.

    Attributes:
        OLD_NAMES: former names of settings, which are still read
        REMOVED: settings that no longer exist, each with the value that turned it off; that value is ignored,
            any other is refused
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    OLD_NAMES: ClassVar[Mapping[str, str]] = {}
    REMOVED: ClassVar[Mapping[str, float]] = {}

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, settings: Any) -> Any:
        return cls.with_current_names(settings) if isinstance(settings, dict) else settings

    @classmethod
    def with_current_names(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings under their current names, without those that were removed and turned off.

        Raises:
            ValueError: a removed setting is turned on, or a setting is given by both its names

        >>> Recipe.with_current_names({"takes": 4, "features": {"bands": 26}, "stage1": {"mixup": 0.0}})
        {'augmented_copies': 4, 'features': {'n_mels': 26}, 'stage1': {}}
        """
        current: dict[str, Any] = {}
        for key, value in settings.items():
            if key in cls.REMOVED:
                if value != cls.REMOVED[key]:
                    raise ValueError(f"{key} = {value!r} is a setting that no longer exists; remove it")
                continue
            name = cls.OLD_NAMES.get(key, key)
            if name in current:
                raise ValueError(f"{name} is given twice, once by its old name; keep one of them")
            field = cls.model_fields.get(name)
            nested = field is not None and isinstance(field.annotation, type) and isinstance(value, dict)
            if nested and issubclass(field.annotation, Section):  # type: ignore[union-attr, arg-type]
                value = field.annotation.with_current_names(value)  # type: ignore[union-attr]
            current[name] = value
        return current


class Features(Section):
    """The 3-D log-Mel spectrogram (section 3.2)."""

    OLD_NAMES = {"bands": "n_mels", "range_db": "dynamic_range_db"}

    n_mels: int = Field(40, ge=18, description="Mel bands")
    channels: Literal[1, 2, 3] = Field(3, description="1: static; 2: and delta; 3: and delta-delta")
    delta_reach: int = Field(3, ge=1, description="frames on either side of a delta (N of eq. 1)")
    normalisation: Literal["corpus", "level", "utterance"] = Field(
        "corpus",
        description="mean and deviation of each band: of the training speakers (corpus), the same after every "
        "utterance is brought to one level (level), or of the utterance itself (utterance)",
    )
    dynamic_range_db: float = Field(
        0.0, ge=0, description="dB below the utterance's level at which bands are floored; 0: no floor"
    )


class Front(Section):
    """PCNSE (section 3.3, Table 4)."""

    layout: Literal["branch-pool", "mid-pool", "inception"] = Field(
        "branch-pool", description="where the parallel branches are pooled and joined"
    )
    width: int = Field(64, ge=8, description="channels of each convolution")
    reduction: int = Field(8, ge=1, description="reduction ratio of squeeze-and-excitation")
    batch_norm: bool = Field(True, description="batch normalisation after each convolution")
    batch_norm_momentum: float = Field(
        0.1, gt=0, le=1, description="share of the new batch, as PyTorch counts it (Keras's .99 is .01)"
    )
    batch_norm_eps: float = Field(1e-5, gt=0, description="added to the variance")


class Back(Section):
    """The dilated residual network, or the BLSTM, and its attention (sections 3.4, 3.5, Table 4)."""

    width: int = Field(128, ge=8, description="channels, or units of both directions of the BLSTM")
    stacks: int = Field(2, ge=1, description="stacks of residual blocks")
    dilations: tuple[PositiveInt, ...] = Field(
        (1, 2, 4, 8, 16, 32, 64, 128), min_length=1, description="dilation of each block of a stack"
    )
    causal: bool = Field(True, description="convolutions look back only")
    dropout: float = Field(0.05, ge=0, lt=1, description="dropout within residual blocks")
    heads: int = Field(1, ge=1, description="attention heads; a divisor of the width")
    residual: bool = Field(False, description="add the input of the attention to its output")
    layers: int = Field(2, ge=1, description="layers of the BLSTM in the SABLSTM systems")


class Head(Section):
    """The classifier of the cross-entropy systems."""

    dense: int = Field(128, ge=1, description="units of the dense layer of pcn and pcnse")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout before the output layer")


class Stage(Section):
    """One stage of training."""

    OLD_NAMES = {
        "select": "checkpoint_metric",
        "batch": "batch_size",
        "decay": "lr_decay",
        "average": "ema_decay",
    }
    REMOVED = {"mixup": 0.0}

    epochs: int = Field(ge=1, description="epochs at most")
    patience: int = Field(20, ge=1, description="epochs without improvement before training stops")
    checkpoint_metric: Literal["ua", "loss", "last"] = Field(
        "ua", description="validation metric by which an epoch is kept; last: the last epoch"
    )
    batch_size: int = Field(32, ge=1, description="utterances a step")
    optimiser: Literal["adam", "adadelta"] = Field("adam", description="with the constants of Keras")
    learning_rate: float = Field(gt=0, description="initial learning rate")
    lr_decay: float = Field(1e-6, ge=0, description="Keras's decay: learning rate / (1 + lr_decay x step)")
    schedule: Literal["keras", "cosine"] = Field(
        "keras", description="cosine: the learning rate falls to zero over the epochs, after lr_decay"
    )
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of cross-entropy")
    class_weights: Literal["none", "balanced", "fau-aec"] = Field(
        "none", description="weight of each class in the loss; fau-aec: Table 3"
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="decay of the moving average of the weights; 0: no average"
    )


class Augmentation(Section):
    """Changes to a log-Mel spectrogram, drawn anew for each utterance and epoch; 0 turns one off."""

    OLD_NAMES = {"stretch": "tempo_perturbation", "warp": "vtlp"}
    REMOVED = {"tilt_db": 0.0, "noise_db": 0.0, "noisy": 1.0, "narrow": 0.0}

    tempo_perturbation: float = Field(0.0, ge=0, lt=1, description="tempo between 1 - x and 1 + x")
    vtlp: float = Field(
        0.0, ge=0, lt=1, description="vocal tract length perturbation: the mel axis scaled by 1 - x to 1 + x"
    )
    gain_db: float = Field(0.0, ge=0, description="level between -x and +x dB")
    time_masks: int = Field(0, ge=0, description="masks over time (SpecAugment)")
    time_mask_frames: int = Field(30, ge=1, description="frames a mask covers at most")
    band_masks: int = Field(0, ge=0, description="masks over bands (SpecAugment)")
    band_mask_bands: int = Field(6, ge=1, description="bands a mask covers at most")


class Recipe(Section):
    """The settings of one run; the defaults are the decisions for what the paper leaves open.

    >>> Recipe().front.layout
    'branch-pool'
    """

    OLD_NAMES = {
        "longest_frames": "max_frames",
        "changing": "concatenated_per_utterance",
        "emotionless": "non_speech_per_utterance",
        "functionals": "functionals_l2",
        "takes": "augmented_copies",
        "surroundings": "acoustic_augmentation",
        "refit": "refit_on_validation",
        "views": "stage2_views",
    }

    features: Features = Features()
    front: Front = Front()
    back: Back = Back()
    head: Head = Head()
    stage1: Stage = Stage(epochs=100, learning_rate=3e-4)
    stage2: Stage = Stage(epochs=200, batch_size=64, optimiser="adadelta", learning_rate=1.0)
    augmentation: Augmentation = Augmentation()
    masked: bool = Field(
        True, description="false: the Keras reading, every utterance padded to 5 s and no masking"
    )
    weights: Literal["torch", "glorot"] = Field("torch", description="initialisation of layers")
    max_frames: int = Field(500, ge=16, description="10-ms frames of the longest window")
    ctc_target: Literal["single", "repeated"] = Field(
        "single", description="label sequence of an utterance: its emotion once, or about 3 times a second"
    )
    decoding: Literal["likelihood", "vote"] = Field(
        "likelihood", description="label from CTC posteriors: likelihood of each one-emotion sequence, or the "
        "majority of the best path"
    )  # fmt: skip
    baseline_width: float = Field(
        1.0, gt=0, le=1, description="factor on the layer widths of the literature's baselines"
    )
    end_to_end: bool = Field(False, description="train front and back end together instead of in two stages")
    concatenated_per_utterance: float = Field(
        0.0, ge=0, description="examples of several emotions, made of one speaker's utterances, for CTC"
    )
    non_speech_per_utterance: float = Field(
        0.0, ge=0, description="synthetic sounds without speech, whose CTC target is empty"
    )
    functionals_l2: float = Field(
        0.0, ge=0, description="L2 penalty of the functionals classifier; 0: no such classifier"
    )
    augmented_copies: int = Field(
        4, ge=0, description="augmented copies of each utterance that the functionals classifier learns from"
    )
    acoustic_augmentation: bool = Field(
        False,
        description="a fourth of the copies each in rooms, through channels and in noise; for both stages",
    )
    refit_on_validation: bool = Field(
        False, description="train a final model once more, on the validation speakers too"
    )
    stage2_views: int = Field(1, ge=1, description="augmented copies of each utterance in stage 2")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of products in training, where the processor has instructions for it"
    )

    @property
    def validation_role(self) -> str:
        """What the validation speakers decided in a training by this recipe."""
        chosen = any(stage.checkpoint_metric != "last" for stage in (self.stage1, self.stage2))
        return "chose the epochs" if chosen else "set the temperature"

    def baseline(self, width: int) -> int:
        """The width of a layer of a baseline from the literature.

        >>> Recipe(baseline_width=0.25).baseline(128)
        32
        """
        return max(1, round(width * self.baseline_width))


def load_recipe(files: Sequence[Path | str] = ()) -> Recipe:
    """The default recipe with TOML files laid over it in order.

    `default` was measured to be best; `Recipe()` is the paper, and our decisions where the paper is silent.
    `paper` sets every key that `default` sets, so that it can lie over it too.

    Args:
        files: paths, or names of shipped recipes such as `paper`

    Raises:
        RecipeError: a file that is missing or not TOML, an unknown key, a value out of range

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


def differences(first: Any, second: Any, prefix: str = "") -> list[str]:
    """Dotted names of the settings in which two nested mappings differ.

    >>> differences({"system": "pcn", "recipe": {"masked": 1}}, {"system": "pcn", "recipe": {"masked": 0}})
    ['recipe.masked']
    """
    if not isinstance(first, dict) or not isinstance(second, dict):
        return [prefix]
    names = []
    for key in {**first, **second}:
        if first.get(key) != second.get(key):
            names += differences(first.get(key), second.get(key), f"{prefix}.{key}" if prefix else key)
    return names


def _read(file: Path | str) -> dict[str, Any]:
    path = Path(file)
    if not path.is_file() and path.suffix == "" and (SHIPPED / f"{file}.toml").exists():
        path = SHIPPED / f"{file}.toml"
    try:
        return Recipe.with_current_names(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
        raise RecipeError(f"no recipe {file}; give a TOML file or one of {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{file} is not a TOML file: {error}") from None
    except ValueError as error:
        raise RecipeError(f"{file}: {error}") from None
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

"""The settings of training and decoding: one schema. `emotrace.recipes` reads and merges recipe files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator


class Section(BaseModel):
    """A table of a recipe. It cannot be changed, and unknown keys are errors.

    Attributes:
        OLD_NAMES: current names by old names; recipes with old names are still read
        REMOVED: settings that no longer exist, each with the value that turned it off. That value is ignored,
            and any other value is an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    OLD_NAMES: ClassVar[Mapping[str, str]] = {}
    REMOVED: ClassVar[Mapping[str, float]] = {}

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, settings: Any) -> Any:
        return cls.with_current_names(settings) if isinstance(settings, dict) else settings

    @classmethod
    def with_current_names(cls, settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """The settings under their current names, without removed settings that are turned off.

        Args:
            settings: settings of this section under current or old names
            prefix: name of this section with a dot, for messages

        Raises:
            ValueError: a removed setting is turned on, or a setting is given under both of its names

        >>> Recipe.with_current_names({"takes": 4, "features": {"bands": 26}, "stage1": {"mixup": 0.0}})
        {'augmented_copies': 4, 'features': {'n_mels': 26}, 'stage1': {}}
        """
        current: dict[str, Any] = {}
        for key, value in settings.items():
            if key in cls.REMOVED:
                if value != cls.REMOVED[key]:
                    raise ValueError(
                        f"recipe key {prefix}{key} is {value!r}, but this setting no longer exists; remove it"
                    )
                continue
            name = cls.OLD_NAMES.get(key, key)
            if name in current:
                raise ValueError(
                    f"recipe key {prefix}{name} is given twice, once under its old name; remove one of them"
                )
            section = cls._section(name)
            if section is not None and isinstance(value, dict):
                value = section.with_current_names(value, f"{prefix}{name}.")
            current[name] = value
        return current

    @classmethod
    def _section(cls, name: str) -> type[Section] | None:
        """The class of a setting that is a table itself."""
        field = cls.model_fields.get(name)
        annotation = None if field is None else field.annotation
        return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


class Features(Section):
    """The 3-D log-Mel spectrogram (section 3.2)."""

    OLD_NAMES = {"bands": "n_mels", "range_db": "dynamic_range_db"}

    n_mels: int = Field(40, ge=18, description="Mel bands")
    channels: Literal[1, 2, 3] = Field(3, description="1: static; 2: and delta; 3: and delta-delta")
    delta_reach: int = Field(3, ge=1, description="frames on either side of a delta (N of eq. 1)")
    normalisation: Literal["corpus", "level", "utterance"] = Field(
        "corpus",
        description="statistics that normalise each band. corpus: of the training speakers; level: the same, "
        "after every utterance is scaled to the same level; utterance: of the utterance itself",
    )
    dynamic_range_db: float = Field(
        0.0, ge=0, description="floor of the bands, in dB below the level of the utterance; 0: no floor"
    )


class Front(Section):
    """PCNSE (section 3.3, Table 4), or the pretrained encoder of the encoder systems."""

    encoder: str = Field(
        "moonshine-tiny",
        description="pretrained encoder of the encoder systems: moonshine-tiny, moonshine-base, "
        "hf:owner/name@revision, or hf:FOLDER",
    )
    layers: tuple[NonNegativeInt, ...] = Field(
        (0, 1, 2), min_length=1, description="hidden layers of the encoder that are used"
    )

    layout: Literal["branch-pool", "mid-pool", "inception"] = Field(
        "branch-pool", description="where the parallel branches are pooled and concatenated"
    )
    width: int = Field(64, ge=8, description="channels of each convolution")
    reduction: int = Field(8, ge=1, description="reduction ratio of squeeze-and-excitation")
    batch_norm: bool = Field(True, description="batch normalisation after each convolution")
    batch_norm_momentum: float = Field(
        0.1, gt=0, le=1, description="weight of the new batch, as in PyTorch (.01 is Keras's .99)"
    )
    batch_norm_eps: float = Field(1e-5, gt=0, description="added to the variance")


class Back(Section):
    """The dilated residual network, or the BLSTM, and its attention (sections 3.4, 3.5, Table 4)."""

    width: int = Field(128, ge=8, description="channels, or units of both directions of the BLSTM")
    stacks: int = Field(2, ge=1, description="stacks of residual blocks")
    dilations: tuple[PositiveInt, ...] = Field(
        (1, 2, 4, 8, 16, 32, 64, 128), min_length=1, description="dilation of each block of a stack"
    )
    causal: bool = Field(True, description="convolutions use past frames only")
    dropout: float = Field(0.05, ge=0, lt=1, description="dropout within residual blocks")
    heads: int = Field(1, ge=1, description="attention heads; must divide the width")
    residual: bool = Field(False, description="add the input of the attention to its output")
    layers: int = Field(2, ge=1, description="BLSTM layers in the SABLSTM systems")


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

    epochs: int = Field(ge=1, description="maximum number of epochs")
    patience: int = Field(20, ge=1, description="epochs without improvement before training stops")
    checkpoint_metric: Literal["ua", "loss", "last"] = Field(
        "ua", description="validation metric that selects the epoch to keep; last: the last epoch"
    )
    batch_size: int = Field(32, ge=1, description="utterances per step")
    optimiser: Literal["adam", "adadelta"] = Field(
        "adam", description="optimiser, with the constants of Keras"
    )
    learning_rate: float = Field(gt=0, description="initial learning rate")
    lr_decay: float = Field(1e-6, ge=0, description="Keras's decay: learning rate / (1 + lr_decay x step)")
    schedule: Literal["keras", "cosine"] = Field(
        "keras",
        description="cosine: after lr_decay, the learning rate also falls to zero over the epochs",
    )
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing of the cross-entropy loss")
    class_weights: Literal["none", "balanced", "fau-aec"] = Field(
        "none", description="weights of the classes in the loss; fau-aec: Table 3"
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="decay of the exponential moving average of the weights; 0: no average"
    )


class Augmentation(Section):
    """Augmentation of log-Mel spectrograms, drawn for each utterance and epoch; 0 turns an item off."""

    OLD_NAMES = {"stretch": "tempo_perturbation", "warp": "vtlp"}
    REMOVED = {"tilt_db": 0.0, "noise_db": 0.0, "noisy": 1.0, "narrow": 0.0}

    tempo_perturbation: float = Field(0.0, ge=0, lt=1, description="tempo factor between 1 - x and 1 + x")
    vtlp: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="vocal tract length perturbation: factor on the mel axis between 1 - x and 1 + x",
    )
    gain_db: float = Field(0.0, ge=0, description="gain between -x and +x dB")
    time_masks: int = Field(0, ge=0, description="masks over time (SpecAugment)")
    time_mask_frames: int = Field(30, ge=1, description="maximum frames of a mask")
    band_masks: int = Field(0, ge=0, description="masks over bands (SpecAugment)")
    band_mask_bands: int = Field(6, ge=1, description="maximum bands of a mask")


class Recipe(Section):
    """The settings of one run. The defaults are the paper's values, or ours where the paper gives none.

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
        True, description="mask padding; false: pad every utterance to 5 s without masking, as in Keras"
    )
    weights: Literal["torch", "glorot"] = Field("torch", description="initialisation of the layers")
    max_frames: int = Field(500, ge=16, description="length of the longest window, in 10-ms frames")
    ctc_target: Literal["single", "repeated"] = Field(
        "single",
        description="CTC target of an utterance. single: its emotion once; repeated: about 3 times a second",
    )
    decoding: Literal["likelihood", "vote"] = Field(
        "likelihood",
        description="label from CTC posteriors. likelihood: the most likely one-emotion sequence; vote: the "
        "majority on the best path",
    )
    baseline_width: float = Field(
        1.0, gt=0, le=1, description="factor on the layer widths of the baselines from the literature"
    )
    end_to_end: bool = Field(
        False, description="train front end and back end together instead of in two stages"
    )
    concatenated_per_utterance: float = Field(
        0.0,
        ge=0,
        description="CTC training examples that concatenate utterances of one speaker, per utterance",
    )
    non_speech_per_utterance: float = Field(
        0.0, ge=0, description="CTC training examples of synthetic sounds with an empty target, per utterance"
    )
    functionals_l2: float = Field(
        0.0, ge=0, description="L2 penalty of the functionals classifier; 0: no functionals classifier"
    )
    augmented_copies: int = Field(
        4, ge=0, description="augmented copies of each utterance to train the functionals classifier"
    )
    acoustic_augmentation: bool = Field(
        False,
        description="reverberation, band limiting or noise in a quarter of the augmented copies each",
    )
    refit_on_validation: bool = Field(
        False, description="train the final model once more, with the validation speakers"
    )
    stage2_views: int = Field(1, ge=1, description="augmented copies of each utterance in stage 2")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="precision of products in training, if the processor has instructions for it"
    )

    @property
    def validation_role(self) -> str:
        """What the validation speakers are used for in training."""
        chosen = any(stage.checkpoint_metric != "last" for stage in (self.stage1, self.stage2))
        return "chose the epochs" if chosen else "set the temperature"

    def baseline(self, width: int) -> int:
        """The width of a layer of a baseline from the literature.

        >>> Recipe(baseline_width=0.25).baseline(128)
        32
        """
        return max(1, round(width * self.baseline_width))

"""What `config.json` of a model folder says of a model: its schema."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from emotrace.audio.windowing import (
    FRAME_HOP_SAMPLES,
    FRAME_SAMPLES,
    HOP_FRAMES,
    MAX_FRAMES,
    frames_in,
    samples_in,
)
from emotrace.decoding.ctc import Decoding

_MOST_SAMPLES = 1 << 26  # of a window, which is held in memory: 70 minutes at 16 kHz

# A plain name in the folder itself: no path, nothing hidden.
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=200)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), populate_by_name=True
    )


class Calibration(_Strict):
    """Scores are softmax(log-likelihood / temperature), with label scores added to the former, if any.

    A window holds no emotion where the empty label sequence is likelier than `rejection_threshold`, its odds
    times those of functionals, if any; None where the model was not taught what holds none.
    """

    temperature: float = Field(default=1.0, ge=1e-3, le=1e6)  # beyond, scores overflow
    rejection_threshold: float | None = Field(
        default=None, gt=0, lt=1, validation_alias=AliasChoices("rejection_threshold", "no_emotion_above")
    )


class Figure(_Strict):
    """A measured figure and the interval that holds it with a probability of 95 %."""

    value: float
    interval: tuple[float, float] | None = None


class ModelConfig(_Strict):
    """What `config.json` says about a model.

    Attributes:
        output: "log_posteriors" of frames, blank last (CTC systems), or "log_scores" of clips (classifiers)
        functionals: whether the network gives `label_scores` and `step_scores` too: what statistics of the
            whole say of each emotion, as logarithms to be added to those that the posteriors make, and
            last of there being none; and what those of a stretch around each step say (CTC systems)
        window_samples: the longest audio the model takes at once
        hop_samples: from the start of one window over longer audio to the start of the next
        frame_samples, frame_hop_samples: length of an input frame, and from one to the next
        frame_first_s, frame_step_s: centre of the first output frame, and from one to the next (CTC systems)
        earlier_corpora: what the model learnt from whose weights this one began with
        precision: of convolutions; "int8" approximates the network that was trained
        figures: "wa" and "ua" by `protocol` on `corpus`, for instance; empty where nothing was measured
        sha256: of each other file of the folder, by name

    >>> config = ModelConfig(
    ...     name="tiny",
    ...     version="1",
    ...     system="blstm-ctc",
    ...     output="log_posteriors",
    ...     id2label={0: "anger", 1: "sadness"},
    ...     label2id={"anger": 0, "sadness": 1},
    ...     frame_first_s=0.0875,
    ...     frame_step_s=0.02,
    ... )
    >>> config.labels, config.window_samples, config.max_frames, config.hop_frames
    (('anger', 'sadness'), 80240, 500, 250)
    """

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    system: str = Field(min_length=1)
    output: Literal["log_posteriors", "log_scores"]
    id2label: dict[int, str]
    label2id: dict[str, int]
    sampling_rate: int = Field(default=16_000, ge=1_000, le=192_000)
    window_samples: int = Field(default=samples_in(MAX_FRAMES), ge=1, le=_MOST_SAMPLES)
    hop_samples: int = Field(default=HOP_FRAMES * FRAME_HOP_SAMPLES, ge=1)
    frame_samples: int = Field(default=FRAME_SAMPLES, ge=1)
    frame_hop_samples: int = Field(default=FRAME_HOP_SAMPLES, ge=1)
    minimum_samples: int = Field(default=samples_in(16), ge=1)
    frame_first_s: float | None = Field(default=None, ge=0, le=10)
    frame_step_s: float | None = Field(default=None, ge=1e-3, le=10)
    functionals: bool = False
    decoding: Decoding = "likelihood"  # how posteriors become scores (CTC systems)
    precision: Literal["float32", "int8"] = "float32"
    calibration: Calibration = Calibration()
    recipe: dict[str, Any] = {}
    corpus: str = ""
    earlier_corpora: tuple[str, ...] = ()
    protocol: str = ""
    figures: dict[str, Figure] = {}
    sha256: dict[_FileName, _Sha256] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        labels = [self.id2label.get(index, "") for index in range(len(self.id2label))]
        if not labels or not all(label and label.isprintable() for label in labels):
            raise ValueError("id2label must name 0, 1, 2 … in printable words")
        if self.label2id != {label: index for index, label in enumerate(labels)}:
            raise ValueError("label2id must be the inverse of id2label")
        if self.hop_samples > self.window_samples or self.hop_samples % self.frame_hop_samples:
            raise ValueError("hop_samples must be whole frame hops, and no more than window_samples")
        if self.hop_frames > self.max_frames:
            raise ValueError("hop_samples must be no more than the frames of a window cover")
        if not self.frame_samples <= self.minimum_samples <= self.window_samples:
            raise ValueError("minimum_samples must lie between frame_samples and window_samples")
        if self.output == "log_scores" and self.functionals:
            raise ValueError("functionals need log_posteriors")
        if self.output == "log_posteriors":
            if self.frame_first_s is None or self.frame_step_s is None:
                raise ValueError("log_posteriors need frame_first_s and frame_step_s")
            steps = self.hop_samples / self.sampling_rate / self.frame_step_s
            if abs(steps - round(steps)) > 1e-6:
                raise ValueError("hop_samples must be whole steps of frame_step_s")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions in the order of the model's outputs."""
        return tuple(self.id2label[index] for index in range(len(self.id2label)))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The network's outputs by their names."""
        if self.output == "log_scores":
            return ("log_scores",)
        more = ("label_scores", "step_scores") if self.functionals else ()
        return ("log_posteriors", "frame_lengths", *more)

    @property
    def max_frames(self) -> int:
        return frames_in(self.window_samples, self.frame_samples, self.frame_hop_samples)

    @property
    def hop_frames(self) -> int:
        return self.hop_samples // self.frame_hop_samples


def network_metadata(config: ModelConfig) -> dict[str, str]:
    """The custom metadata that `model.onnx` must carry, so that it cannot be paired with another config.

    >>> config = ModelConfig(
    ...     name="tiny",
    ...     version="1",
    ...     system="pcn",
    ...     output="log_scores",
    ...     id2label={0: "anger", 1: "sadness"},
    ...     label2id={"anger": 0, "sadness": 1},
    ... )
    >>> network_metadata(config)
    {'labels': '["anger", "sadness"]', 'sampling_rate': '16000', 'output': 'log_scores'}
    """
    return {
        "labels": json.dumps(list(config.labels), ensure_ascii=False),
        "sampling_rate": str(config.sampling_rate),
        "output": config.output,
    }


def label_maps(labels: Sequence[str]) -> dict[str, dict[Any, Any]]:
    """`id2label` and `label2id` of a list of labels, to spread into a `ModelConfig`.

    >>> label_maps(["anger", "sadness"])
    {'id2label': {0: 'anger', 1: 'sadness'}, 'label2id': {'anger': 0, 'sadness': 1}}
    """
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def first_error(error: ValidationError) -> str:
    """What a schema found wrong, in one line: the first complaint and how many more there are.

    >>> try:
    ...     Calibration(temperature=-1)
    ... except ValidationError as error:
    ...     print(first_error(error))
    temperature: Input should be greater than or equal to 0.001, found -1
    """
    complaints = error.errors()
    first = complaints[0]
    where = ".".join(_shortened(part).strip("'") for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    found = f", found {_shortened(first['input'])}" if isinstance(first["input"], int | float | str) else ""
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return f"{where + ': ' if where else ''}{message}{found}{more}"


def _shortened(value: float | str) -> str:
    """A value as Python writes it, or as much of it as goes in a line."""
    written = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return written if len(written) <= 100 else f"{written[:97]}..."

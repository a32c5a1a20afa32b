"""The schema of a model folder's `config.json`, version 2."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, model_validator

from emotrace.audio.windowing import (
    FRAME_HOP_SAMPLES,
    FRAME_SAMPLES,
    HOP_FRAMES,
    MAX_FRAMES,
    SHORTEST_SAMPLES,
    frames_in,
    samples_in,
)
from emotrace.decoding.ctc import Decoding
from emotrace.inference.decoder_config import DecoderConfig, StrictModel

SCHEMA_VERSION: Literal[2] = 2

_MAX_WINDOW_SAMPLES = 1 << 26  # a window is held in memory; this is 70 minutes at 16 kHz

# A plain file name: no path, and not hidden.
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=200)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Calibration(StrictModel):
    """How log-likelihoods become probabilities, and when an input is rejected.

    Attributes:
        temperature: the scores are softmax(x / temperature), where x is the log-likelihoods plus the label
            scores of the functionals classifier, if there is one
        rejection_threshold: a window is rejected if the probability of the empty label sequence, with the
            functionals classifier's log-odds added, is higher than this; None for models that were not
            trained with non-speech, which never reject
    """

    temperature: float = Field(default=1.0, ge=1e-3, le=1e6)  # scores overflow outside this range
    rejection_threshold: float | None = Field(
        default=None, gt=0, lt=1, validation_alias=AliasChoices("rejection_threshold", "no_emotion_above")
    )


class Adaptation(StrictModel):
    """What `emotrace adapt` replaces in `model.onnx`, and whether it has.

    The graph has one more output, `statistics`: means, then deviations, of the features of the speech in a
    window, (batch, 2 * feature).

    Attributes:
        mean, scale: names of the tensors that standardise these statistics
        recordings: number of recordings that the model was adapted to; 0: it is not adapted
        windows: number of windows of these recordings
    """

    mean: str
    scale: str
    recordings: int = Field(default=0, ge=0)
    windows: int = Field(default=0, ge=0)

    @property
    def tensors(self) -> tuple[str, str]:
        """The names of the tensors."""
        return self.mean, self.scale


class Figure(StrictModel):
    """A measured figure and its 95 % confidence interval."""

    value: float
    interval: tuple[float, float] | None = None


class ModelConfig(StrictModel):
    """The contents of `config.json`. Schema version 1 is read too, and becomes version 2.

    Attributes:
        output: "log_posteriors" of frames, blank last (CTC systems), or "log_scores" of clips (classifiers)
        functionals: whether the network has two more outputs, of the functionals classifier: `label_scores`,
            to be added to a window's log-likelihoods and, last, to the log-odds of "no emotion"; and
            `step_scores`, the same for a segment around each frame (CTC systems)
        window_samples: the longest audio that the network takes at once
        hop_samples: from the start of one window to the start of the next
        frame_samples, frame_hop_samples: length of an input frame, and from one to the next
        minimum_samples: the shortest audio that the network takes
        frame_first_s, frame_step_s: centre of the first output frame, and from one to the next (CTC systems)
        decoding: how posteriors become scores (CTC systems)
        decoder: how posteriors become a timeline
        adaptation: what can be adapted to recordings of one source; None: nothing
        precision: numbers that convolutions compute with; "int8" approximates the trained network
        earlier_corpora: corpora of the models whose weights this model was initialised with
        training_speakers: by corpus, the speakers whose utterances this model or an earlier one was fitted or
            calibrated to; a corpus whose speakers are not known is left out
        figures: measured by `protocol` on `corpus`, such as "test UA"; empty if nothing was measured
        license: license of the model, by the name that the Hugging Face hub gives it; empty if none is stated
        sha256: hash of each other file in the folder, by its name

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

    schema_version: Literal[2] = 2
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    system: str = Field(min_length=1)
    output: Literal["log_posteriors", "log_scores"]
    id2label: dict[int, str]
    label2id: dict[str, int]
    sampling_rate: int = Field(default=16_000, ge=1_000, le=192_000)
    window_samples: int = Field(default=samples_in(MAX_FRAMES), ge=1, le=_MAX_WINDOW_SAMPLES)
    hop_samples: int = Field(default=HOP_FRAMES * FRAME_HOP_SAMPLES, ge=1)
    frame_samples: int = Field(default=FRAME_SAMPLES, ge=1)
    frame_hop_samples: int = Field(default=FRAME_HOP_SAMPLES, ge=1)
    minimum_samples: int = Field(default=SHORTEST_SAMPLES, ge=1)
    frame_first_s: float | None = Field(default=None, ge=0, le=10)
    frame_step_s: float | None = Field(default=None, ge=1e-3, le=10)
    functionals: bool = False
    decoding: Decoding = "likelihood"
    decoder: DecoderConfig = DecoderConfig()
    precision: Literal["float32", "int8"] = "float32"
    calibration: Calibration = Calibration()
    adaptation: Adaptation | None = None
    recipe: dict[str, Any] = Field(default={})
    corpus: str = ""
    earlier_corpora: tuple[str, ...] = ()
    training_speakers: dict[str, tuple[str, ...]] = Field(default={})
    protocol: str = ""
    figures: dict[str, Figure] = Field(default={})
    license: str = Field(default="", max_length=100)
    sha256: dict[_FileName, _Sha256] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, content: Any) -> Any:
        if not isinstance(content, dict) or "schema_version" not in content:
            return content
        version, has_decoder = content["schema_version"], "decoder" in content
        if version == 1 and not has_decoder:
            return {**content, "schema_version": SCHEMA_VERSION}
        if version in (1, SCHEMA_VERSION) and has_decoder != (version == SCHEMA_VERSION):
            raise ValueError(
                f"schema_version {version} {'has no' if has_decoder else 'needs a'} decoder section"
            )
        return content

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        labels = [self.id2label.get(index, "") for index in range(len(self.id2label))]
        if not labels or not all(label and label.isprintable() for label in labels):
            raise ValueError("id2label must give 0, 1, 2 … printable names")
        if self.label2id != {label: index for index, label in enumerate(labels)}:
            raise ValueError("label2id must be the inverse of id2label")
        if self.hop_samples > self.window_samples or self.hop_samples % self.frame_hop_samples:
            raise ValueError("hop_samples must be a multiple of frame_hop_samples and at most window_samples")
        if self.hop_frames > self.max_frames:
            raise ValueError("hop_samples must be at most what the frames of a window cover")
        if not self.frame_samples <= self.minimum_samples <= self.window_samples:
            raise ValueError("minimum_samples must lie between frame_samples and window_samples")
        if self.output == "log_scores" and self.functionals:
            raise ValueError("functionals need log_posteriors")
        if self.output == "log_posteriors":
            if self.frame_first_s is None or self.frame_step_s is None:
                raise ValueError("log_posteriors need frame_first_s and frame_step_s")
            steps = self.hop_samples / self.sampling_rate / self.frame_step_s
            if abs(steps - round(steps)) > 1e-6:
                raise ValueError("hop_samples must be a multiple of frame_step_s")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions in the order of the model's outputs."""
        return tuple(self.id2label[index] for index in range(len(self.id2label)))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the network's outputs."""
        if self.output == "log_scores":
            return ("log_scores",)
        of_functionals = ("label_scores", "step_scores") if self.functionals else ()
        return ("log_posteriors", "frame_lengths", *of_functionals)

    @property
    def graph_outputs(self) -> tuple[str, ...]:
        """The names of the outputs of `model.onnx`, with the one that only adaptation reads."""
        return self.outputs if self.adaptation is None else (*self.outputs, "statistics")

    @property
    def max_frames(self) -> int:
        """Input frames in a window."""
        return frames_in(self.window_samples, self.frame_samples, self.frame_hop_samples)

    @property
    def hop_frames(self) -> int:
        """Input frames from the start of one window to the start of the next."""
        return self.hop_samples // self.frame_hop_samples


def network_metadata(config: ModelConfig) -> dict[str, str]:
    """The custom metadata that `model.onnx` must have, so that it cannot be paired with another config.

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


class DuplicateKeyError(ValueError):
    """A JSON object has a key twice."""


def refuse_duplicate_keys(content: bytes) -> None:
    """Refuse JSON that readers may understand differently, because an object in it has a key twice.

    Args:
        content: valid JSON

    Raises:
        DuplicateKeyError: if a key is there twice

    >>> refuse_duplicate_keys(b'{"output": "log_scores", "output": "log_posteriors"}')
    Traceback (most recent call last):
    emotrace.inference.model_config.DuplicateKeyError: found the key 'output' twice, expected each once
    """

    def check(pairs: list[tuple[str, Any]]) -> None:
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKeyError(f"found the key {_shortened(key)} twice, expected each once")
            seen.add(key)

    json.loads(content, object_pairs_hook=check, parse_int=str, parse_float=str)


def label_maps(labels: Sequence[str]) -> dict[str, dict[Any, Any]]:
    """`id2label` and `label2id` for a list of labels, as arguments of `ModelConfig`.

    >>> label_maps(["anger", "sadness"])
    {'id2label': {0: 'anger', 1: 'sadness'}, 'label2id': {'anger': 0, 'sadness': 1}}
    """
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def first_error(error: ValidationError) -> str:
    """The first error that a schema found, in one line, and the number of further errors.

    >>> try:
    ...     Calibration(temperature=-1)
    ... except ValidationError as error:
    ...     print(first_error(error))
    temperature: Input should be greater than or equal to 0.001, found -1
    """
    errors = error.errors()
    first = errors[0]
    location = ".".join(_shortened(part).strip("'") for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    found = f", found {_shortened(first['input'])}" if isinstance(first["input"], int | float | str) else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{location + ': ' if location else ''}{message}{found}{more}"


def _shortened(value: float | str) -> str:
    """A value's `repr` in printable characters, at most 100 of them."""
    written = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return written if len(written) <= 100 else f"{written[:97]}..."

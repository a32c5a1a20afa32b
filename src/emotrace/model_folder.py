"""A model on disk: a folder with `config.json`, `model.onnx` and files that need no code and no pickle.

Every file but `config.json` is listed there with its SHA-256, and only listed files whose hash matches are
read. What runs are the very bytes that were hashed.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import onnxruntime
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emotrace.decoding import Decoding
from emotrace.errors import ModelError
from emotrace.files import write_text
from emotrace.windows import (
    FRAME_HOP_SAMPLES,
    FRAME_SAMPLES,
    HOP_FRAMES,
    LONGEST_FRAMES,
    frames_in,
    samples_in,
)

CONFIG_FILE = "config.json"
MODEL_FILE = "model.onnx"

_MOST_SAMPLES = 1 << 26  # of a window, which is held in memory: 70 minutes at 16 kHz
_MOST_CONFIG_BYTES = 1 << 20  # what was measured fills a few thousand; a link may lead to what never ends

# A plain name in the folder itself: no path, nothing hidden.
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=200)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Calibration(_Strict):
    """Scores are softmax(log-likelihood / temperature).

    A window holds no emotion where the likelihood of the empty label sequence is above `no_emotion_above`;
    None where the model was not taught what holds none.
    """

    temperature: float = Field(default=1.0, ge=1e-3, le=1e6)  # beyond, scores overflow
    no_emotion_above: float | None = Field(default=None, gt=0, lt=1)


class Figure(_Strict):
    """A measured figure and the interval that holds it with a probability of 95 %."""

    value: float
    interval: tuple[float, float] | None = None


class ModelConfig(_Strict):
    """What `config.json` says about a model.

    Attributes:
        output: "log_posteriors" of frames, blank last (CTC systems), or "log_scores" of clips (classifiers)
        window_samples: the longest audio the model takes at once
        hop_samples: from the start of one window over longer audio to the start of the next
        frame_samples, frame_hop_samples: length of an input frame, and from one to the next
        frame_first_s, frame_step_s: centre of the first output frame, and from one to the next (CTC systems)
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
    >>> config.labels, config.window_samples, config.longest_frames, config.hop_frames
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
    window_samples: int = Field(default=samples_in(LONGEST_FRAMES), ge=1, le=_MOST_SAMPLES)
    hop_samples: int = Field(default=HOP_FRAMES * FRAME_HOP_SAMPLES, ge=1)
    frame_samples: int = Field(default=FRAME_SAMPLES, ge=1)
    frame_hop_samples: int = Field(default=FRAME_HOP_SAMPLES, ge=1)
    minimum_samples: int = Field(default=samples_in(16), ge=1)
    frame_first_s: float | None = Field(default=None, ge=0, le=10)
    frame_step_s: float | None = Field(default=None, ge=1e-3, le=10)
    decoding: Decoding = "likelihood"  # how posteriors become scores (CTC systems)
    calibration: Calibration = Calibration()
    recipe: dict[str, Any] = {}
    corpus: str = ""
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
        if self.hop_frames > self.longest_frames:
            raise ValueError("hop_samples must be no more than the frames of a window cover")
        if not self.frame_samples <= self.minimum_samples <= self.window_samples:
            raise ValueError("minimum_samples must lie between frame_samples and window_samples")
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
    def longest_frames(self) -> int:
        return frames_in(self.window_samples, self.frame_samples, self.frame_hop_samples)

    @property
    def hop_frames(self) -> int:
        return self.hop_samples // self.frame_hop_samples


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose `config.json` is valid and whose listed files are what they were."""

    path: Path
    config: ModelConfig

    def read(self, name: str) -> bytes:
        """The bytes of a listed file, which match its hash.

        Raises:
            ModelError: if the file is not listed, lacks, lies elsewhere or was altered
        """
        expected = self.config.sha256.get(name)
        if expected is None:
            raise ModelError(
                f"{self.path}: found no SHA-256 of {name} in {CONFIG_FILE}; export the model again"
            )
        if not (self.path / name).is_file():
            raise ModelError(
                f"{self.path}: found no {name}, which {CONFIG_FILE} lists; fetch the whole folder again"
            )
        content = _content(self.path, name)
        if hashlib.sha256(content).hexdigest() != expected:
            raise ModelError(
                f"{self.path}: found that {name} is not the file that {CONFIG_FILE} lists (its SHA-256 "
                "differs); fetch the folder again, or export the model again"
            )
        return content

    def session(self, threads: int) -> onnxruntime.InferenceSession:
        """Start the network.

        Raises:
            ModelError: if `model.onnx` is not what `config.json` says
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        content = self.read(MODEL_FILE)
        try:
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )  # its fallback, to the same provider, prints to stdout
            self._refuse_a_network_of_another_config(session)
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises many kinds, without a common base
            reason = one_line(error)
            raise ModelError(
                f"{self.path}: {MODEL_FILE} does not run ({reason}); export the model again"
            ) from None
        return session

    def _refuse_a_network_of_another_config(self, session: onnxruntime.InferenceSession) -> None:
        config = self.config
        outputs = {config.output} | ({"frame_lengths"} if config.output == "log_posteriors" else set())
        claims: dict[str, tuple[Any, Any]] = {
            "inputs": (
                {i.name: i.type for i in session.get_inputs()},
                {"waveform": "tensor(float)", "lengths": "tensor(int64)"},
            ),
            "outputs": ({o.name for o in session.get_outputs()}, outputs),
        }
        metadata = session.get_modelmeta().custom_metadata_map
        for key, value in network_metadata(config).items():
            claims[f"metadata {key}"] = (metadata.get(key), value)
        for what, (found, expected) in claims.items():
            if found != expected:
                raise ModelError(
                    f"{self.path}: {MODEL_FILE} has {what} {found}, but {CONFIG_FILE} says {expected}; "
                    "export the model again"
                )


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


def load_model_folder(folder: str | os.PathLike[str]) -> ModelFolder:
    """Open a model folder: its config is valid, and each listed file is there and is what it was.

    Raises:
        ModelError: if anything lacks, was altered or does not fit
    """
    path = Path(folder)
    if not path.is_dir():
        raise ModelError(f"{path}: found no such folder, expected a model folder; check --model")
    if not (path / CONFIG_FILE).is_file():
        raise ModelError(f"{path}: found no {CONFIG_FILE}, expected a model folder; check --model")
    content = _content(path, CONFIG_FILE, _MOST_CONFIG_BYTES)
    try:
        config = ModelConfig.model_validate_json(content)
    except ValidationError as error:
        raise ModelError(f"{path / CONFIG_FILE}: {first_complaint(error)}; export the model again") from None
    model = ModelFolder(path, config)
    for name in (MODEL_FILE, *config.sha256):
        model.read(name)
    return model


def _content(folder: Path, name: str, most: int = -1) -> bytes:
    """The bytes of a file that lies in a folder, and not elsewhere; `most` is how many there may be."""
    file = folder / name
    try:
        if file.resolve().parent != folder.resolve():
            raise ModelError(
                f"{folder}: found that {name} is a link out of the folder; put the file itself there"
            )
        with file.open("rb") as opened:
            content = opened.read(most + 1 if most >= 0 else -1)
    except OSError as error:
        raise ModelError(
            f"{folder}: found a {name} that cannot be read ({error.strerror}); check who may read it"
        ) from None
    if 0 <= most < len(content):
        raise ModelError(
            f"{folder}: found a {name} of more than {most} bytes, expected a few thousand; "
            "export the model again"
        )
    return content


def write_config(folder: str | os.PathLike[str], config: ModelConfig) -> ModelConfig:
    """Write `config.json`, the last file of a model folder, with the SHA-256 of each file that lies there.

    Returns:
        the config as written
    """
    path = Path(folder)
    hashes = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.iterdir())
        if file.is_file() and file.name != CONFIG_FILE and not file.name.startswith(".")
    }
    written = ModelConfig.model_validate({**config.model_dump(), "sha256": hashes})
    write_text(path / CONFIG_FILE, written.model_dump_json(indent=2) + "\n")
    return written


def labels_both_ways(labels: Sequence[str]) -> dict[str, dict[Any, Any]]:
    """`id2label` and `label2id` of a list of labels, to spread into a `ModelConfig`.

    >>> labels_both_ways(["anger", "sadness"])
    {'id2label': {0: 'anger', 1: 'sadness'}, 'label2id': {'anger': 0, 'sadness': 1}}
    """
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def first_complaint(error: ValidationError) -> str:
    """What a schema found wrong, in one line: the first complaint and how many more there are.

    >>> try:
    ...     Calibration(temperature=-1)
    ... except ValidationError as error:
    ...     print(first_complaint(error))
    temperature: Input should be greater than or equal to 0.001, found -1
    """
    complaints = error.errors()
    first = complaints[0]
    where = ".".join(_shortened(part).strip("'") for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    found = f", found {_shortened(first['input'])}" if isinstance(first["input"], int | float | str) else ""
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return f"{where + ': ' if where else ''}{message}{found}{more}"


def one_line(error: Exception) -> str:
    """What a library says of an error, as one line that can be printed.

    >>> one_line(ValueError("bad\\n  \\x01name"))
    'bad ?name'
    """
    words = " ".join(str(error).split())[:200]
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _shortened(value: float | str) -> str:
    """A value as Python writes it, or as much of it as goes in a line."""
    written = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return written if len(written) <= 100 else f"{written[:97]}..."

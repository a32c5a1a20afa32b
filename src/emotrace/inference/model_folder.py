"""A model on disk: a folder with `config.json`, `model.onnx` and files that need no code and no pickle.

Every file but `config.json` is listed there with its SHA-256, and only listed files whose hash matches are
read. What runs are the very bytes that were hashed.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
from pydantic import ValidationError

from emotrace.errors import ModelError
from emotrace.inference.model_config import ModelConfig, first_error, network_metadata
from emotrace.system.files import write_text

CONFIG_FILE = "config.json"
MODEL_FILE = "model.onnx"

_MOST_CONFIG_BYTES = 1 << 20  # what was measured fills a few thousand; a link may lead to what never ends


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
        claims: dict[str, tuple[Any, Any]] = {
            "inputs": (
                {i.name: i.type for i in session.get_inputs()},
                {"waveform": "tensor(float)", "lengths": "tensor(int64)"},
            ),
            "outputs": ({o.name for o in session.get_outputs()}, set(config.outputs)),
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
        raise ModelError(f"{path / CONFIG_FILE}: {first_error(error)}; export the model again") from None
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


def one_line(error: Exception) -> str:
    """What a library says of an error, as one line that can be printed.

    >>> one_line(ValueError("bad\\n  \\x01name"))
    'bad ?name'
    """
    words = " ".join(str(error).split())[:200]
    return "".join(letter if letter.isprintable() else "?" for letter in words)

"""Model folders: `config.json`, `model.onnx` and other files, none of which contains code or a pickle.

`config.json` lists the SHA-256 of every other file. Only files whose hash matches are read, and the bytes
that were hashed are the bytes that are used.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from emotrace.errors import ModelError
from emotrace.inference.external_data import has_external_data
from emotrace.inference.model_config import (
    DuplicateKeyError,
    ModelConfig,
    first_error,
    network_metadata,
    refuse_duplicate_keys,
)
from emotrace.system.files import write_text

if TYPE_CHECKING:
    import onnxruntime

CONFIG_FILE = "config.json"
MODEL_FILE = "model.onnx"

_MAX_CONFIG_BYTES = 1 << 20  # configs have a few thousand; a link may lead to an endless file
_MAX_BYTES = 2**31 - 1  # of a message of protocol buffers, and so of model.onnx
_SILENT = 4  # severity below which ONNX Runtime logs nothing: errors reach the caller as exceptions


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose `config.json` is valid and whose listed files match their hashes."""

    path: Path
    config: ModelConfig

    def read(self, name: str) -> bytes:
        """The bytes of a listed file.

        Raises:
            ModelError: if the file is not listed, is missing, is outside the folder or was altered
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

    def start_session(self, threads: int) -> onnxruntime.InferenceSession:
        """Load the network with ONNX Runtime.

        Raises:
            ModelError: if `model.onnx` contradicts `config.json`, or reads data from other files
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _SILENT
        options.add_session_config_entry("session.load_model_format", "ONNX")  # what is searched is what runs
        # Threads that wait actively take processor time from each other, and from other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        content = self.read(MODEL_FILE)
        try:
            external = has_external_data(content)
        except ValueError as error:
            raise ModelError(
                f"{self.path}: found a {MODEL_FILE} that is not an ONNX file ({error}); fetch the folder "
                "again, or export the model again"
            ) from None
        if external:
            raise ModelError(
                f"{self.path}: found that {MODEL_FILE} reads weights from another file, expected all of them "
                "in it; export the model again, or do not use this folder"
            )
        try:
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )  # the fallback would retry the same provider, and it prints to stdout
            self._check_network(session)
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no common base class
            reason = one_line(error)
            raise ModelError(
                f"{self.path}: {MODEL_FILE} does not run ({reason}); export the model again"
            ) from None
        return session

    def _check_network(self, session: onnxruntime.InferenceSession) -> None:
        config = self.config
        checks: dict[str, tuple[Any, Any]] = {
            "inputs": (
                {i.name: i.type for i in session.get_inputs()},
                {"waveform": "tensor(float)", "lengths": "tensor(int64)"},
            ),
            "outputs": ({o.name for o in session.get_outputs()}, set(config.graph_outputs)),
        }
        metadata = session.get_modelmeta().custom_metadata_map
        for key, value in network_metadata(config).items():
            checks[f"metadata {key}"] = (metadata.get(key), value)
        for what, (found, expected) in checks.items():
            if found != expected:
                raise ModelError(
                    f"{self.path}: {MODEL_FILE} has {what} {found}, but {CONFIG_FILE} says {expected}; "
                    "export the model again"
                )


def load_model_folder(folder: str | os.PathLike[str]) -> ModelFolder:
    """Open a model folder and check its config and the hash of every listed file.

    Raises:
        ModelError: if a file is missing or altered, or the config is invalid
    """
    path = Path(folder)
    if not path.is_dir():
        raise ModelError(f"{path}: found no such folder, expected a model folder; check --model")
    if not (path / CONFIG_FILE).is_file():
        raise ModelError(f"{path}: found no {CONFIG_FILE}, expected a model folder; check --model")
    content = _content(path, CONFIG_FILE, _MAX_CONFIG_BYTES)
    try:
        config = ModelConfig.model_validate_json(content)
        refuse_duplicate_keys(content)
    except DuplicateKeyError as error:
        raise ModelError(f"{path / CONFIG_FILE}: {error}; export the model again") from None
    except ValidationError as error:
        raise ModelError(f"{path / CONFIG_FILE}: {first_error(error)}; export the model again") from None
    model = ModelFolder(path, config)
    for name in (MODEL_FILE, *config.sha256):
        model.read(name)
    return model


def _content(folder: Path, name: str, max_bytes: int = _MAX_BYTES) -> bytes:
    """The bytes of a file in a folder; links out of the folder and larger files are refused unread."""
    file = folder / name
    try:
        if file.resolve().parent != folder.resolve():
            raise ModelError(
                f"{folder}: found that {name} is a link out of the folder; put the file itself there"
            )
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            content = opened.read(size) if size <= max_bytes else b""
    except OSError as error:
        raise ModelError(
            f"{folder}: found a {name} that cannot be read ({error.strerror}); check who may read it"
        ) from None
    if size > max_bytes:
        raise ModelError(
            f"{folder}: found a {name} of {size} bytes, expected at most {max_bytes}; "
            "fetch the folder again, or export the model again"
        )
    return content


def write_config(folder: str | os.PathLike[str], config: ModelConfig) -> ModelConfig:
    """Write `config.json`, with the SHA-256 of every other file in the folder; so it must be written last.

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
    """A library's error message as one printable line of at most 200 characters.

    >>> one_line(ValueError("bad\\n  \\x01name"))
    'bad ?name'
    """
    words = " ".join(str(error).split())[:200]
    return "".join(letter if letter.isprintable() else "?" for letter in words)

"""Encoders that `transformers` reads: from the Hugging Face hub at a named revision, or from a folder."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch

from emotrace.audio.windowing import SHORTEST_SAMPLES
from emotrace.errors import EmotraceError, MissingExtraError, RecipeError
from emotrace.models.encoders.wav2vec2 import Wav2Vec2Encoder, convolution_layout
from emotrace.models.encoders.whisper import WhisperEncoder

PREFIX = "hf:"
HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<revision>\S+)")
CONFIG_FILE, INPUT_FILE, CARD_FILE = "config.json", "preprocessor_config.json", "README.md"
WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors")
INDEX_FILE = "model.safetensors.index.json"
MODELS = {
    "wav2vec2": "Wav2Vec2Model",
    "hubert": "HubertModel",
    "wavlm": "WavLMModel",
    "whisper": "WhisperModel",
}
MAX_PARAMETERS = 500_000_000  # an ONNX file holds 2 GB
CONVERSION = 1  # how weights are converted; another value makes cached features anew


@dataclass(frozen=True)
class HuggingFaceFiles:
    """The files of an encoder.

    Attributes:
        name: value of `front.encoder`
        folder: where the files are
        config: content of `config.json`, as its architecture in `transformers` reads it
    """

    name: str
    folder: Path
    config: Any

    @property
    def layout(self) -> tuple[int, int]:
        """Samples that a frame depends on, and samples from one frame to the next."""
        if self.config.model_type == "whisper":
            return WhisperEncoder.frame_samples, WhisperEncoder.hop_samples
        return convolution_layout(self.config.conv_kernel, self.config.conv_stride)

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return self.layout[1]

    @property
    def layers(self) -> int:
        """Number of transformer layers."""
        return int(self.config.num_hidden_layers)

    @property
    def unit_level(self) -> bool:
        """Whether the encoder was trained on waveforms of unit variance."""
        if self.config.model_type == "whisper":
            return False
        path = self.folder / INPUT_FILE
        return bool(read_json(path).get("do_normalize", True)) if path.exists() else True

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that determines the features."""
        digest = hashlib.sha256(f"conversion {CONVERSION}".encode())
        for path in (self.folder / CONFIG_FILE, self.folder / INPUT_FILE, *self.weights):
            if path.exists():
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @property
    def weights(self) -> list[Path]:
        """The files of the weights."""
        return [path for pattern in WEIGHTS for path in sorted(self.folder.glob(pattern))]

    @property
    def license(self) -> str:
        """The license that its card states; empty if it states none."""
        path = self.folder / CARD_FILE
        card = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        header = card.partition("\n---")[0] if card.startswith("---") else ""
        found = re.search(r"^license: *([\w.+-]+) *$", header, re.MULTILINE)
        return found[1] if found else ""

    @property
    def description(self) -> str:
        """What it is, how large and under which license, for the model card."""
        size = sum(path.stat().st_size for path in self.weights) / 1e6
        kind, width = self.config.model_type, self.config.hidden_size
        stated = f"license {self.license}" if self.license else "it states no license"
        title = self.name.removeprefix(PREFIX)
        return f"{title} ({kind}, {self.layers} layers of {width} values, {size:.0f} MB); {stated}"

    @property
    def notice_text(self) -> str:
        """The notice of the weights, which goes with every copy."""
        return (
            f"The encoder in model.onnx comes from {self.description}.\n\n"
            f"SHA-256 of its files: {self.sha256}\n\n"
            "Its license decides whether and how this model may be used and shared. Read it before you share "
            "this folder, and add the notices that it asks for.\n"
        )

    def load(self, depth: int) -> Wav2Vec2Encoder | WhisperEncoder:
        """The encoder with its first `depth` layers; weights are rounded to half precision, in float32.

        Raises:
            RecipeError: the weights are damaged, incomplete, or too many for an ONNX file.
        """
        transformers = import_transformers()
        try:
            with quiet(transformers), torch.random.fork_rng(devices=[]):
                model, report = getattr(transformers, MODELS[self.config.model_type]).from_pretrained(
                    self.folder,
                    local_files_only=True,
                    use_safetensors=True,
                    trust_remote_code=False,
                    dtype=torch.float32,
                    attn_implementation="eager" if self.config.model_type == "wavlm" else "sdpa",
                    output_loading_info=True,
                )
        except Exception as error:  # noqa: BLE001 - the errors of transformers have no common base class
            raise RecipeError(f"front.encoder {self.name} cannot be read ({one_line(error)})") from None
        encoder: Wav2Vec2Encoder | WhisperEncoder
        if self.config.model_type == "whisper":
            filters = transformers.WhisperFeatureExtractor(feature_size=self.config.num_mel_bins).mel_filters
            encoder = WhisperEncoder(model, depth, torch.from_numpy(filters).T)
        else:
            encoder = Wav2Vec2Encoder(model, depth)
        used = {id(parameter) for parameter in encoder.parameters()}
        named = dict(model.named_parameters())
        missing = sorted(n for n in report["missing_keys"] if n in named and id(named[n]) in used)
        if missing:
            raise RecipeError(
                f"front.encoder {self.name} has no weights {missing[0]}; expected the weights of "
                f"{MODELS[self.config.model_type]}"
            )
        if isinstance(encoder, Wav2Vec2Encoder):
            encoder.fold_weight_norm()
        count = sum(parameter.numel() for parameter in encoder.parameters())
        if count > MAX_PARAMETERS:
            raise RecipeError(
                f"front.encoder {self.name} has {count / 1e6:.0f} M parameters up to layer {depth - 1}; "
                f"expected at most {MAX_PARAMETERS / 1e6:.0f} M, which an ONNX file can hold; use lower "
                "front.layers"
            )
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.copy_(parameter.half())
        return encoder.eval()


@cache
def find_hugging_face(name: str) -> HuggingFaceFiles:
    """The files of `hf:FOLDER`, or of `hf:owner/name@revision`, which are downloaded when first used.

    Raises:
        RecipeError: there is no such folder or revision, or it has no encoder that can be used.
        MissingExtraError: the extra `transformers` is not installed.
    """
    found = name.removeprefix(PREFIX)
    hub = HUB_NAME.fullmatch(found)
    if found and Path(found).is_dir():
        folder = Path(found)
    elif hub:
        folder = fetch(name, hub["repository"], hub["revision"])
    else:
        raise RecipeError(
            f"front.encoder is {name!r}; expected hf:owner/name@revision with a commit or a tag, or "
            "hf:FOLDER with a folder that exists"
        )
    files = HuggingFaceFiles(name, folder, read_config(name, folder))
    frame, hop = files.layout
    if not files.weights:
        raise RecipeError(
            f"front.encoder {name} has no {WEIGHTS[0]}; expected weights as safetensors; name another "
            "revision, or convert them"
        )
    if frame > SHORTEST_SAMPLES or hop < 16:
        raise RecipeError(
            f"front.encoder {name} has frames of {frame} samples every {hop}; expected at most "
            f"{SHORTEST_SAMPLES}, at least 16 apart"
        )
    return files


def read_config(name: str, folder: Path) -> Any:
    """The content of `config.json`, as its architecture in `transformers` reads it."""
    transformers = import_transformers()
    path = folder / CONFIG_FILE
    try:
        kind = read_json(path).get("model_type")
    except EmotraceError as error:
        raise RecipeError(f"front.encoder {name}: {error}") from None
    if kind not in MODELS:
        raise RecipeError(
            f"front.encoder {name} is of the type {kind!r}; expected one of {', '.join(MODELS)}"
        )
    try:
        with quiet(transformers):
            return getattr(transformers, MODELS[kind]).config_class.from_pretrained(
                folder, local_files_only=True
            )
    except Exception as error:  # noqa: BLE001 - the errors of transformers have no common base class
        raise RecipeError(f"front.encoder {name}: {path} cannot be used ({one_line(error)})") from None


def fetch(name: str, repository: str, revision: str) -> Path:
    """The folder of a revision on the hub: from the hub's cache, or downloaded.

    Raises:
        RecipeError: the hub does not provide it.
    """
    import_transformers()
    from huggingface_hub import snapshot_download

    patterns = [CONFIG_FILE, INPUT_FILE, CARD_FILE, INDEX_FILE, *WEIGHTS]
    with suppress(OSError, ValueError):  # it is not in the cache, or its name is wrong, as is said below
        folder = Path(snapshot_download(repository, revision=revision, local_files_only=True))
        if (folder / CONFIG_FILE).exists() and any(any(folder.glob(pattern)) for pattern in WEIGHTS):
            return folder
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=patterns))
    except Exception as error:  # noqa: BLE001 - the client's errors have no common base class
        raise RecipeError(
            f"front.encoder {name}: the hub does not provide it ({one_line(error)}); check name and revision"
        ) from None


def import_transformers() -> Any:
    """The package `transformers`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("transformers")
    except ImportError:
        raise MissingExtraError(
            'front.encoder hf:… needs transformers; run: pip install "emotrace[transformers]"'
        ) from None


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Turn off the progress bars and reports of `transformers`."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        RecipeError: it is missing, or no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecipeError(f"{path} cannot be read ({one_line(error)})") from None
    if not isinstance(content, dict):
        raise RecipeError(f"{path} is no JSON object")
    return content


def one_line(error: Exception) -> str:
    """The message of an error in one line."""
    return " ".join(str(error).split())[:200]

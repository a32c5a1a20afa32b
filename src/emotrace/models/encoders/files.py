"""The weights of pretrained encoders, read from files of installed packages; no code of them runs."""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor

from emotrace.errors import RecipeError
from emotrace.models.encoders.hugging_face import PREFIX, HuggingFaceFiles, find_hugging_face
from emotrace.models.encoders.moonshine import CONVOLUTIONS, HOP_SAMPLES, MoonshineEncoder, MoonshineSize

Array = npt.NDArray[np.float32]

MIT = """\
MIT License

{}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

CONVOLUTION_NODES = ("/conv1/Conv", "/conv2/Conv", "/conv3/Conv")
PRODUCTS = ("MatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul")
# Our names by names of the ORT files; the two sizes name the output layer of attention differently.
DENSE_NAMES = {
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "o_proj": "out",
    "dense": "out",
    "fc1": "dense1",
    "fc2": "dense2",
}
VECTOR_NAMES = {
    "input_layernorm.weight": "attention_norm.weight",
    "post_attention_layernorm.weight": "dense_norm.weight",
    "mlp.fc1.bias": "dense1.bias",
    "mlp.fc2.bias": "dense2.bias",
}


@dataclass(frozen=True)
class EncoderFile:
    """An encoder in an installed package.

    Attributes:
        name: value of `front.encoder`
        distribution: the package by its name on the package index, with the version that was measured
        module: folder of the package
        path: the ORT file in that folder
        sha256: hash of the file
        size: dimensions
        notice: copyright line of the weights, whose license is MIT
    """

    name: str
    distribution: str
    module: str
    path: str
    sha256: str
    size: MoonshineSize
    notice: str = "Copyright (c) 2025 Moonshine AI"

    hop_samples = HOP_SAMPLES
    unit_level = False  # it was trained on waveforms as recorded

    @property
    def notice_text(self) -> str:
        """The notice of the weights, which their license asks to go with every copy."""
        return f"The encoder in model.onnx comes from {self.distribution}.\n\n{MIT.format(self.notice)}"

    @property
    def layers(self) -> int:
        """Number of transformer layers."""
        return self.size.layers

    @property
    def description(self) -> str:
        """What it is and under which license, for the model card."""
        return f"{self.name}, from {self.distribution}; license mit"

    def load(self, depth: int) -> MoonshineEncoder:
        """The encoder with its first `depth` layers.

        Raises:
            RecipeError: its package is not installed, or holds another file than the one that was measured.
        """
        weights = read_encoder(self.name)
        encoder = MoonshineEncoder(self.size, depth)
        encoder.load_state_dict({key: weights[key] for key in encoder.state_dict()})
        return encoder


ENCODERS = {
    "moonshine-tiny": EncoderFile(
        "moonshine-tiny",
        "moonshine-voice==0.0.44",
        "moonshine_voice",
        "assets/tiny-en/encoder_model.ort",
        "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        MoonshineSize(width=288, layers=6),
    ),
    "moonshine-base": EncoderFile(
        "moonshine-base",
        "moonshine-cpp==0.1.4",
        "moonshine_cpp",
        "models/base-en/encoder_model.ort",
        "9d1a19e044cbf89a207723d1adb667de89a5671a1e3e611b8ebe721b2c31219c",
        MoonshineSize(width=416, layers=8),
    ),
}


def find_encoder(name: str) -> EncoderFile | HuggingFaceFiles:
    """The encoder of that name.

    Raises:
        RecipeError: there is none.
        MissingExtraError: it needs the extra `transformers`, which is not installed.

    >>> find_encoder("moonshine-tiny").layers
    6
    """
    if name.startswith(PREFIX):
        return find_hugging_face(name)
    if name not in ENCODERS:
        raise RecipeError(
            f"front.encoder is {name!r}; expected one of {', '.join(ENCODERS)}, "
            "hf:owner/name@revision or hf:FOLDER"
        )
    return ENCODERS[name]


@cache
def read_encoder(name: str) -> Mapping[str, Tensor]:
    """The weights of an encoder by the names of `MoonshineEncoder`.

    Raises:
        RecipeError: its package is not installed, or holds another file than the one that was measured.
    """
    encoder = ENCODERS[name]
    content = _file_of(name, encoder).read_bytes()
    if hashlib.sha256(content).hexdigest() != encoder.sha256:
        raise RecipeError(
            f"the installed {encoder.module} holds other weights of {name} than {encoder.distribution}; "
            f"install that version: pip install {encoder.distribution}"
        )
    return convert_weights(content)


def _file_of(name: str, encoder: EncoderFile) -> Path:
    found = importlib.util.find_spec(encoder.module)
    for folder in (found and found.submodule_search_locations) or ():
        if (path := Path(folder) / encoder.path).is_file():
            return path
    raise RecipeError(
        f"front.encoder {name} needs the package {encoder.distribution}; "
        "install it: pip install 'emotrace[encoder]'"
    )


def convert_weights(content: bytes) -> dict[str, Tensor]:
    """The weights in an ORT file of a Moonshine encoder, rounded to half precision, in float32.

    ONNX Runtime reads the file and writes it as ONNX without optimisation. Weights that the file keeps in
    int8 are scaled back. They are rounded so that exported models can hold them in half the space.
    """
    graph = _as_onnx(content).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    state: dict[str, Any] = {}
    for node in graph.node:
        parts = node.name.split("/")
        if node.name in CONVOLUTION_NODES:
            weight = _scaled_back(arrays, node.input[1])  # (feature, channel, step)
            _, channels, kernel = weight.shape
            stride = dict(CONVOLUTIONS)[kernel]
            rows = weight.transpose(2, 1, 0).reshape(kernel * channels, -1)
            for part, first in enumerate(range(0, kernel * channels, stride * channels)):
                state[f"{parts[1]}.weights.{part}"] = rows[first : first + stride * channels]
            if len(node.input) > 2 and node.input[2]:
                state[f"{parts[1]}.bias"] = arrays[node.input[2]]
        elif node.name in ("/groupnorm/Mul", "/groupnorm/Add"):
            kind = "weight" if node.name.endswith("Mul") else "bias"
            state[f"norm_{kind}"] = arrays[node.input[1]].ravel()
        elif node.op_type in PRODUCTS and len(parts) > 3 and parts[-2] in DENSE_NAMES:
            layer = parts[1].replace("layers.", "")
            state[f"layers.{layer}.{DENSE_NAMES[parts[-2]]}.weight"] = _dense_weight(arrays, node).T
    for name, array in arrays.items():
        prefix, _, rest = name.partition(".")
        layer, _, kind = rest.partition(".")
        if prefix == "layers" and kind in VECTOR_NAMES:
            state[f"layers.{layer}.{VECTOR_NAMES[kind]}"] = array
    halves = {name: np.array(value, dtype=np.float16, order="C") for name, value in state.items()}
    return {name: torch.from_numpy(value).float() for name, value in halves.items()}


def _as_onnx(content: bytes) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.optimized_model_filepath = f"{folder}/encoder.onnx"
        options.add_session_config_entry("session.save_model_format", "ONNX")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _scaled_back(arrays: Mapping[str, Any], name: str) -> Array:
    """A weight that is kept in float32, or in int8 with a scale and an offset in float32."""
    if name in arrays:
        return np.asarray(arrays[name], np.float32)
    stem = name.removesuffix("_tensor").removesuffix("_add")
    integers = arrays[f"{stem}_quantized"].astype(np.float32)
    return np.asarray(integers * arrays[f"{stem}_scale"] + arrays[f"{stem}_zero_point"], np.float32)


def _dense_weight(arrays: Mapping[str, Any], node: onnx.NodeProto) -> Array:
    if node.op_type == "MatMul":
        return _scaled_back(arrays, node.input[1])
    stem = next(name for name in node.input if name in arrays and name.endswith("_quantized"))
    stem = stem.removesuffix("_quantized")
    integers = arrays[f"{stem}_quantized"].astype(np.float32) - arrays[f"{stem}_zero_point"].astype(
        np.float32
    )
    return np.asarray(integers * arrays[f"{stem}_scale"], np.float32)

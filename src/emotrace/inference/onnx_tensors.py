"""Tensors of an ONNX file, found and replaced without the `onnx` package."""

from collections.abc import Mapping

import numpy as np

from emotrace.decoding.ctc import Floats
from emotrace.inference.external_data import message_fields

_GRAPH, _INITIALIZER, _NAME, _RAW_DATA = 7, 5, 8, 9  # field numbers of onnx.proto
_FLOAT = np.dtype("<f4")


def read_tensors(model: bytes, names: tuple[str, ...]) -> dict[str, Floats]:
    """The float32 tensors of these names, as vectors.

    Raises:
        ValueError: if a tensor is missing
    """
    positions = _positions(model)
    if missing := [name for name in names if name not in positions]:
        raise ValueError(f"found no tensor {missing[0]}")
    ranges = {name: positions[name] for name in names}
    return {name: np.frombuffer(model[a:b], _FLOAT).astype(np.float64) for name, (a, b) in ranges.items()}


def replace_tensors(model: bytes, values: Mapping[str, Floats]) -> bytes:
    """The ONNX file with other values in some float32 tensors of the same size.

    Raises:
        ValueError: if a tensor is missing, or has another size
    """
    positions, content = _positions(model), bytearray(model)
    for name, vector in values.items():
        start, end = positions.get(name, (0, 0))
        replacement = np.asarray(vector, _FLOAT).tobytes()
        if end - start != len(replacement):
            raise ValueError(f"found {(end - start) // 4} values in tensor {name}, expected {len(vector)}")
        content[start:end] = replacement
    return bytes(content)


def _positions(model: bytes) -> dict[str, tuple[int, int]]:
    """Where the raw data of each initializer of the graph starts and ends."""
    content, positions = memoryview(model), {}
    for field, start, end in message_fields(content, 0, len(content)):
        if field != _GRAPH:
            continue
        for inner, first, last in message_fields(content, start, end):
            if inner != _INITIALIZER:
                continue
            fields = {number: (a, b) for number, a, b in message_fields(content, first, last)}
            if _NAME in fields and _RAW_DATA in fields:
                a, b = fields[_NAME]
                positions[bytes(content[a:b]).decode("utf-8", "replace")] = fields[_RAW_DATA]
    return positions

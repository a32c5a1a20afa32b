"""Weights that half precision holds exactly, stored in half precision: half the size, equal outputs."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

MIN_VALUES = 1024  # smaller tensors stay as they are


def store_in_half_precision(graph: bytes, keep: Collection[str] = ()) -> bytes:
    """The ONNX graph with a cast behind each large weight that float16 holds without rounding.

    ONNX Runtime casts them once, when it loads the model.

    Args:
        keep: names of tensors that stay as they are
    """
    model = onnx.load_from_string(graph)
    kept, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < MIN_VALUES or tensor.name in keep:
            kept.append(tensor)
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(half, f"{tensor.name}/half"))
        casts.append(
            onnx.helper.make_node(
                "Cast", [f"{tensor.name}/half"], [tensor.name], f"{tensor.name}/cast", to=TensorProto.FLOAT
            )
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())

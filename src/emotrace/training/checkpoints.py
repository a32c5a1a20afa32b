"""Checkpoints as safetensors files: written atomically, and read without executing code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from emotrace.errors import RunError
from emotrace.system.files import write_bytes


def save_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Write nested dicts, lists and tuples of tensors, numbers and text to one file.

    Tensors are stored as such; everything else is JSON in the file's header.

    Raises:
        TypeError: a value has another type.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _pack(checkpoint, tensors)
    write_bytes(path, save(tensors, metadata={"tree": json.dumps(tree)}))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; the tensors are on the CPU.

    Raises:
        RunError: the file is damaged or not a checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tree = json.loads(file.metadata()["tree"])
            return _unpack(tree, file)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is not a readable checkpoint ({error}); delete it to start again") from None


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A JSON value that `_unpack` reads; tensors are added to `tensors` and referred to by name."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[_pack(key, tensors), _pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_pack(item, tensors) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def _unpack(value: Any, file: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((container, content),) = value.items()
    if container == "tensor":
        return file.get_tensor(content)
    if container == "dict":
        return {_unpack(key, file): _unpack(item, file) for key, item in content}
    items = [_unpack(item, file) for item in content]
    return tuple(items) if container == "tuple" else items

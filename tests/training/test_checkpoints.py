"""Checkpoints are restored exactly, and reading them never executes code."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from emotrace.errors import RunError
from emotrace.training.checkpoints import load_checkpoint, save_checkpoint

MAGIC_OF_CODE = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # zip, and pickle's protocols


def round_trip(checkpoint: dict[str, Any], folder: Path) -> dict[str, Any]:
    save_checkpoint(checkpoint, folder / "new" / "a.safetensors")
    return load_checkpoint(folder / "new" / "a.safetensors")


def test_numbers_text_and_containers_are_restored_exactly(tmp_path: Path) -> None:
    tree = {
        "state": {0: {"step": 3}, -7: None, ("a", 1): [True, False, 1, 0]},
        "floats": [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf],
        "whole": [2**63, -(2**70)],
        "tuple": (1, ("ü\n\0", [])),
        "empty": [{}, [], (), ""],
        True: "a key",
    }
    found = round_trip(tree, tmp_path)
    assert repr(found) == repr(tree)  # repr distinguishes 1 from True and -0.0 from 0.0, equality does not


def test_nan_is_restored(tmp_path: Path) -> None:
    assert math.isnan(round_trip({"a": math.nan}, tmp_path)["a"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_are_restored_to_the_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    square = torch.randn(4, 6).to(dtype)
    tree = {"strided": square.T[::2], "scalar": square[0, 0], "none": square[:0], "list": [square, square]}
    found = round_trip(tree, tmp_path)
    pairs = [(tree[name], found[name]) for name in ("strided", "scalar", "none")]
    for expected, got in [*pairs, *zip(tree["list"], found["list"], strict=True)]:
        assert got.dtype == dtype
        assert got.shape == expected.shape
        assert torch.equal(got, expected)


def test_an_optimiser_restored_from_a_checkpoint_takes_the_same_steps(tmp_path: Path) -> None:
    weights = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    adams = [torch.optim.AdamW([weight], 0.1, weight_decay=0.0) for weight in weights]
    gradients = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    for step, gradient in enumerate(gradients):
        for weight, adam in zip(weights, adams, strict=True):
            weight.grad = gradient.clone()
            adam.step()
        if step == 2:
            adams[1] = torch.optim.AdamW([weights[1]], 0.5)
            adams[1].load_state_dict(round_trip(adams[0].state_dict(), tmp_path))
    assert torch.equal(*weights)


def test_a_value_of_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Path"):
        round_trip({"a": tmp_path}, tmp_path)
    assert not (tmp_path / "new" / "a.safetensors").exists()


@pytest.mark.parametrize("damage", ["missing", "empty", "cut short", "text", "another's", "pickle"])
def test_the_error_for_a_damaged_checkpoint_is_one_line_with_its_path(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "last.safetensors"
    save_checkpoint({"a": torch.ones(100)}, path)
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "another's":
        from safetensors.torch import save_file

        save_file({"a": torch.ones(3)}, path)
    elif damage == "pickle":
        torch.save({"a": torch.ones(3)}, path)
    else:
        path.write_bytes({"empty": b"", "cut short": whole[:-10], "text": b"Dear reader, " * 9}[damage])
    with pytest.raises(
        RunError, match=r"last\.safetensors is not a readable checkpoint .*delete it"
    ) as error:
        load_checkpoint(path)
    assert "\n" not in str(error.value)


def test_no_file_of_a_run_is_a_pickle_or_a_zip(finished_run: Path) -> None:
    files = [path for path in finished_run.rglob("*") if path.is_file()]
    assert {"weights.safetensors", "best.safetensors"} <= {path.name for path in files}
    for path in files:
        assert not path.read_bytes().startswith(MAGIC_OF_CODE), path

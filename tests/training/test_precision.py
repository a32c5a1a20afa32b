"""Training is in bfloat16 only on processors with instructions for it."""

import pytest
import torch

from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe
from emotrace.training.precision import trains_in_bfloat16
from emotrace.training.two_stage import FromStatic


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"architecture": "aarch64", "bf16": True}, True),
        ({}, False),
    ],
)
def test_training_is_in_bfloat16_on_processors_with_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, reported: dict[str, object], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: reported, raising=False)
    assert trains_in_bfloat16("bfloat16", "cpu") is expected
    assert not trains_in_bfloat16("float32", "cpu")


def test_training_is_in_single_precision_where_pytorch_reports_no_capabilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not trains_in_bfloat16("bfloat16", "cpu")


def test_emulated_bfloat16_of_a_graphics_card_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)

    def without_emulation(*, including_emulation: bool) -> bool:
        return not including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", without_emulation)
    assert trains_in_bfloat16("bfloat16", "cuda")


def test_features_are_computed_in_full_precision_under_autocast(
    monkeypatch: pytest.MonkeyPatch, tiny_recipe: Recipe
) -> None:
    network = build(tiny_recipe, "pcnse", labels=2).eval()
    random, lengths = torch.Generator().manual_seed(0), torch.tensor([60, 50])
    x = torch.randn(2, 60, network.spectrum.bands, generator=random)
    seen: list[torch.Tensor] = []
    extract = network.front.extract

    def noted(image: torch.Tensor, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(image)
        return extract(image, frames)

    monkeypatch.setattr(network.front, "extract", noted)
    with torch.autocast("cpu", torch.bfloat16):
        FromStatic(network, tiny_recipe.augmentation).eval()(x, lengths)
    torch.testing.assert_close(seen[0], network.front.image(x.transpose(1, 2), lengths), atol=0, rtol=0)

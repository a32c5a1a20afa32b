"""A model with an encoder of `transformers` becomes one ONNX graph that equals the network."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from models.encoders.tiny_models import MODELS, save_tiny_model

from emotrace.export.model_card import Provenance
from emotrace.export.onnx import NOTICE_FILE, export_model
from emotrace.inference.recogniser import load
from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe

LENGTHS = (2_800, 9_001, 19_280)  # in a batch, which is padded to the longest window


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_graph_equals_the_network(name: str, tmp_path: Path) -> None:
    encoder = save_tiny_model(name, tmp_path / "encoder")
    recipe = Recipe.model_validate(
        {
            "front": {"encoder": f"hf:{encoder}", "layers": (0, 1)},
            "back": {"width": 16, "stacks": 1, "dilations": (1, 2)},
            "functionals_l2": 0.1,
            "non_speech_per_utterance": 0.5,
            "max_frames": 120,
        }
    )
    torch.manual_seed(1)
    network = build(recipe, "encoder-sadrn-ctc", 3).eval()
    provenance = Provenance("tiny", "encoder-sadrn-ctc", recipe, ("a", "b", "c"), "a corpus", "none", "1")
    config = export_model(network, provenance, tmp_path / "model")
    assert (config.frame_hop_samples, config.frame_step_s, config.max_frames) == (320, 0.02, 60)
    assert "it states no license" in (tmp_path / "model" / NOTICE_FILE).read_text()
    assert "encoder: " in (tmp_path / "model" / "README.md").read_text()
    generator = torch.Generator().manual_seed(2)
    waveform, lengths = 0.1 * torch.randn(3, max(LENGTHS), generator=generator), torch.tensor(LENGTHS)
    with torch.inference_mode():
        expected, steps = network(waveform, lengths)
    session = onnxruntime.InferenceSession(tmp_path / "model" / "model.onnx")
    found, counts = session.run(None, {"waveform": waveform.numpy(), "lengths": lengths.numpy()})[:2]
    assert counts.tolist() == steps.tolist()
    for row, count in enumerate(counts):
        np.testing.assert_allclose(found[row, :count], expected[row, :count], atol=1e-4)
    noise = waveform[1].numpy()
    assert load(tmp_path / "model")((noise, 16_000)).duration_s == pytest.approx(len(noise) / 16_000)

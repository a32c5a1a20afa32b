"""The encoder against ONNX Runtime with its own file, and its independence of padding and silence."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from emotrace.errors import RecipeError
from emotrace.models.encoder_features import EncoderFeatures, build_encoder_features
from emotrace.models.encoders import files
from emotrace.models.encoders.moonshine import HOP_SAMPLES, MoonshineEncoder, MoonshineSize

SPEECH = 24_000  # samples


def speech(seed: int = 0) -> torch.Tensor:
    """Noise with the envelope of syllables, (sample,)."""
    generator = torch.Generator().manual_seed(seed)
    envelope = 0.3 + torch.linspace(0, 12, SPEECH).sin().square()
    return 0.1 * envelope * torch.randn(SPEECH, generator=generator).cumsum(0).diff(prepend=torch.zeros(1))


@pytest.fixture(scope="module")
def small() -> EncoderFeatures:
    torch.manual_seed(0)
    return EncoderFeatures(MoonshineEncoder(MoonshineSize(64, 2, heads=2), 2), (0, 1)).eval()


@pytest.mark.parametrize(("name", "correlation"), [("moonshine-base", 0.999_99), ("moonshine-tiny", 0.999)])
def test_hidden_layers_are_those_of_the_file(name: str, correlation: float, tmp_path: Path) -> None:
    """The tiny file computes some products in int8, so that its own output is rounded."""
    encoder = files.find_encoder(name)
    content = files._file_of(name, encoder).read_bytes()
    graph = files._as_onnx(content)
    layers = [0, 2]
    for layer in layers:
        graph.graph.output.append(
            onnx.helper.make_tensor_value_info(
                f"/layers.{layer}/Add_1_output_0", onnx.TensorProto.FLOAT, None
            )
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    features = build_encoder_features(name, layers).eval()
    waveform = speech()[None]
    found = features(waveform, torch.tensor([SPEECH]))[0]
    level = 0.15 / waveform[:, : 64 * HOP_SAMPLES].square().mean().sqrt()
    inputs = {session.get_inputs()[0].name: (level * waveform).numpy()}
    if len(session.get_inputs()) > 1:
        inputs["attention_mask"] = np.ones((1, SPEECH), np.int64)
    expected = session.run([f"/layers.{layer}/Add_1_output_0" for layer in layers], inputs)
    width = encoder.size.width
    for number, layer in enumerate(expected):
        mine = found[0, number * width : (number + 1) * width].T.numpy()
        speaking = np.abs(mine).sum(1) > 0  # the others are silent, and zero
        assert speaking.sum() > 50
        assert np.corrcoef(mine[speaking].ravel(), layer[0][speaking].ravel())[0, 1] > correlation


def test_padding_and_other_recordings_of_a_batch_change_nothing(small: EncoderFeatures) -> None:
    first, second = speech(1), speech(2)[: SPEECH // 2]
    batch = torch.nn.utils.rnn.pad_sequence([first, second], batch_first=True)
    batch[1, SPEECH // 2 :] = 9.0
    found, frames = small(batch, torch.tensor([SPEECH, SPEECH // 2]))
    for row, alone in enumerate((first, second)):
        expected, count = small(alone[None], torch.tensor([len(alone)]))
        assert frames[row] == count[0]
        torch.testing.assert_close(found[row, :, : frames[row]], expected[0], atol=1e-4, rtol=1e-4)


def test_silence_around_speech_changes_no_frame(small: EncoderFeatures) -> None:
    before, after = 20 * HOP_SAMPLES, 7_000
    recording = torch.cat([torch.zeros(before), speech(), torch.zeros(after)])
    found, _ = small(recording[None], torch.tensor([len(recording)]))
    # With a little silence on either side, so that frames at the edge of the speech are the same.
    short = torch.cat([torch.zeros(3 * HOP_SAMPLES), speech(), torch.zeros(3 * HOP_SAMPLES)])
    expected, _ = small(short[None], torch.tensor([len(short)]))
    offset = 17
    torch.testing.assert_close(
        found[0, :, offset : offset + expected.shape[2]], expected[0], atol=1e-3, rtol=1e-3
    )
    assert found[0, :, :15].abs().max() == 0


def test_level_changes_nothing(small: EncoderFeatures) -> None:
    lengths = torch.tensor([SPEECH])
    torch.testing.assert_close(
        small(speech()[None], lengths)[0], small(0.01 * speech()[None], lengths)[0], atol=1e-3, rtol=1e-3
    )


def test_digital_silence_and_the_shortest_window_give_finite_features(small: EncoderFeatures) -> None:
    for waveform in (torch.zeros(1, 2_800), speech()[None, :2_800]):
        assert small(waveform, torch.tensor([2_800]))[0].isfinite().all()


def test_other_weights_of_the_package_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "encoder.ort"
    other.write_bytes(b"other")
    monkeypatch.setattr(files, "_file_of", lambda *_: other)
    with pytest.raises(RecipeError, match=r"holds other weights.*pip install moonshine-voice==0\.0\.44"):
        files.read_encoder.__wrapped__("moonshine-tiny")


def test_the_notice_of_the_weights_has_their_copyright_and_permission() -> None:
    notice = files.find_encoder("moonshine-tiny").notice_text
    assert "Copyright (c) 2025 Moonshine AI" in notice
    assert "Permission is hereby granted" in notice


def test_a_missing_package_and_unknown_names_and_layers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="expected one of moonshine-tiny, moonshine-base"):
        build_encoder_features("whisper", (0,))
    with pytest.raises(RecipeError, match="has layers 0 to 5"):
        build_encoder_features("moonshine-tiny", (0, 6))
    monkeypatch.setattr(files.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RecipeError, match=r"pip install 'emotrace\[encoder\]'"):
        files.read_encoder.__wrapped__("moonshine-tiny")

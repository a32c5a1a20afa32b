"""Encoders of `transformers`: tiny random ones, made here, against the library's own computation."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from models.encoders.tiny_models import FRAMES, MODELS, WIDTH, save_tiny_model
from safetensors.torch import load_file, save_file
from torch.nn.utils import parametrize

from emotrace.errors import MissingExtraError, RecipeError
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import build, build_spectrum
from emotrace.models.encoder_features import EncoderFeatures, build_encoder_features
from emotrace.models.encoders import hugging_face
from emotrace.models.encoders.files import find_encoder
from emotrace.models.encoders.hugging_face import WEIGHTS, HuggingFaceFiles, find_hugging_face
from emotrace.recipe import Recipe

SPEECH = 12_000  # samples


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a tiny random model for each architecture."""
    return {name: save_tiny_model(name, tmp_path_factory.mktemp(name)) for name in MODELS}


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


@pytest.fixture
def features(folder: Path) -> EncoderFeatures:
    return build_encoder_features(f"hf:{folder}", (0, 1)).eval()


@pytest.fixture
def copied(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the wav2vec 2.0 model, to be damaged."""
    return Path(shutil.copytree(folders["wav2vec2"], tmp_path / "model"))


def speech(seed: int = 0, samples: int = SPEECH) -> torch.Tensor:
    """Noise with the envelope of syllables, (sample,)."""
    generator = torch.Generator().manual_seed(seed)
    envelope = 0.3 + torch.linspace(0, 12, samples).sin().square()
    return 0.1 * envelope * torch.randn(samples, generator=generator)


def read_model(folder: Path) -> Any:
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    with hugging_face.quiet(transformers):
        return getattr(transformers, hugging_face.MODELS[kind]).from_pretrained(folder).eval()


def round_positions(conv: torch.nn.Conv1d) -> None:
    """Round the product of the two factors of a weight to half precision, as the encoder does."""
    parametrize.remove_parametrizations(conv, "weight")
    conv.weight.copy_(conv.weight.half())


def test_hidden_layers_are_those_of_transformers(folder: Path, features: EncoderFeatures) -> None:
    encoder, model, expected = features.encoder, read_model(folder), []
    for layer in model.encoder.layers:
        layer.register_forward_hook(lambda *hook: expected.append(hook[2]))
    samples = (FRAMES - 1) * encoder.hop_samples + encoder.frame_samples
    waveform, frames = speech(0, samples)[None], torch.ones(1, FRAMES) > 0
    with torch.inference_mode():
        found = encoder(waveform, frames, frames)
        if hasattr(encoder, "log_mel"):  # `test_log_mel_is_that_of_the_feature_extractor`
            model.encoder(encoder.log_mel(waveform, torch.ones(1, 2 * FRAMES) > 0))
        else:
            round_positions(model.encoder.pos_conv_embed.conv)
            model(waveform)
    assert len(found) == len(expected) == 2
    for mine, theirs in zip(found, expected, strict=True):
        theirs = theirs[0] if isinstance(theirs, tuple) else theirs
        assert theirs.std() > 0.1
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_log_mel_is_that_of_the_feature_extractor(folders: dict[str, Path]) -> None:
    """From its second frame on; the loudest frame is not its first."""
    encoder = find_encoder(f"hf:{folders['whisper']}").load(1)
    waveform = speech(0, 16_000)
    waveform[:400] *= 0.1
    found = encoder.log_mel(waveform[None], torch.ones(1, 100) > 0)[0]
    extractor = transformers.WhisperFeatureExtractor(chunk_length=2)
    expected = extractor(waveform.numpy(), sampling_rate=16_000, return_tensors="pt").input_features[0]
    torch.testing.assert_close(found, expected[:, 1:101], atol=1e-4, rtol=1e-4)


def test_padding_and_other_recordings_of_a_batch_change_nothing(features: EncoderFeatures) -> None:
    first, second = speech(1), speech(2)[: SPEECH // 2 - 37]
    batch = torch.nn.utils.rnn.pad_sequence([first, second], batch_first=True)
    batch[1, len(second) :] = 9.0
    found, frames = features(batch, torch.tensor([len(first), len(second)]))
    for row, alone in enumerate((first, second)):
        expected, count = features(alone[None], torch.tensor([len(alone)]))
        assert frames[row] == count[0] == expected.shape[2]
        torch.testing.assert_close(found[row, :, : frames[row]], expected[0], atol=1e-4, rtol=1e-4)


def test_silence_after_speech_changes_no_frame(features: EncoderFeatures) -> None:
    found, expected = (
        features(recording[None], torch.tensor([len(recording)]))[0]
        for silence in (6_000, 640)
        if len(recording := torch.cat([speech(), torch.zeros(silence)]))
    )
    torch.testing.assert_close(found[:, :, : expected.shape[2]], expected, atol=1e-4, rtol=1e-4)
    assert found[:, :, expected.shape[2] :].abs().max() == 0


def test_silence_before_speech_changes_no_frame(folders: dict[str, Path]) -> None:
    """Without an exception for Whisper, whose positions are absolute."""
    features = build_encoder_features(f"hf:{folders['wavlm']}", (1,)).eval()
    found, expected = (
        features(recording[None], torch.tensor([len(recording)]))[0]
        for silence in (6_400, 640)
        if len(recording := torch.cat([torch.zeros(silence), speech()]))
    )
    torch.testing.assert_close(found[:, :, 18:], expected, atol=1e-4, rtol=1e-4)
    assert found[:, :, :18].abs().max() == 0


def test_level_changes_nothing(features: EncoderFeatures) -> None:
    lengths = torch.tensor([SPEECH])
    torch.testing.assert_close(
        features(speech()[None], lengths)[0],
        features(0.01 * speech()[None], lengths)[0],
        atol=1e-3,
        rtol=1e-3,
    )


def test_speech_has_the_level_that_the_encoder_was_trained_on(copied: Path) -> None:
    assert build_encoder_features(f"hf:{copied}", (0,)).level == 1
    (copied / "preprocessor_config.json").write_text('{"do_normalize": false}')
    assert build_encoder_features(f"hf:{copied}", (0,)).level == 0.15


def test_digital_silence_and_the_shortest_window_give_finite_features(features: EncoderFeatures) -> None:
    for waveform in (torch.zeros(1, 2_800), speech()[None, :2_800]):
        assert features(waveform, torch.tensor([2_800]))[0].isfinite().all()


def test_windows_and_steps_have_the_length_of_the_encoder(folders: dict[str, Path]) -> None:
    recipe = Recipe.model_validate({"front": {"encoder": f"hf:{folders['wavlm']}", "layers": (0,)}})
    assert find_system("encoder-sadrn-ctc").max_frames(recipe) == 250  # of 20 ms
    network = build(recipe.model_copy(update={"functionals_l2": 0.1}), "encoder-sadrn-ctc", 4)
    assert (network.step_s, network.first_step_s) == (0.02, 0.0125)
    assert network.functionals is not None
    assert network.functionals.segment_frames == 75


def test_a_window_that_is_longer_than_the_positions_is_refused(folders: dict[str, Path]) -> None:
    recipe = Recipe.model_validate({"front": {"encoder": f"hf:{folders['whisper']}", "layers": (0,)}})
    with pytest.raises(RecipeError, match=r"max_frames 500 makes windows of 250 frames.*at most 100"):
        build_spectrum(recipe, find_system("encoder-sadrn"))


@pytest.mark.parametrize(
    "name", ["hf:", "hf:owner/name", "hf:owner/name@", "hf:no folder", "hf:a/b/c@v1", "hf"]
)
def test_a_name_without_a_revision_or_a_folder_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match=r"hf:owner/name@revision") as refused:
        build_encoder_features(name, (0,))
    assert "\n" not in str(refused.value)


def damage(change: str, folder: Path) -> None:
    config, weights = folder / "config.json", folder / "model.safetensors"
    content = json.loads(config.read_text())
    if change == "no config":
        config.unlink()
    elif change == "no JSON":
        config.write_text("{")
    elif change == "other type":
        config.write_text(json.dumps(content | {"model_type": "bert"}))
    elif change == "odd convolutions":
        config.write_text(json.dumps(content | {"conv_stride": [2, 2]}))
    elif change == "far frames":
        config.write_text(json.dumps(content | {"conv_kernel": [3_000, 3, 3, 3, 3, 2, 2]}))
    elif change == "pickle alone":
        torch.save(load_file(weights), folder / "pytorch_model.bin")
        weights.unlink()
    elif change == "damaged weights":
        weights.write_bytes(weights.read_bytes()[:1_000])
    elif change == "other shapes":
        config.write_text(json.dumps(content | {"intermediate_size": 40}))
    elif change == "missing weights":
        kept = {key: value for key, value in load_file(weights).items() if "layers.0.attention" not in key}
        save_file(kept, weights, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no config", r"config\.json cannot be read"),
        ("no JSON", r"config\.json cannot be read"),
        ("other type", r"'bert'; expected one of wav2vec2, hubert, wavlm, whisper"),
        ("odd convolutions", r"cannot be used"),
        ("far frames", r"frames of 3\d\d\d samples"),
        ("pickle alone", r"no model\.safetensors; expected weights as safetensors"),
        ("damaged weights", r"cannot be read"),
        ("other shapes", r"cannot be read"),
        ("missing weights", r"no weights encoder\.layers\.0\.attention\.k_proj\.bias"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named_in_one_line(change: str, message: str, copied: Path) -> None:
    damage(change, copied)
    with pytest.raises(RecipeError, match=message) as refused:
        build_encoder_features(f"hf:{copied}", (0,))
    assert str(copied) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_weights_above_the_layers_that_are_used_may_be_missing(copied: Path) -> None:
    weights = copied / "model.safetensors"
    kept = {key: value for key, value in load_file(weights).items() if "encoder.layers.1." not in key}
    save_file(kept, weights, metadata={"format": "pt"})
    assert build_encoder_features(f"hf:{copied}", (0,)).bands == WIDTH
    with pytest.raises(RecipeError, match="has layers 0 to 1"):
        build_encoder_features(f"hf:{copied}", (0, 2))


def test_more_parameters_than_an_onnx_file_holds_are_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hugging_face, "MAX_PARAMETERS", 1_000)
    with pytest.raises(RecipeError, match=r"use lower front\.layers"):
        build_encoder_features(f"hf:{copied}", (0,))


def test_a_missing_package_is_named(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r'pip install "emotrace\[transformers\]"'):
        build_encoder_features(f"hf:{copied}", (0,))


def test_the_hub_is_asked_for_the_named_revision_and_no_pickle(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the hub's cache is not asked for again."""
    asked = []

    def download(repository: str, **options: Any) -> str:
        asked.append((repository, options))
        if options.get("local_files_only") and len(asked) == 1:
            raise FileNotFoundError("not in the cache")
        return str(folders["hubert"])

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    name = "hf:owner/tiny@refs/pr/1"
    assert isinstance(find_encoder(name), HuggingFaceFiles)
    assert build_encoder_features(name, (0,)).bands == WIDTH
    assert [(repository, options["revision"]) for repository, options in asked] == [
        ("owner/tiny", "refs/pr/1"),
        ("owner/tiny", "refs/pr/1"),
    ]
    assert {*WEIGHTS} < {*asked[1][1]["allow_patterns"]}
    assert not any("bin" in pattern or pattern == "*" for pattern in asked[1][1]["allow_patterns"])
    find_hugging_face.cache_clear()
    find_encoder(name)
    assert len(asked) == 3
    assert asked[2][1]["local_files_only"]


def test_a_revision_that_the_hub_does_not_provide_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **options: object) -> str:
        raise ConnectionError("no such\nrevision")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(
        RecipeError, match=r"hf:owner/none@v1: the hub does not provide it \(no such revision\)"
    ):
        find_encoder("hf:owner/none@v1")


def test_the_hash_covers_weights_and_config_but_not_the_place(copied: Path, folders: dict[str, Path]) -> None:
    def sha256() -> str:
        find_hugging_face.cache_clear()
        return find_encoder(f"hf:{copied}").sha256

    first = sha256()
    assert first == find_encoder(f"hf:{folders['wav2vec2']}").sha256
    (copied / "preprocessor_config.json").write_text('{"do_normalize": false}')
    second = sha256()
    weights = load_file(copied / "model.safetensors")
    save_file({key: 2 * value for key, value in weights.items()}, copied / "model.safetensors")
    assert len({first, second, sha256()}) == 3


def test_the_notice_has_name_size_and_license(copied: Path) -> None:
    files = find_encoder(f"hf:{copied}")
    assert "it states no license" in files.notice_text
    (copied / "README.md").write_text(
        "---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\nlicense: none\n"
    )
    assert files.description.endswith("(wav2vec2, 2 layers of 32 values, 0 MB); license apache-2.0")
    assert files.sha256 in files.notice_text


def test_weights_in_half_precision_are_read(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    save_file(
        {key: value.half() for key, value in weights.items()},
        copied / "model.safetensors",
        metadata={"format": "pt"},
    )
    encoder = find_encoder(f"hf:{copied}").load(1)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert np.isfinite([parameter.sum().item() for parameter in encoder.parameters()]).all()


def test_random_numbers_of_the_training_do_not_depend_on_reading(copied: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    build_encoder_features(f"hf:{copied}", (0,))
    assert torch.rand(1) == expected

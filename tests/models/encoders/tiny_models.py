"""Tiny random models of each architecture that `transformers` reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from emotrace.models.encoders.hugging_face import quiet

WIDTH, FRAMES = 32, 100
SIZES: dict[str, Any] = {
    "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
    "initializer_range": 0.3,
}  # fmt: skip
WHISPER_SIZES: dict[str, Any] = {
    "d_model": WIDTH, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "vocab_size": 8,
    "max_source_positions": FRAMES, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3,
    "decoder_start_token_id": 4, "init_std": 0.3,
}  # fmt: skip
MODELS: dict[str, Callable[[], Any]] = {
    "wav2vec2": lambda: transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SIZES)),
    "wav2vec2-large": lambda: transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(
            **SIZES, do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True
        )
    ),
    "hubert": lambda: transformers.HubertModel(transformers.HubertConfig(**SIZES)),
    "wavlm": lambda: transformers.WavLMModel(transformers.WavLMConfig(**SIZES)),
    "whisper": lambda: transformers.WhisperModel(transformers.WhisperConfig(**WHISPER_SIZES)),
}


def save_tiny_model(name: str, folder: Path) -> Path:
    """Write the model of that name; half precision holds its weights exactly."""
    torch.manual_seed(0)
    with quiet(transformers):
        MODELS[name]().half().float().save_pretrained(folder)
    return folder

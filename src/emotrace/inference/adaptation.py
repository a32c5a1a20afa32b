"""Adaptation without labels: a model whose standardisation is that of recordings of one source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from emotrace.audio.reading import Audio
from emotrace.decoding.ctc import Floats
from emotrace.errors import EmotraceError, ModelError
from emotrace.inference.model_config import Adaptation, ModelConfig
from emotrace.inference.model_folder import MODEL_FILE, ModelFolder, write_config
from emotrace.inference.onnx_session import OnnxSession
from emotrace.inference.onnx_tensors import read_tensors, replace_tensors
from emotrace.inference.scorers import window_cutter
from emotrace.system.files import list_files, write_bytes, write_text

CARD_FILE = "README.md"
PRIOR_WINDOWS = 10.0  # how many windows the statistics of the training data count for
_LEAST_DEVIATION = 1e-4  # as in training


def check_adaptable(folder: ModelFolder) -> Adaptation:
    """The model's tensors that adaptation replaces.

    Raises:
        ModelError: it has none, because it is not a model with an encoder
    """
    if folder.config.adaptation is None:
        raise ModelError(
            f"{folder.path}: found system {folder.config.system}, which cannot be adapted; expected a model "
            "with a pretrained encoder, such as encoder-sadrn-ctc"
        )
    return folder.config.adaptation


def window_statistics(session: OnnxSession, audio: Audio) -> list[Floats]:
    """The statistics of each window of a recording that is not silent."""
    cutter = window_cutter(session.config)
    windows = (*cutter.push(audio.samples), *cutter.flush())
    return [session.run_statistics(window.samples) for window in windows if len(window.samples)]


def write_adapted_model(
    folder: ModelFolder, recordings: Iterable[list[Floats]], output: str | os.PathLike[str]
) -> ModelConfig:
    """Write a model folder that is adapted to recordings, whose statistics `window_statistics` gave.

    Each window counts as one, and the statistics of the training data count as `PRIOR_WINDOWS` windows, so
    that a few recordings change little.

    Raises:
        ModelError: the model cannot be adapted
        EmotraceError: all recordings are silent, or `output` is not empty
    """
    adaptation, target = check_adaptable(folder), Path(output)
    if any(True for _ in list_files(target)):
        raise EmotraceError(f"{target}: found files in the folder, expected an empty one; choose another")
    kept = [windows for windows in recordings if windows]
    if not kept:
        raise EmotraceError("found silence alone, expected recordings of speech to adapt to")
    rows = np.stack([row for windows in kept for row in windows])
    model = folder.read(MODEL_FILE)
    try:
        old = read_tensors(model, adaptation.tensors)
        model = replace_tensors(model, adapted_tensors(rows, old, adaptation))
    except ValueError as error:
        raise ModelError(f"{folder.path}: {MODEL_FILE}: {error}; export the model again") from None
    update = {
        "name": f"{folder.config.name}-adapted",
        "adaptation": adaptation.model_copy(update={"recordings": len(kept), "windows": len(rows)}),
        "figures": {},
    }
    target.mkdir(parents=True, exist_ok=True)
    write_bytes(target / MODEL_FILE, model)
    for name in folder.config.sha256:
        if name.upper().startswith(("LICENSE", "NOTICE")):
            write_bytes(target / name, folder.read(name))
    card = folder.read(CARD_FILE).decode("utf-8") if CARD_FILE in folder.config.sha256 else ""
    write_text(target / CARD_FILE, adapted_card(card, folder.config.name, len(kept), len(rows)))
    return write_config(target, folder.config.model_copy(update=update))


def adapted_tensors(rows: Floats, old: dict[str, Floats], adaptation: Adaptation) -> dict[str, Floats]:
    """The tensors of `adaptation` for statistics of windows, (window, 2 * feature).

    The features of frames, from which the network computes the timeline, stay as they are; labels were less
    accurate when their mean and deviation were replaced too.
    """
    mean, deviation = blend(rows, old[adaptation.mean], 1 / old[adaptation.scale] - _LEAST_DEVIATION)
    return {adaptation.mean: mean, adaptation.scale: 1 / (deviation + _LEAST_DEVIATION)}


def blend(rows: Floats, mean: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of rows, with `PRIOR_WINDOWS` more rows that have a given mean and deviation.

    >>> mean, deviation = blend(np.full((30, 1), 2.0), np.zeros(1), np.ones(1))
    >>> float(mean[0]), round(float(deviation[0]), 2)
    (1.5, 0.5)
    """
    share = len(rows) / (len(rows) + PRIOR_WINDOWS)
    new_mean = share * rows.mean(0) + (1 - share) * mean
    return new_mean, np.sqrt(share * rows.var(0) + (1 - share) * deviation**2)


def adapted_card(card: str, name: str, recordings: int, windows: int) -> str:
    """The model card of an adapted model: what it is, then the card of the model that it comes from."""
    front, marker, body = "", "", card
    if card.startswith("---\n") and "\n---\n" in card[4:]:
        front, marker, body = card.partition("\n---\n")
    text = (
        f"\n# {name}-adapted\n\nThis is {name}, adapted without labels to {recordings} recordings "
        f"({windows} windows) by `emotrace adapt`. The mean and the deviation of its features are those of "
        "these recordings. No weight was trained. It fits recordings of the same source, and nothing was "
        f"measured after the adaptation. The card of {name} follows.\n\n"
    )
    return f"{front}{marker}{text}{body.lstrip()}"

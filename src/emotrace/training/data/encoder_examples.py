"""Utterances as features of a frozen encoder, computed once for each view and kept in a cache folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from emotrace.audio.activity import measure_blocks
from emotrace.audio.quality import Samples
from emotrace.audio.windowing import SHORTEST_SAMPLES, Window, WindowCutter, samples_in
from emotrace.corpora import Utterance
from emotrace.corpora.utterance_audio import clear_audio_cache, read_utterance
from emotrace.errors import RunError
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.models.encoder_features import LEVEL, SILENCE_DB, EncoderFeatures
from emotrace.models.encoders.files import find_encoder
from emotrace.recipe import Recipe
from emotrace.system.files import atomic_path
from emotrace.training.augmentation import waveform
from emotrace.training.augmentation.waveform import augment_waveform
from emotrace.training.data.examples import Example
from emotrace.training.data.non_speech import SOUNDS_AND_CHORDS, random_sounds
from emotrace.training.seeds import seed_of

BATCH_WINDOWS = 8
CUTTING = "pauses"  # how recordings are cut; another value makes cached features anew
POOL_SOUNDS, POOL_PART = 1_024, 128  # most different sounds, and how many are computed at a time
AUGMENTATION_SEED = 1  # the views are the same in all folds and runs

logger = logging.getLogger(__name__)


class Encoded(NamedTuple):
    """Windows of one recording or sound as features (frame, feature) in half precision, and their durations.

    A duration is the number of samples in audible blocks, with which the runtime weights scores.
    """

    windows: tuple[Tensor, ...]
    durations: tuple[int, ...]


def read_encoder_examples(
    utterances: Sequence[Utterance],
    emotions: Sequence[str],
    features: EncoderFeatures,
    recipe: Recipe,
    max_frames: int,
) -> list[Example]:
    """The windows of each utterance as features, as recorded and in `recipe.augmented_copies` other views.

    Raises:
        AudioError: a file cannot be used; the message names it.
        RunError: the cache cannot be read or written.
    """
    indices = {emotion: index for index, emotion in enumerate(emotions)}
    names = [[u.name, *_identity(u), u.start_s, u.end_s] for u in utterances]
    views = []
    for view in range(1 + recipe.augmented_copies * recipe.acoustic_augmentation):

        def recordings(view: int = view) -> Iterator[Samples]:
            for number, utterance in enumerate(utterances):
                samples = read_utterance(utterance).samples
                if view:
                    random = np.random.default_rng(seed_of(AUGMENTATION_SEED, view, utterance.name))
                    samples = augment_waveform(samples, random)
                if number and number % 500 == 0:
                    logger.info("encoded %d of %d utterances, view %d", number, len(utterances), view)
                yield samples
            clear_audio_cache()

        settings = constants() if view else {}
        views.append(cached_features(recordings, features, recipe, max_frames, [names, view, settings]))
    return [
        Example(
            utterance.name,
            utterance.speaker,
            indices[utterance.emotion],
            tuple(view[number].windows for view in views),
            views[0][number].durations,
            corpus=utterance.corpus or "",
        )
        for number, utterance in enumerate(utterances)
    ]


def non_speech_features(
    count: int, features: EncoderFeatures, recipe: Recipe, max_frames: int, purpose: str
) -> list[Example]:
    """`count` synthetic sounds without speech as features, each with one view.

    They are taken in order from a pool that all folds and runs share, and start anew at its end.

    Args:
        purpose: what the sounds are for; another purpose has another pool
    """
    longest = samples_in(max_frames, features.frame_samples, features.hop_samples)
    names = list(SOUNDS_AND_CHORDS)
    pool: list[Encoded] = []
    for part in range(-(-min(count, POOL_SOUNDS) // POOL_PART)):
        seed = seed_of(AUGMENTATION_SEED, purpose, part)

        def recordings(seed: int = seed) -> Iterator[Samples]:
            sounds = random_sounds(POOL_PART, longest, np.random.default_rng(seed), names)
            return (samples.numpy() for _, samples in sounds)

        pool += cached_features(recordings, features, recipe, max_frames, ["sounds", names, POOL_PART, seed])
    return [
        Example("sound", "", 0, (sound.windows,), sound.durations, ((None, 1.0),))
        for sound in islice(cycle(pool), count)
    ]


def cached_features(
    recordings: Callable[[], Iterator[Samples]],
    features: EncoderFeatures,
    recipe: Recipe,
    max_frames: int,
    key: Any,
) -> list[Encoded]:
    """The windows of each recording as features, from the cache or computed and written there.

    Args:
        key: identifies the recordings, as a JSON value

    Raises:
        RunError: the cache cannot be read or written.
    """
    encoder = find_encoder(recipe.front.encoder).sha256
    settings = [CUTTING, encoder, recipe.front.layers, SILENCE_DB, LEVEL, max_frames, key]
    digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:32]
    file = cache_folder() / f"{digest}.safetensors"
    if not file.exists():
        found = list(encode(recordings(), features, max_frames))
        tensors = {
            "windows": torch.tensor([len(recording.windows) for recording in found]),
            "durations": torch.tensor([n for recording in found for n in recording.durations]),
            "frames": torch.tensor([len(window) for recording in found for window in recording.windows]),
            "features": torch.cat([window for recording in found for window in recording.windows]),
        }
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as unfinished:
                save_file(tensors, unfinished)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"{file} cannot be written ({error}); free disk space, or set EMOTRACE_CACHE"
            ) from None
    try:
        with safe_open(file, framework="pt") as stored:
            windows = stored.get_tensor("features").split(stored.get_tensor("frames").tolist())
            counts = stored.get_tensor("windows").tolist()
            durations = iter(stored.get_tensor("durations").tolist())
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunError(f"{file} is damaged ({error}); delete it, and run the same command again") from None
    remaining = iter(windows)
    return [
        Encoded(
            tuple(next(remaining) for _ in range(count)),
            tuple(next(durations) for _ in range(count)),
        )
        for count in counts
    ]


def encode(recordings: Iterator[Samples], features: EncoderFeatures, max_frames: int) -> Iterator[Encoded]:
    """The windows of each recording as features (frame, feature) in half precision.

    Windows are encoded in batches; masks keep those of a batch apart.
    """
    pending: list[list[Window]] = []
    for samples in recordings:
        pending.append(cut(samples, features, max_frames))
        if sum(map(len, pending)) >= BATCH_WINDOWS:
            yield from _encode_batch(pending, features)
            pending = []
    if pending:
        yield from _encode_batch(pending, features)


def cut(samples: Samples, features: EncoderFeatures, max_frames: int) -> list[Window]:
    """The windows in which the runtime recognises a recording: pauses divide it, and silence has none.

    A recording that is silent has one window, its beginning.
    """
    cutter = WindowCutter(
        max_frames,
        max_frames // 2,
        features.frame_samples,
        features.hop_samples,
        block_samples=features.hop_samples,
        minimum_samples=SHORTEST_SAMPLES,
    )
    windows = [window for window in (*cutter.push(samples), *cutter.flush()) if len(window.samples)]
    if windows:
        return windows
    longest = samples_in(max_frames, features.frame_samples, features.hop_samples)
    beginning = samples[:longest]
    padded = np.pad(beginning, (0, max(0, SHORTEST_SAMPLES - len(beginning))))
    blocks = measure_blocks(padded, features.hop_samples)
    return [Window(0, padded, blocks, blocks.level_db, len(samples))]


def _encode_batch(pending: Sequence[Sequence[Window]], features: EncoderFeatures) -> Iterator[Encoded]:
    waveforms = [torch.from_numpy(window.samples) for windows in pending for window in windows]
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    with torch.inference_mode():
        found, frames = features(torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True), lengths)
        rows = iter(zip(found.transpose(1, 2).half(), frames.tolist(), strict=True))
        for windows in pending:
            encoded = tuple(row[:count].clone() for row, count in (next(rows) for _ in windows))
            yield Encoded(encoded, tuple(window.duration for window in windows))


def first_view(examples: Sequence[Example]) -> list[Example]:
    """The examples as recorded alone."""
    return [replace(example, views=example.views[:1]) for example in examples]


def cache_folder() -> Path:
    """Where features are kept: `EMOTRACE_CACHE`, or a folder of the user's cache; it can be deleted."""
    base = os.environ.get("EMOTRACE_CACHE")
    if base:
        return Path(base) / "encoder-features"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emotrace" / "encoder-features"


def constants() -> dict[str, Any]:
    """The constants of the augmentation of waveforms."""
    return {name: value for name, value in vars(waveform).items() if name.isupper()} | {
        "rate": SAMPLE_RATE_HZ
    }


def _identity(utterance: Utterance) -> tuple[Any, ...]:
    """What tells whether the audio of an utterance has changed."""
    if isinstance(utterance.audio, tuple):
        samples, rate = utterance.audio
        return hashlib.sha256(samples.tobytes()).hexdigest(), rate
    status = Path(utterance.audio).stat()
    return str(Path(utterance.audio).resolve()), status.st_size, status.st_mtime_ns

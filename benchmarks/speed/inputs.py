"""The inputs: synthetic speech, EmoDB and RAVDESS if available, and models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from emotrace.corpora.loaders.synthetic import utterances
from emotrace.inference.pretrained import PRETRAINED

RATE_HZ = 16_000
NO_EMODB = "found no EmoDB; point EMOTRACE_DATA at the folder that has emodb/"
NO_RAVDESS = "found no RAVDESS; point EMOTRACE_DATA at the folder that has ravdess/"
WINDOW_SAMPLES = 80_240  # 500 frames
LAYOUTS = ("branch-pool", "inception")
DEFAULT, INT8 = "default", "default-int8"
SPECTROGRAM_MODEL = "emotrace-emodb-1"  # whose speed is compared with that of peers


@dataclass(frozen=True)
class Inputs:
    """Files in a temporary folder, and two corpora that may be missing.

    Attributes:
        clip: 5 s of speech, one window; `samples` is the same as .npy
        short: 2 s of speech
        long: ten minutes of speech
        files: the folder of EmoDB's recordings
        more_files: the folder of RAVDESS
    """

    folder: Path
    clip: Path
    samples: Path
    short: Path
    long: Path
    files: Path | None
    more_files: Path | None
    emodb: Path | None

    def model(self, network: str) -> Path:
        """The folder of a model: one of the package for the default, otherwise the exported one."""
        if network == DEFAULT:
            return PRETRAINED / SPECTROGRAM_MODEL
        return self.folder / network / "model"


def write_inputs(folder: Path, quick: bool) -> Inputs:
    """Write the inputs to a folder, fewer and shorter ones if `quick`."""
    root, ravdess = corpus("emodb", "wav"), corpus("ravdess", "Actor_01")
    files = None if root is None else root / "wav"
    if quick:
        files, ravdess = link_some(files, folder / "few"), link_some(ravdess, folder / "few-more")
    samples = folder / "clip.npy"
    np.save(samples, speech(WINDOW_SAMPLES))
    return Inputs(
        folder=folder,
        clip=write_speech_file(folder / "clip.wav", WINDOW_SAMPLES),
        samples=samples,
        short=write_speech_file(folder / "short.wav", 2 * RATE_HZ),
        long=write_speech_file(folder / "long.wav", (20 if quick else 600) * RATE_HZ),
        files=files,
        more_files=ravdess,
        emodb=root,
    )


def corpus(name: str, inside: str) -> Path | None:
    """The root of a corpus in $EMOTRACE_DATA that has the folder `inside`; None if there is none."""
    if "EMOTRACE_DATA" not in os.environ:
        return None
    root = Path(os.environ["EMOTRACE_DATA"], name).resolve()
    return root if (root / inside).is_dir() else None


def link_some(source: Path | None, folder: Path) -> Path | None:
    """A folder with links to eight recordings of another folder."""
    if source is None:
        return None
    folder.mkdir()
    recordings = (file for file in sorted(source.rglob("*")) if file.suffix in (".wav", ".flac"))
    for file in list(recordings)[:8]:
        (folder / file.name).symlink_to(file)
    return folder


def speech(samples: int) -> npt.NDArray[np.float32]:
    """Synthetic utterances, repeated to a number of samples."""
    pieces = [utterance.audio[0] for utterance in utterances(speakers=2, each=2)]
    return np.resize(np.concatenate(pieces), samples)


def write_speech_file(path: Path, samples: int) -> Path:
    """Write a WAV file of synthetic speech."""
    soundfile.write(path, speech(samples), RATE_HZ, subtype="PCM_16")
    return path

"""What is measured: speech made in code, EmoDB where it lies, and models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from speed.environment import ROOT

from emotrace.corpora.loaders.synthetic import utterances
from emotrace.errors import ModelError
from emotrace.inference.pretrained import pretrained_model

RATE_HZ = 16_000
NO_EMODB = "found no EmoDB; point EMOTRACE_DATA at the folder that has emodb/"
NO_RAVDESS = "found no RAVDESS; point EMOTRACE_DATA at the folder that has ravdess/"
WINDOW_SAMPLES = 80_240  # 500 frames
LAYOUTS = ("branch-pool", "inception")
DEFAULT, INT8 = "default", "default-int8"


@dataclass(frozen=True)
class Inputs:
    """Files in a temporary folder, and two corpora, which may be missing.

    Attributes:
        clip: 5 s of speech, one window; `samples` is the same as .npy
        short: 2 s of speech
        long: ten minutes of speech
        files: a folder of EmoDB's files, if it lies here
        more_files: a folder of RAVDESS's, if it lies here
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
        """Folder of a model: the one that ships for the default, if one does, else what was exported."""
        if network == DEFAULT:
            try:
                return pretrained_model()
            except ModelError:
                pass
        return self.folder / network / "model"


def make_inputs(folder: Path, quick: bool) -> Inputs:
    """Write them to a folder, less of what is much if `quick`; models come later."""
    root, ravdess = corpus("emodb", "wav"), corpus("ravdess", "Actor_01")
    files = None if root is None else root / "wav"
    if quick:
        files, ravdess = few(files, folder / "few"), few(ravdess, folder / "few-more")
    samples = folder / "clip.npy"
    np.save(samples, speech(WINDOW_SAMPLES))
    return Inputs(
        folder=folder,
        clip=written(folder / "clip.wav", WINDOW_SAMPLES),
        samples=samples,
        short=written(folder / "short.wav", 2 * RATE_HZ),
        long=written(folder / "long.wav", (20 if quick else 600) * RATE_HZ),
        files=files,
        more_files=ravdess,
        emodb=root,
    )


def corpus(name: str, inside: str) -> Path | None:
    """The root of a corpus, which has that folder: in $EMOTRACE_DATA, or beside the project."""
    root = Path(os.environ.get("EMOTRACE_DATA", ROOT.parent / "shared" / "data"), name).resolve()
    return root if (root / inside).is_dir() else None


def few(source: Path | None, folder: Path) -> Path | None:
    """A folder of eight links to recordings anywhere in another, if there is one."""
    if source is None:
        return None
    folder.mkdir()
    recordings = (file for file in sorted(source.rglob("*")) if file.suffix in (".wav", ".flac"))
    for file in list(recordings)[:8]:
        (folder / file.name).symlink_to(file)
    return folder


def speech(samples: int) -> npt.NDArray[np.float32]:
    """So many samples of made utterances, over and over."""
    pieces = [made.audio[0] for made in utterances(speakers=2, each=2)]
    return np.resize(np.concatenate(pieces), samples)


def written(path: Path, samples: int) -> Path:
    """A WAV file of so many samples of speech."""
    soundfile.write(path, speech(samples), RATE_HZ, subtype="PCM_16")
    return path

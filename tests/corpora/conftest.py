"""Tiny corpora with the layout and the file names of the real ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import replicas

from emotrace.corpora import CORPORA

Tree = Callable[[Path], Path]


def write_sound(path: Path, seconds: float = 0.3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(16000 * seconds)), 16000)
    return path


def emodb(root: Path) -> Path:
    for speaker in ("03", "08", "09", "10", "16"):
        for code in "WLEAFTN":
            write_sound(root / "wav" / f"{speaker}a01{code}a.wav")
    return root


def ravdess(root: Path) -> Path:
    for actor in range(1, 8):
        for emotion in range(1, 9):
            name = f"03-01-{emotion:02}-01-02-01-{actor:02}.{'wav' if actor % 2 else 'flac'}"
            write_sound(root / f"Actor_{actor:02}" / name)
    return root


def manifest(root: Path) -> Path:
    rows = ["file,emotion,speaker,session,start,end"]
    for speaker in "abcde":
        write_sound(root / "sounds" / f"{speaker}.wav", seconds=1.0)
        rows += [
            f"sounds/{speaker}.wav,anger,{speaker},morning,0,0.5",
            f"sounds/{speaker}.wav,calm,{speaker},evening,0.5,",
        ]
    (root / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


def crema_d(root: Path) -> Path:
    return replicas.crema_d(root, actors=7, sentences=2)


def nemo(root: Path) -> Path:
    for speaker in ("EB0", "IC0", "KS0", "WR0"):
        for emotion in ("anger", "fear", "happiness", "neutral", "sadness", "surprised"):
            write_sound(root / "samples" / f"{speaker}_{emotion}_7.ogg")
    return root


def emovo(root: Path) -> Path:
    for speaker in ("f1", "f2", "m1", "m3"):
        for code in ("dis", "gio", "neu", "pau", "rab", "sor", "tri"):
            write_sound(root / speaker / f"{code}-{speaker}-b1.wav")
    return root


def tess(root: Path) -> Path:
    for speaker in ("OAF", "YAF"):
        for code in ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad"):
            write_sound(root / f"{speaker}_{code}" / f"{speaker}_back_{code}.wav")
    return root


def savee(root: Path) -> Path:
    for speaker in ("DC", "JE", "JK", "KL"):
        for code in ("a", "d", "f", "h", "n", "sa", "su"):
            write_sound(root / speaker / f"{code}01.wav")
    return root


def emotion_folders(root: Path) -> Path:
    for emotion in ("anger", "calm"):
        for speaker in "abcde":
            write_sound(root / emotion / speaker / "1.wav")
    return root


def collection(root: Path) -> Path:
    emodb(root / "berlin")
    emovo(root / "emovo")
    (root / "collection.toml").write_text(
        """
        [corpora.emodb]
        root = "berlin"
        [corpora.emovo]
        root = "emovo"
        map = {surprise = "fear"}
        weight = 2
        """
    )
    return root


def iemocap(root: Path) -> Path:
    return replicas.iemocap(root, replicas.iemocap_few())


def fau_aibo(root: Path) -> Path:
    return replicas.fau_aibo(root, replicas.fau_aibo_few(), {"Ohm": list(range(1, 8)), "Mont": [1, 2, 3]})


AUDFORMAT_HEADER = """\
name: little
description: "Five speakers, two emotions."
source: a test
usage: unrestricted
languages: [deu]
schemes:
  emotion: {dtype: str, labels: [anger, calm]}
  speaker:
    dtype: str
    labels: {a: {gender: female}, b: {gender: male}, c: {}, d: {}, e: {}}
  confidence: {dtype: float}
tables:
  labels:
    type: segmented
    columns:
      emotion: {scheme_id: emotion}
      sure: {scheme_id: confidence}
  files:
    type: filewise
    columns:
      speaker: {scheme_id: speaker}
"""


def audformat(root: Path) -> Path:
    labels, files = ["file,start,end,emotion,sure"], ["file,speaker"]
    for speaker in "abcde":
        write_sound(root / "audio" / f"{speaker}.wav", seconds=1.0)
        files.append(f"audio/{speaker}.wav,{speaker}")
        labels += [
            f"audio/{speaker}.wav,0 days 00:00:00,0 days 00:00:00.500000,anger,0.9",
            f"audio/{speaker}.wav,0 days 00:00:00.500000,,calm,0.8",
        ]
    (root / "db.yaml").write_text(AUDFORMAT_HEADER, encoding="utf-8")
    (root / "db.labels.csv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (root / "db.files.csv").write_text("\n".join(files) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def trees() -> dict[str, Tree]:
    """A function for each corpus that writes a tiny version of it to a folder."""
    return {
        "emodb": emodb,
        "ravdess": ravdess,
        "crema-d": crema_d,
        "nemo": nemo,
        "emovo": emovo,
        "tess": tess,
        "savee": savee,
        "folders": emotion_folders,
        "collection": collection,
        **{name: iemocap for name in CORPORA if name.startswith("iemocap")},
        "fau-aibo": fau_aibo,
        "manifest": manifest,
        "audformat": audformat,
        "synthetic": None,  # it has no files
    }


@pytest.fixture(scope="session")
def sound() -> Callable[..., Path]:
    """A function that writes a short silent file."""
    return write_sound

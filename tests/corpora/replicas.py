"""Replicas of corpora that cannot be redistributed: layout, names and label files as in the release.

The counts are those of the published tables. The audio is a short tone whose pitch depends on the emotion, so
that models trained on a replica can learn. Files of one emotion are hard links to the same bytes: unlink a
file before changing it.
"""

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

Counts = Mapping[str, Mapping[str, int]]

# Zhao et al. (2021), Table 1; its totals include the improvised `exc`, which has no cell.
TABLE_1 = {
    "1": {"neu": 223, "hap": 33, "sad": 104, "ang": 62, "exc": 99},
    "2": {"neu": 217, "hap": 54, "sad": 100, "ang": 22, "exc": 137},
    "3": {"neu": 198, "hap": 60, "sad": 190, "ang": 90, "exc": 89},
    "4": {"neu": 174, "hap": 31, "sad": 81, "ang": 84, "exc": 164},
    "5": {"neu": 287, "hap": 106, "sad": 133, "ang": 31, "exc": 174},
}
# All 10039 utterances of IEMOCAP. How the other labels fall to sessions and parts is invented.
IEMOCAP_RELEASE = {
    "neu": 1708, "hap": 595, "sad": 1084, "ang": 1103, "exc": 1041, "fru": 1849, "fea": 40, "sur": 107,
    "dis": 2, "oth": 3, "xxx": 2507,
}  # fmt: skip

# Zhao et al. (2021), Table 2.
TABLE_2 = {
    "Ohm": {"A": 881, "E": 2093, "N": 5590, "P": 674, "R": 721},
    "Mont": {"A": 611, "E": 1508, "N": 5377, "P": 215, "R": 546},
}
CHILDREN = {
    "Ohm": [number for number in range(1, 33) if number % 5],  # 26, whose numbers have gaps
    "Mont": list(range(1, 26)),
}

CREMA_D_SENTENCES = ("IEO", "DFA", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI", "IOM")
CREMA_D_EMOTIONS = ("NEU", "ANG", "DIS", "FEA", "HAP", "SAD")


class Tones:
    """Writes tones: the first tone of a label as a file, the others as links to it."""

    def __init__(self, seconds: float = 0.25) -> None:
        self.seconds = seconds
        self.first: dict[str, Path] = {}
        self.folders: set[Path] = set()

    def write(self, path: Path, label: str) -> None:
        if path.parent not in self.folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.folders.add(path.parent)
        if label in self.first:
            try:
                os.link(self.first[label], path)
            except OSError:  # a file system without links
                shutil.copyfile(self.first[label], path)
            return
        pitch_hz = 150 * 1.3 ** len(self.first)
        time_s = np.arange(round(16000 * self.seconds)) / 16000
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch_hz * time_s), 16000, subtype="ULAW")
        self.first[label] = path


def divide(total: int, n: int) -> list[int]:
    return [total // n + (i < total % n) for i in range(n)]


def iemocap_counts() -> tuple[Counts, Counts]:
    """Improvised and scripted utterances of the whole release, by session and label."""
    improvised = {session: dict(counts) for session, counts in TABLE_1.items()}
    scripted: dict[str, dict[str, int]] = {session: {} for session in TABLE_1}
    for code, total in IEMOCAP_RELEASE.items():
        if code in TABLE_1["1"]:
            left = divide(total - sum(counts[code] for counts in TABLE_1.values()), 5)
        else:
            halves = divide(total, 10)
            left = halves[5:]
            for counts, n in zip(improvised.values(), halves[:5], strict=True):
                counts[code] = n
        for counts, n in zip(scripted.values(), left, strict=True):
            counts[code] = n
    return improvised, scripted


def iemocap_few(each: int = 2) -> tuple[Counts, Counts]:
    """`each` utterances of every session, part and label: half by the woman, half by the man."""
    counts = {session: dict.fromkeys(IEMOCAP_RELEASE, each) for session in TABLE_1}
    return counts, counts


def iemocap(root: Path, counts: tuple[Counts, Counts] | None = None, seconds: float = 0.25) -> Path:
    """IEMOCAP_full_release, complete by default."""
    tones = Tones(seconds)
    dialogues: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for part, by_session in zip(("impro", "script"), counts or iemocap_counts(), strict=True):
        for session, by_code in by_session.items():
            names = _dialogues(session, part)
            turns: Counter[tuple[str, str]] = Counter()
            codes = [code for code, n in by_code.items() for _ in range(n)]
            for i, code in enumerate(codes):
                dialogue, sex = names[i // 2 % len(names)], "FM"[i % 2]
                turn = f"{dialogue}_{sex}{turns[dialogue, sex]:03}"
                turns[dialogue, sex] += 1
                tones.write(root / f"Session{session}/sentences/wav/{dialogue}/{turn}.wav", code)
                dialogues.setdefault((session, dialogue), []).append((turn, code))
    for (session, dialogue), labelled in dialogues.items():
        _annotate(root / f"Session{session}" / "dialog" / "EmoEvaluation", dialogue, labelled)
    return root


def _dialogues(session: str, part: str) -> list[str]:
    prefixes = (
        f"Ses0{session}F",
        f"Ses0{session}M",
    )  # the actor with the markers, not the speaker
    if part == "impro":
        return [f"{prefix}_impro0{n}" for n in range(1, 8) for prefix in prefixes]
    scripts = ("script01_1", "script01_2", "script01_3", "script02_1", "script02_2", "script03_1")
    names = [f"{prefix}_{script}" for script in scripts for prefix in prefixes]
    return [*names, "Ses05M_script01_1b"] if session == "5" else names


def _annotate(folder: Path, dialogue: str, labelled: list[tuple[str, str]]) -> None:
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for i, (turn, code) in enumerate(labelled):
        lines += [
            f"[{i * 3 + 0.2901:.4f} - {i * 3 + 2.2357:.4f}]\t{turn}\t{code}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral;\t()",
            "C-E3:\tFrustration; Sadness;\t(na\xefve)",
            "C-F1:\tNeutral;\t()",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            "A-F1:\tval 2; act 3; dom  ;\t()",
            "",
        ]
    end = "\r\n" if dialogue.endswith(("1", "b")) else "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{dialogue}.txt").write_bytes(end.join(lines).encode("latin-1"))
    (folder / f"._{dialogue}.txt").write_bytes(b"\x00\x05\x16\x07[0.0 - 1.0]\tnot a label")
    (folder / "Categorical").mkdir(exist_ok=True)
    (folder / "Categorical" / f"{dialogue}_e2_cat.txt").write_text(f"{dialogue}_F000 :Neutral state; ()\n")


def fau_aibo_few(each: int = 7) -> Counts:
    """`each` chunks of every school and class."""
    return {school: dict.fromkeys(counts, each) for school, counts in TABLE_2.items()}


def fau_aibo(
    root: Path, counts: Counts = TABLE_2, children: Mapping[str, list[int]] = CHILDREN, seconds: float = 0.25
) -> Path:
    """The FAU Aibo Emotion Corpus with the labels of the Interspeech 2009 Emotion Challenge."""
    tones = Tones(seconds)
    lines = []
    for school, by_code in counts.items():
        codes = [code for code, n in by_code.items() for _ in range(n)]
        for i, code in enumerate(codes):
            number, child = divmod(i, len(children[school]))
            chunk = f"{school}_{children[school][child]:02}_{number // 3 + 1:03}_{number % 3:02}"
            tones.write(root / "wav" / f"{chunk}.wav", code)
            lines.append(f"{chunk} {code} 0.{33 + i % 67}")
    labels = root / "labels" / "IS2009EmotionChallenge"
    labels.mkdir(parents=True)
    (labels / "chunk_labels_5cl_corpus.txt").write_text("\n".join(sorted(lines)) + "\n")
    return root


def crema_d(root: Path, actors: int = 91, sentences: int = 12, seconds: float = 0.25) -> Path:
    """CREMA-D; of 91 actors, 20 utterances are missing, as in the release."""
    tones = Tones(seconds)
    missing = {"NEU": 5} | dict.fromkeys(CREMA_D_EMOTIONS[1:], 3) if actors == 91 else {}
    left_out: Counter[str] = Counter()
    readings = itertools.product(CREMA_D_SENTENCES[:sentences], CREMA_D_EMOTIONS, range(1001, 1001 + actors))
    for sentence, code, actor in readings:
        levels = ("LO", "MD", "HI") if sentence == "IEO" and code != "NEU" else ("XX",)
        for level in levels:
            if left_out[code] < missing.get(code, 0):
                left_out[code] += 1
            else:
                short = (actor, sentence, code) == (1040, "ITH", "SAD")
                name = f"{actor}_{sentence}_{code}_{'X' if short else level}.wav"
                tones.write(root / "AudioWAV" / name, code)
    return root

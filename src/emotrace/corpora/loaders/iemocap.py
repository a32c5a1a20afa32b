"""IEMOCAP: ten actors in five sessions; pairs improvise and act from scripts in English."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts, protocol_name
from emotrace.corpora.splits import Fold, list_speakers
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

NAME = "iemocap"
SESSIONS = ("1", "2", "3", "4", "5")
SEXES = {"F": "female", "M": "male"}
PARTS = {"improvised": "impro", "scripted": "script"}
LABELS = "dialog/EmoEvaluation"
EXAMPLE = "Ses01F_impro01.txt"
EXAMPLE_LINE = "[6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5000, 2.5000, 2.5000]"

# The majority of the annotators; xxx stands for no agreement, oth for another emotion.
EMOTIONS = {
    "ang": "anger",
    "hap": "happiness",
    "sad": "sadness",
    "neu": "neutral",
    "exc": "excitement",
    "fru": "frustration",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
}
UNLABELLED = ("xxx", "oth")

# Sets of emotions that are common in the literature.
FOUR = {code: EMOTIONS[code] for code in ("ang", "hap", "sad", "neu")}
FOUR_MERGED = {**FOUR, "exc": "happiness"}
SIX = {**FOUR, "exc": "excitement", "fru": "frustration"}

# Improvised utterances by session, from the cells of Table 1 in Zhao et al. (2021). The totals of its rows
# exceed the sums of their cells: they include excitement, so the excess is `exc`.
IMPROVISED = {
    "1": {"neu": 223, "hap": 33, "sad": 104, "ang": 62, "exc": 99},
    "2": {"neu": 217, "hap": 54, "sad": 100, "ang": 22, "exc": 137},
    "3": {"neu": 198, "hap": 60, "sad": 190, "ang": 90, "exc": 89},
    "4": {"neu": 174, "hap": 31, "sad": 81, "ang": 84, "exc": 164},
    "5": {"neu": 287, "hap": 106, "sad": 133, "ang": 31, "exc": 174},
}

# All utterances of the release.
RELEASE = {
    "neu": 1708,
    "hap": 595,
    "exc": 1041,
    "sad": 1084,
    "ang": 1103,
    "fru": 1849,
    "fea": 40,
    "sur": 107,
    "dis": 2,
}

DIALOGUE = re.compile(r"(?P<dialogue>Ses0(?P<session>[1-5])[FM]_(?P<part>impro|script)\w*)")
TURN = re.compile(DIALOGUE.pattern + r"_(?P<sex>[FM])\w*")
LINE = re.compile(r"\[[\d.]+ - [\d.]+\]\s+(?P<turn>\S+)\s+(?P<code>[a-z]+)\s+\[.*\]")


def turn_speaker(turn: str) -> str:
    """The speaker of a turn: its session, and the letter before its number (not the letter of the dialogue).

    Raises:
        CorpusError: `turn` is not the name of a turn

    >>> turn_speaker("Ses01F_impro01_M003"), turn_speaker("Ses05M_script01_1b_F012")
    ('Ses01M', 'Ses05F')
    """
    match = TURN.fullmatch(turn)
    if match is None:
        raise CorpusError(f"{turn} is not the name of a turn; expected one such as Ses01F_impro01_M003")
    return f"Ses0{match['session']}{match['sex']}"


def parse(line: str) -> tuple[str, str] | None:
    """Turn and emotion code from a line of an annotation file; None if it is not like `EXAMPLE_LINE`.

    >>> parse("[6.2901 - 8.2357]\\tSes01F_impro01_F000\\tneu\\t[2.5000, 2.5000, 2.5000]")
    ('Ses01F_impro01_F000', 'neu')
    >>> parse("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]")
    """
    match = LINE.fullmatch(line.strip())
    if match is None or not TURN.fullmatch(match["turn"]):
        return None
    return match["turn"], match["code"]


def read(
    root: Path,
    *,
    parts: Sequence[str] = ("improvised",),
    emotions: Mapping[str, str] = FOUR,
    allow_missing: bool = False,
) -> list[Utterance]:
    """Read the utterances of the release, ordered by name.

    Args:
        root: the folder IEMOCAP_full_release
        parts: `improvised`, `scripted` or both
        emotions: the codes to read and the nouns for them; codes with one noun are merged
        allow_missing: leave out labelled audio files that do not exist

    Raises:
        CorpusError: a part or code is unknown, labelled audio does not exist, a turn is labelled twice, or a
            session or one of its two speakers is missing (the protocol tests on each of them)
    """
    for known, wanted in ((PARTS, parts), (EMOTIONS, emotions)):
        if surplus := [name for name in wanted if name not in known]:
            raise CorpusError(f"IEMOCAP has no {', '.join(surplus)}; expected some of {', '.join(known)}")
    absent = [f"Session{session}" for session in SESSIONS if not _labels_folder(root, session).is_dir()]
    if absent:
        raise CorpusError(
            f"{root} lacks {', '.join(f'{folder}/{LABELS}' for folder in absent)}; the protocol "
            "tests on each of the five sessions: unpack the whole release"
        )
    part_codes = {PARTS[part] for part in parts}
    found: dict[str, Utterance] = {}
    missing: list[str] = []
    unknown: list[str] = []
    for session, line, turn, code in _labelled_turns(root, unknown):
        match = TURN.fullmatch(turn)
        if match is None or match["session"] != session or code not in {*EMOTIONS, *UNLABELLED}:
            unknown.append(line)
            continue
        if match["part"] not in part_codes or code not in emotions:
            continue
        name = f"Session{session}/sentences/wav/{match['dialogue']}/{turn}.wav"
        if name in found:
            raise CorpusError(f"{line} under {root} labels {turn} a second time; remove one of the lines")
        sex = SEXES[match["sex"]]
        audio = listing.find_audio(root / name)
        found[name] = Utterance(name, audio, emotions[code], code, turn_speaker(turn), session, sex)
        if not audio.is_file():
            missing.append(name)
    listing.warn_about_unknown_lines(NAME, unknown, EXAMPLE_LINE)
    listing.handle_missing_files(
        root / "Session*" / LABELS, missing, allow=allow_missing, hint="unpack all audio", corpus=NAME
    )
    utterances = [found[name] for name in sorted(found.keys() - missing)]
    _require_all_speakers(root, utterances)
    return utterances


def _labels_folder(root: Path, session: str) -> Path:
    return root / f"Session{session}" / LABELS


def _labelled_turns(root: Path, unknown: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Session, line, turn and code of each labelled turn; other lines with a [ are added to `unknown`.

    Comments begin with % or a capital letter, lines of turns with [.
    """
    unknown_files: list[str] = []
    for session in SESSIONS:
        for path in listing.files(_labels_folder(root, session)):
            name = path.relative_to(root).as_posix()
            dialogue = DIALOGUE.fullmatch(path.stem)
            if path.suffix.lower() != ".txt" or dialogue is None or dialogue["session"] != session:
                unknown_files.append(name)
                continue
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            for number, line in enumerate(lines, start=1):
                if not line.startswith("["):
                    continue
                parsed = parse(line)
                if parsed is None:
                    unknown.append(f"{name}, line {number}")
                else:
                    yield session, f"{name}, line {number}", *parsed
    listing.warn_about_unknown_files(NAME, unknown_files, EXAMPLE)


def _require_all_speakers(root: Path, utterances: Sequence[Utterance]) -> None:
    found = list_speakers(utterances)
    absent = [speaker for speaker in (f"Ses0{s}{x}" for s in SESSIONS for x in SEXES) if speaker not in found]
    if absent:
        raise CorpusError(
            f"{root} has no utterance of {', '.join(absent)}; the protocol tests and validates on both "
            "speakers of each session: check that all sessions are complete"
        )


def _recognise(root: Path) -> bool:
    return any(_labels_folder(root, session).is_dir() for session in SESSIONS)


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    """Two folds per session: each of its speakers tests once, and the other one validates."""
    speakers = list_speakers(utterances)
    folds = []
    for session in SESSIONS:
        held_out = {sex: f"Ses0{session}{sex}" for sex in SEXES}
        train = tuple(speaker for speaker in speakers if speaker not in held_out.values())
        for test, validation in (("F", "M"), ("M", "F")):
            folds.append(Fold(f"{session}{test}", train, (held_out[validation],), (held_out[test],)))
    return folds


def _protocol(utterances: Sequence[Utterance]) -> str:
    """A name such as `iemocap-impro-4-noexc-loso5`: excitement is noexc, exc (merged) or ownexc (apart)."""
    parts = sorted({match["part"] for u in utterances if (match := TURN.fullmatch(Path(u.name).stem))})
    excitement = {utterance.emotion for utterance in utterances if utterance.code == "exc"}
    scheme = "noexc" if not excitement else "ownexc" if excitement == {EMOTIONS["exc"]} else "exc"
    return protocol_name(f"{NAME}-{parts[0] if len(parts) == 1 else 'all'}", utterances, f"{scheme}-loso5")


def _published(parts: Sequence[str], emotions: Mapping[str, str]) -> PublishedCounts | None:
    if tuple(parts) == ("improvised",) and set(emotions) <= set(IMPROVISED["1"]):
        by_session = {session: _count_emotions(counts, emotions) for session, counts in IMPROVISED.items()}
        return PublishedCounts.from_sessions(by_session, speakers=10)
    return (
        PublishedCounts(_count_emotions(RELEASE, emotions), speakers=10) if set(parts) == set(PARTS) else None
    )


def _count_emotions(counts: Mapping[str, int], emotions: Mapping[str, str]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for code, emotion in emotions.items():
        counted[emotion] += counts[code]
    return dict(counted)


def _variant(name: str, title: str, parts: Sequence[str], emotions: Mapping[str, str]) -> Corpus:
    return Corpus(
        name=name,
        title=f"Interactive Emotional Dyadic Motion Capture database (IEMOCAP), {title}",
        citation="C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, "
        "S. S. Narayanan: IEMOCAP: interactive emotional dyadic motion capture database. Language Resources "
        "and Evaluation 42, 335-359, 2008.",
        license="by agreement with the University of Southern California, for research",
        language="en",
        speech="acted: ten actors in pairs, scripted and improvised scenes",
        emotions=emotions,
        layout=f"folders Session1 … Session5 with {LABELS}/{EXAMPLE} and "
        "sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav, as in IEMOCAP_full_release",
        recognise=_recognise,
        read=partial(read, parts=parts, emotions=emotions),
        folds=_folds,
        protocol=_protocol,
        options=("allow_missing",),
        published=_published(parts, emotions),
    )


# The first variant is the paper's; the others are common in the literature.
IEMOCAP = (
    _variant(NAME, "improvised, four emotions", ("improvised",), FOUR),
    _variant("iemocap-exc", "improvised, excitement counted as happiness", ("improvised",), FOUR_MERGED),
    _variant("iemocap-script", "scripted, four emotions", ("scripted",), FOUR),
    _variant("iemocap-all", "four emotions", tuple(PARTS), FOUR),
    _variant("iemocap-all-exc", "excitement counted as happiness", tuple(PARTS), FOUR_MERGED),
    _variant("iemocap-all-six", "six emotions", tuple(PARTS), SIX),
)

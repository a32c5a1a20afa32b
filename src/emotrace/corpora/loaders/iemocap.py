"""IEMOCAP: ten actors in five sessions, in pairs, improvising and acting from scripts in English."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, Published, protocol_name
from emotrace.corpora.splits import Fold, speakers_of
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

NAME = "iemocap"
SESSIONS = ("1", "2", "3", "4", "5")
SEXES = {"F": "female", "M": "male"}
PARTS = {"improvised": "impro", "scripted": "script"}
LABELS = "dialog/EmoEvaluation"
EXAMPLE = "Ses01F_impro01.txt"
EXAMPLE_LINE = "[6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5000, 2.5000, 2.5000]"

# What most annotators chose; xxx is where they did not agree, oth is none of these.
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

# Sets of emotions that the literature compares on.
FOUR = {code: EMOTIONS[code] for code in ("ang", "hap", "sad", "neu")}
FOUR_MERGED = {**FOUR, "exc": "happiness"}
SIX = {**FOUR, "exc": "excitement", "fru": "frustration"}

# Improvised utterances by session: the cells of Table 1 in Zhao et al. (2021). The totals of its rows count
# the improvised excitement too, though no cell of them says so; what they exceed their cells by is `exc`.
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


def speaker_of(turn: str) -> str:
    """Who speaks a turn: its session and the letter before its number, not the letter of its file.

    Raises CorpusError for what is no turn's name.

    >>> speaker_of("Ses01F_impro01_M003"), speaker_of("Ses05M_script01_1b_F012")
    ('Ses01M', 'Ses05F')
    """
    match = TURN.fullmatch(turn)
    if match is None:
        raise CorpusError(f"{turn} is not the name of a turn; expected one such as Ses01F_impro01_M003")
    return f"Ses0{match['session']}{match['sex']}"


def parse(line: str) -> tuple[str, str] | None:
    """Turn and emotion code of a line of an annotation file; None where it is not like `EXAMPLE_LINE`.

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
    """The utterances of the release under `root`, the folder IEMOCAP_full_release, ordered by name.

    `parts` are of `improvised` and `scripted`. `emotions` maps the codes that count to nouns: codes that
    share a noun are merged, and utterances with any other code are left out.

    Raises CorpusError for an unknown part or code, for audio that is labelled and not there unless
    `allow_missing` leaves it out, for a turn that is labelled twice, and where a session or one of its two
    speakers is missing, since the protocol leaves out each in turn.
    """
    for known, asked in ((PARTS, parts), (EMOTIONS, emotions)):
        if unknown := [name for name in asked if name not in known]:
            raise CorpusError(f"IEMOCAP has no {', '.join(unknown)}; expected some of {', '.join(known)}")
    absent = [f"Session{session}" for session in SESSIONS if not _labels(root, session).is_dir()]
    if absent:
        raise CorpusError(
            f"{root} lacks {', '.join(f'{folder}/{LABELS}' for folder in absent)}; the protocol leaves out "
            "each of five sessions in turn, so all of them must be there: unpack the whole release"
        )
    wanted = {PARTS[part] for part in parts}
    found: dict[str, Utterance] = {}
    missing: list[str] = []
    odd: list[str] = []
    for session, place, turn, code in _labelled(root, odd):
        match = TURN.fullmatch(turn)
        if match is None or match["session"] != session or code not in {*EMOTIONS, *UNLABELLED}:
            odd.append(place)
            continue
        if match["part"] not in wanted or code not in emotions:
            continue
        name = f"Session{session}/sentences/wav/{match['dialogue']}/{turn}.wav"
        if name in found:
            raise CorpusError(f"{place} under {root} labels {turn} a second time; remove either line")
        sex = SEXES[match["sex"]]
        found[name] = Utterance(name, root / name, emotions[code], code, speaker_of(turn), session, sex)
        if not (root / name).is_file():
            missing.append(name)
    listing.warn_of_odd_lines(NAME, odd, EXAMPLE_LINE)
    listing.settle_missing(
        root / "Session*" / LABELS, missing, allow=allow_missing, way_out="unpack all sound", corpus=NAME
    )
    kept = [found[name] for name in sorted(found.keys() - missing)]
    _need_all_speakers(root, kept)
    return kept


def _labels(root: Path, session: str) -> Path:
    return root / f"Session{session}" / LABELS


def _labelled(root: Path, odd: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Session, place, turn and code of each labelled turn; lines that cannot be read are added to `odd`.

    Comments begin with % or a capital letter; a line that begins with [ is a turn's.
    """
    odd_files: list[str] = []
    for session in SESSIONS:
        for path in listing.files(_labels(root, session)):
            name = path.relative_to(root).as_posix()
            dialogue = DIALOGUE.fullmatch(path.stem)
            if path.suffix.lower() != ".txt" or dialogue is None or dialogue["session"] != session:
                odd_files.append(name)
                continue
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            for number, line in enumerate(lines, start=1):
                if not line.startswith("["):
                    continue
                parsed = parse(line)
                if parsed is None:
                    odd.append(f"{name}, line {number}")
                else:
                    yield session, f"{name}, line {number}", *parsed
    listing.warn_of_odd_files(NAME, odd_files, EXAMPLE)


def _need_all_speakers(root: Path, utterances: Sequence[Utterance]) -> None:
    found = speakers_of(utterances)
    silent = [speaker for speaker in (f"Ses0{s}{x}" for s in SESSIONS for x in SEXES) if speaker not in found]
    if silent:
        raise CorpusError(
            f"{root} holds no utterance of {', '.join(silent)}; the protocol tests and validates on both "
            "speakers of each session: check that all sessions are whole"
        )


def _recognise(root: Path) -> bool:
    return any(_labels(root, session).is_dir() for session in SESSIONS)


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    """One session out, in both directions: each of its speakers tests once, while the other validates."""
    speakers = speakers_of(utterances)
    folds = []
    for session in SESSIONS:
        left_out = {sex: f"Ses0{session}{sex}" for sex in SEXES}
        train = tuple(speaker for speaker in speakers if speaker not in left_out.values())
        for test, validation in (("F", "M"), ("M", "F")):
            folds.append(Fold(f"{session}{test}", train, (left_out[validation],), (left_out[test],)))
    return folds


def _protocol(utterances: Sequence[Utterance]) -> str:
    """As in `iemocap-impro-4-noexc-loso5`; of excitement it says noexc, exc (merged) or ownexc (its own)."""
    parts = sorted({match["part"] for u in utterances if (match := TURN.fullmatch(Path(u.name).stem))})
    excited = {utterance.emotion for utterance in utterances if utterance.code == "exc"}
    how = "noexc" if not excited else "ownexc" if excited == {EMOTIONS["exc"]} else "exc"
    return protocol_name(f"{NAME}-{parts[0] if len(parts) == 1 else 'all'}", utterances, f"{how}-loso5")


def _published(parts: Sequence[str], emotions: Mapping[str, str]) -> Published | None:
    if tuple(parts) == ("improvised",) and set(emotions) <= set(IMPROVISED["1"]):
        by_session = {session: _named(counts, emotions) for session, counts in IMPROVISED.items()}
        return Published.of_sessions(by_session, speakers=10)
    return Published(_named(RELEASE, emotions), speakers=10) if set(parts) == set(PARTS) else None


def _named(counts: Mapping[str, int], emotions: Mapping[str, str]) -> dict[str, int]:
    named: Counter[str] = Counter()
    for code, emotion in emotions.items():
        named[emotion] += counts[code]
    return dict(named)


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


# The first is the paper's; the others are what else is compared on in the literature.
IEMOCAP = (
    _variant(NAME, "improvised, four emotions", ("improvised",), FOUR),
    _variant("iemocap-exc", "improvised, excitement taken for happiness", ("improvised",), FOUR_MERGED),
    _variant("iemocap-script", "scripted, four emotions", ("scripted",), FOUR),
    _variant("iemocap-all", "four emotions", tuple(PARTS), FOUR),
    _variant("iemocap-all-exc", "excitement taken for happiness", tuple(PARTS), FOUR_MERGED),
    _variant("iemocap-all-six", "six emotions", tuple(PARTS), SIX),
)

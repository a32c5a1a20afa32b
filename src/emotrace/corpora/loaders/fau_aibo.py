"""FAU Aibo Emotion Corpus: 51 German children from two schools talk to a robot; five classes."""

import re
from collections.abc import Sequence
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts, protocol_name
from emotrace.corpora.splits import Fold, list_speakers
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

NAME = "fau-aibo"
LABELS = "labels/IS2009EmotionChallenge/chunk_labels_5cl_corpus.txt"
EXAMPLE_LINE = "Ohm_01_007_00 N 0.66"

TRAINING_SCHOOL = "Ohm"
TEST_SCHOOL = "Mont"
VALIDATION = 5  # last children of the training school; the challenge names no validation speakers

EMOTIONS = {
    "A": "anger",
    "E": "emphatic",
    "N": "neutral",
    "P": "positive",
    "R": "rest",
}

# Chunks by school in the Interspeech 2009 Emotion Challenge: Table 2 of Zhao et al. (2021).
PUBLISHED = PublishedCounts.from_sessions(
    {
        "Ohm": {"anger": 881, "emphatic": 2093, "neutral": 5590, "positive": 674, "rest": 721},
        "Mont": {"anger": 611, "emphatic": 1508, "neutral": 5377, "positive": 215, "rest": 546},
    },
    speakers=51,
)

LINE = re.compile(r"(?P<chunk>(?P<school>Ohm|Mont)_(?P<child>\d\d)_\d+_\d+)\s+(?P<code>[AENPR])(\s+[\d.]+)?")


def parse(line: str) -> tuple[str, str, str, str] | None:
    """Chunk, school, child and class from a line of the label file, whose last number is a confidence.

    >>> parse("Ohm_01_007_00 N 0.66"), parse("no chunk")
    (('Ohm_01_007_00', 'Ohm', 'Ohm_01', 'N'), None)
    """
    match = LINE.fullmatch(line.strip())
    if match is None:
        return None
    return match["chunk"], match["school"], f"{match['school']}_{match['child']}", match["code"]


def _recognise(root: Path) -> bool:
    return (root / LABELS).is_file()


def _read(root: Path, allow_missing: bool = False) -> list[Utterance]:
    """Read the utterances; a chunk labelled twice, missing audio or a missing school is a CorpusError."""
    found: dict[str, Utterance] = {}
    missing: list[str] = []
    unknown: list[str] = []
    lines = (root / LABELS).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        parsed = parse(line)
        if parsed is None:
            unknown.append(f"{LABELS}, line {number}")
            continue
        chunk, school, child, code = parsed
        name = f"wav/{chunk}.wav"
        if name in found:
            raise CorpusError(
                f"{root / LABELS}, line {number}: {chunk} is labelled twice; remove one of the lines"
            )
        audio = listing.find_audio(root / name)
        found[name] = Utterance(name, audio, EMOTIONS[code], code, child, session=school)
        if not audio.is_file():
            missing.append(name)
    listing.warn_about_unknown_lines(NAME, unknown, EXAMPLE_LINE)
    listing.handle_missing_files(
        root / LABELS, missing, allow=allow_missing, hint="unpack all audio to wav/", corpus=NAME
    )
    utterances = [found[name] for name in sorted(found.keys() - missing)]
    _require_both_schools(root, utterances)
    return utterances


def _require_both_schools(root: Path, utterances: Sequence[Utterance]) -> None:
    schools = {utterance.session for utterance in utterances}
    for school, purpose in ((TRAINING_SCHOOL, "needed to train"), (TEST_SCHOOL, "needed to test")):
        if school not in schools:
            raise CorpusError(f"{root} has no chunk of the school {school}, {purpose}; get the whole corpus")


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    """One fold, as in the challenge: one school trains and validates, the other tests."""
    children: dict[str, list[str]] = {TRAINING_SCHOOL: [], TEST_SCHOOL: []}
    for speaker in list_speakers(utterances):
        children[speaker.split("_")[0]].append(speaker)
    train, test = children[TRAINING_SCHOOL], children[TEST_SCHOOL]
    if len(train) <= VALIDATION:
        raise CorpusError(
            f"found {len(train)} children of the school {TRAINING_SCHOOL}; expected at least "
            f"{VALIDATION + 1}, since {VALIDATION} validate and the others train"
        )
    return [Fold(TEST_SCHOOL, tuple(train[:-VALIDATION]), tuple(train[-VALIDATION:]), tuple(test))]


def _protocol(utterances: Sequence[Utterance]) -> str:
    """A name such as `fau-aibo-5-train-ohm21-validate-ohm5-test-mont25`."""
    (fold,) = _folds(utterances)
    scheme = f"train-ohm{len(fold.train)}-validate-ohm{len(fold.validation)}-test-mont{len(fold.test)}"
    return protocol_name(NAME, utterances, scheme)


FAU_AIBO = Corpus(
    name=NAME,
    title="FAU Aibo Emotion Corpus (FAU-AEC), five classes of the Interspeech 2009 Emotion Challenge",
    citation="S. Steidl: Automatic classification of emotion-related user states in spontaneous children's "
    "speech. Logos, Berlin, 2009. B. Schuller, S. Steidl, A. Batliner: The Interspeech 2009 Emotion "
    "Challenge. Interspeech 2009, 312-315.",
    license="by agreement with Friedrich-Alexander-Universität Erlangen-Nürnberg, for research",
    language="de",
    speech="spontaneous: 51 children of 10 to 13 years who talk to a toy robot",
    emotions=EMOTIONS,
    layout=f"{LABELS} with lines such as {EXAMPLE_LINE}, and wav/Ohm_01_007_00.wav",
    recognise=_recognise,
    read=_read,
    folds=_folds,
    protocol=_protocol,
    options=("allow_missing",),
    published=PUBLISHED,
)

"""FAU Aibo Emotion Corpus: 51 German children of two schools speak to a robot, five classes."""

import re
from collections.abc import Sequence
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, Published, protocol_name
from emotrace.corpora.splits import Fold, speakers_of
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

NAME = "fau-aibo"
LABELS = "labels/IS2009EmotionChallenge/chunk_labels_5cl_corpus.txt"
EXAMPLE_LINE = "Ohm_01_007_00 N 0.66"

TRAINING_SCHOOL = "Ohm"
TEST_SCHOOL = "Mont"
VALIDATION = 5  # children of the training school, the last in order: nobody named any, so this is ours

EMOTIONS = {
    "A": "anger",
    "E": "emphatic",
    "N": "neutral",
    "P": "positive",
    "R": "rest",
}

# Chunks of the Interspeech 2009 Emotion Challenge by school: Table 2 of Zhao et al. (2021).
PUBLISHED = Published.of_sessions(
    {
        "Ohm": {"anger": 881, "emphatic": 2093, "neutral": 5590, "positive": 674, "rest": 721},
        "Mont": {"anger": 611, "emphatic": 1508, "neutral": 5377, "positive": 215, "rest": 546},
    },
    speakers=51,
)

LINE = re.compile(r"(?P<chunk>(?P<school>Ohm|Mont)_(?P<child>\d\d)_\d+_\d+)\s+(?P<code>[AENPR])(\s+[\d.]+)?")


def parse(line: str) -> tuple[str, str, str, str] | None:
    """Chunk, school, child and class of a line of the label file; the last number is the label's confidence.

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
    """Raises CorpusError for missing audio unless allowed, a chunk labelled twice, and a missing school."""
    found: dict[str, Utterance] = {}
    missing: list[str] = []
    odd: list[str] = []
    lines = (root / LABELS).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        parsed = parse(line)
        if parsed is None:
            odd.append(f"{LABELS}, line {number}")
            continue
        chunk, school, child, code = parsed
        name = f"wav/{chunk}.wav"
        if name in found:
            raise CorpusError(f"{root / LABELS}, line {number}: {chunk} is labelled already; remove either")
        found[name] = Utterance(name, root / name, EMOTIONS[code], code, child, session=school)
        if not (root / name).is_file():
            missing.append(name)
    listing.warn_of_odd_lines(NAME, odd, EXAMPLE_LINE)
    listing.settle_missing(
        root / LABELS, missing, allow=allow_missing, way_out="unpack all sound to wav/", corpus=NAME
    )
    kept = [found[name] for name in sorted(found.keys() - missing)]
    _need_both_schools(root, kept)
    return kept


def _need_both_schools(root: Path, utterances: Sequence[Utterance]) -> None:
    schools = {utterance.session for utterance in utterances}
    for school, purpose in ((TRAINING_SCHOOL, "to train on"), (TEST_SCHOOL, "to test on")):
        if school not in schools:
            raise CorpusError(
                f"{root} holds no chunk of the school {school}, {purpose}; get the whole corpus"
            )


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    """One fold, as the challenge has it: nobody of the training school is ever tested."""
    children: dict[str, list[str]] = {TRAINING_SCHOOL: [], TEST_SCHOOL: []}
    for speaker in speakers_of(utterances):
        children[speaker.split("_")[0]].append(speaker)
    train, test = children[TRAINING_SCHOOL], children[TEST_SCHOOL]
    if len(train) <= VALIDATION:
        raise CorpusError(
            f"{len(train)} children of the school {TRAINING_SCHOOL} cannot be shared out: {VALIDATION} "
            f"validate and others train, so at least {VALIDATION + 1} are needed"
        )
    return [Fold(TEST_SCHOOL, tuple(train[:-VALIDATION]), tuple(train[-VALIDATION:]), tuple(test))]


def _protocol(utterances: Sequence[Utterance]) -> str:
    """As in `fau-aibo-5-train-ohm21-validate-ohm5-test-mont25`."""
    (fold,) = _folds(utterances)
    shares = f"train-ohm{len(fold.train)}-validate-ohm{len(fold.validation)}-test-mont{len(fold.test)}"
    return protocol_name(NAME, utterances, shares)


FAU_AIBO = Corpus(
    name=NAME,
    title="FAU Aibo Emotion Corpus (FAU-AEC), five classes of the Interspeech 2009 Emotion Challenge",
    citation="S. Steidl: Automatic classification of emotion-related user states in spontaneous children's "
    "speech. Logos, Berlin, 2009. B. Schuller, S. Steidl, A. Batliner: The Interspeech 2009 Emotion "
    "Challenge. Interspeech 2009, 312-315.",
    license="by agreement with Friedrich-Alexander-Universität Erlangen-Nürnberg, for research",
    language="de",
    speech="spontaneous: 51 children of 10 to 13 years who speak to a toy robot",
    emotions=EMOTIONS,
    layout=f"{LABELS} with lines such as {EXAMPLE_LINE}, and wav/Ohm_01_007_00.wav",
    recognise=_recognise,
    read=_read,
    folds=_folds,
    protocol=_protocol,
    options=("allow_missing",),
    published=PUBLISHED,
)

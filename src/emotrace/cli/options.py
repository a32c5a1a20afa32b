"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from cyclopts import Parameter, Token, validators
from cyclopts.types import NonNegativeInt

from emotrace.errors import EmotraceError
from emotrace.system.processors import MAX_THREADS

DEFAULT_SYSTEM = "pcnse-sadrn-ctc"


def _convert_audio(_: object, tokens: Sequence[Token]) -> list[Path]:
    for value in (token.value for token in tokens):  # a Path would drop a leading ./
        if value.startswith("-") and value != "-":
            raise EmotraceError(
                f"found no option {value}; see --help. For a file of that name, write ./{value}"
            )
    return [Path(token.value) for token in tokens]


Inputs = Annotated[
    list[Path],
    Parameter(
        name="AUDIO",
        negative=(),
        allow_leading_hyphen=True,  # for `-`
        converter=_convert_audio,
        help="Audio files, and folders, which are searched for audio files. - is standard input.",
    ),
]
NO_INPUTS: list[Path] = []
Engine = Annotated[
    Literal["local", "ray"],
    Parameter(
        help="local: processes of this machine. ray: the Ray cluster that RAY_ADDRESS names, or "
        "Ray on this machine."
    ),
]
Model = Annotated[
    Path | None,
    Parameter(name="--model", help="Folder of the model. By default, the model that ships with emotrace."),
]
_THREADS = validators.Number(gte=1, lte=MAX_THREADS)
Jobs = Annotated[
    int,
    Parameter(
        validator=_THREADS,
        help="Number of files to process at the same time. Each is a process that loads the model, of about "
        "100 MiB.",
    ),
]
Threads = Annotated[
    int | None,
    Parameter(
        validator=_THREADS,
        help="Number of threads for each file. By default 1, which is best for many short files; more make a "
        "long file quicker if processors are idle.",
    ),
]
CORPUS_NAMES = (
    "Name of the corpus, such as emodb, iemocap, manifest or synthetic. A wrong name lists all names."
)
CorpusName = Annotated[str, Parameter(name="--corpus", help=CORPUS_NAMES)]
Root = Annotated[
    Path | None,
    Parameter(
        name="--root",
        help="Folder of the corpus. For manifest and collection: the CSV or TOML file, or its folder.",
    ),
]
System = Annotated[
    str,
    Parameter(
        help="Network architecture: a row of Table 5 of the paper, or a system with a pretrained encoder. A "
        "wrong name lists all names."
    ),
]
Recipes = Annotated[
    tuple[str, ...],
    Parameter(
        name="--recipe",
        negative=(),
        help="TOML file of settings, or the name of a recipe that ships with emotrace. May be given several "
        "times: later recipes override earlier ones.",
    ),
]
Protocol = Annotated[
    Literal["leave-one-corpus-out"] | None,
    Parameter(
        help="For a collection: each corpus is tested once, by models of the others. By default, the "
        "corpus's own protocol."
    ),
]
Folds = Annotated[
    str | None, Parameter(help="Numbers of the folds to run, from 0, such as 0,1. By default, all folds.")
]
Seed = Annotated[NonNegativeInt, Parameter(help="Seed of all random numbers.")]
Seeds = Annotated[
    str, Parameter(help="Seeds of the random numbers, such as 1,2,3. The protocol runs once for each seed.")
]
Init = Annotated[
    Path | None,
    Parameter(help="Folder of a model whose weights training starts from, instead of random weights."),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    Parameter(help="Device to train on. auto uses a CUDA device if PyTorch finds one."),
]
Json = Annotated[bool, Parameter("--json", negative=(), help="Print JSON instead of text.")]


@Parameter(name="*")
@dataclass(frozen=True)
class CorpusOptions:
    """Options that only some corpora have."""

    allow_missing: Annotated[
        bool, Parameter(negative=(), help="Omit utterances whose audio file is missing, instead of stopping.")
    ] = False
    emotion_column: Annotated[
        str | None, Parameter(help="For audformat: the column of the emotions, as TABLE/COLUMN.")
    ] = None
    speaker_column: Annotated[
        str | None, Parameter(help="For audformat: the column of the speakers, as TABLE/COLUMN.")
    ] = None
    speaker_pattern: Annotated[
        str | None,
        Parameter(
            help="For folders: regular expression that finds the speaker in a path such as anger/anna_1.wav: "
            "its first group, or all that it matches."
        ),
    ] = None

    def as_dict(self) -> dict[str, str | bool]:
        """The options that are set, by name.

        >>> CorpusOptions(allow_missing=True).as_dict()
        {'allow_missing': True}
        """
        return {name: value for name, value in asdict(self).items() if value}


class Labels(TypedDict):
    """Arguments of functions that read a corpus."""

    label_map: dict[str, str] | None
    emotions: list[str] | None


@Parameter(name="*")
@dataclass(frozen=True)
class LabelOptions:
    """Options that choose the labels of a corpus."""

    label_map: Annotated[
        str | None,
        Parameter(
            name="--map",
            help="New names of emotions, such as angry=anger,exc=happiness. Codes of the corpus may be "
            "renamed too; several may get one name.",
        ),
    ] = None
    emotions: Annotated[
        str | None,
        Parameter(help="Emotions to use, by their new names, such as anger,neutral. By default, all."),
    ] = None

    def as_dict(self) -> Labels:
        """The options as arguments of functions that read a corpus.

        >>> LabelOptions(label_map="angry=anger", emotions="anger,neutral").as_dict()
        {'label_map': {'angry': 'anger'}, 'emotions': ['anger', 'neutral']}
        """
        return Labels(
            label_map=None if self.label_map is None else parse_map(self.label_map, "--map"),
            emotions=None if self.emotions is None else parse_names(self.emotions, "--emotions"),
        )


NO_LABEL_OPTIONS = LabelOptions()
NO_CORPUS_OPTIONS = CorpusOptions()


class ExperimentArguments(Labels):
    """Arguments of functions that train."""

    recipe: tuple[str, ...]
    device: str
    corpus_options: dict[str, str | bool]


@Parameter(name="*")
@dataclass(frozen=True)
class ExperimentOptions:
    """Options of the verbs that train: the corpus, the settings and the device."""

    name: CorpusName
    root: Root = None
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS
    label_options: LabelOptions = NO_LABEL_OPTIONS
    recipe: Recipes = ()
    device: Device = "auto"

    def as_dict(self) -> ExperimentArguments:
        """The options as arguments of functions that train, beside the name and the root.

        >>> ExperimentOptions("emodb", recipe=("paper",)).as_dict()["recipe"]
        ('paper',)
        """
        return ExperimentArguments(
            recipe=self.recipe,
            device=self.device,
            corpus_options=self.corpus_options.as_dict(),
            **self.label_options.as_dict(),
        )


class FoldArguments(TypedDict):
    """Arguments of functions that run the folds of a protocol."""

    protocol: str | None
    folds: list[int] | None
    seeds: list[int]
    engine: Literal["local", "ray"]


@Parameter(name="*")
@dataclass(frozen=True)
class FoldOptions:
    """Options of the verbs that run the folds of a protocol."""

    protocol: Protocol = None
    folds: Folds = None
    seeds: Seeds = "1"
    engine: Engine = "local"

    def as_dict(self) -> FoldArguments:
        """The options as arguments of functions that run folds.

        >>> FoldOptions(folds="0,1").as_dict()
        {'protocol': None, 'folds': [0, 1], 'seeds': [1], 'engine': 'local'}
        """
        return FoldArguments(
            protocol=self.protocol,
            folds=None if self.folds is None else parse_numbers(self.folds, "--folds"),
            seeds=parse_numbers(self.seeds, "--seeds"),
            engine=self.engine,
        )


ALL_FOLDS = FoldOptions()


def parse_numbers(text: str, option: str) -> list[int]:
    """The numbers of a list such as 0,1.

    >>> parse_numbers("0,1", "--folds")
    [0, 1]

    Raises:
        EmotraceError: if the text is not a list of different whole numbers
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise EmotraceError(f"{option} is {text!r}; expected different whole numbers, such as 0,1")
    return numbers


def parse_names(text: str, option: str) -> list[str]:
    """The names of a list such as anger,neutral.

    >>> parse_names("anger, neutral", "--emotions")
    ['anger', 'neutral']

    Raises:
        EmotraceError: if a name is empty or there twice
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise EmotraceError(f"{option} is {text!r}; expected different names, such as anger,neutral")
    return names


def parse_map(text: str, option: str) -> dict[str, str]:
    """The pairs of a list such as angry=anger,exc=happiness.

    >>> parse_map("angry=anger, exc=happiness", "--map")
    {'angry': 'anger', 'exc': 'happiness'}

    Raises:
        EmotraceError: if a pair is incomplete, or a name is renamed twice
    """
    names = {}
    for pair in text.split(","):
        old, equals, new = (part.strip() for part in pair.partition("="))
        if not (old and equals and new) or old in names:
            raise EmotraceError(f"{option} is {text!r}; expected pairs such as angry=anger,exc=happiness")
        names[old] = new
    return names

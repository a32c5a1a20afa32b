"""The model card: `README.md` of a model folder, whose header the Hugging Face hub reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotrace.corpora import CORPORA
from emotrace.inference.model_config import Figure, ModelConfig
from emotrace.recipe import Recipe

NOT_FOR = """\
Do not use it to judge people, or to decide anything about them: hiring, grading, insurance, credit, policing.
A voice that sounds angry does not mean that its owner is. Do not use it on people who do not know of it.

In the European Union, Regulation (EU) 2024/1689, Article 5(1)(f), forbids inferring people's emotions at the
workplace and in education institutions, except for medical or safety reasons. It treats other systems for
emotion recognition as high-risk (Annex III, point 1(c))."""
KNOWS_ONLY_EMOTIONS = "It knows its emotions only: whatever it hears, it gives one of them."
TAUGHT_NONE = """\
It may say that it hears no emotional speech: it learnt from sounds made in code, too, that have no emotion.
So it tells many noises from speech, but not all."""
BY_LEVEL = "Speech far softer than its corpus it may take for none: amplify it."
LIMITS = """\
Another language, way of speaking, age, microphone, level or room than those it was trained on makes it worse,
and its scores too sure."""


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from, for its config and card.

    Attributes:
        speakers: on whom it was trained, and how
        earlier_corpora: of the model whose weights it began with, if any
        license: of the model itself, by the hub's name for it; empty where none was chosen
        figures: what was measured, and by whose network: `measured` says so
        confusion: the matrix behind the figures, as a table of text
        limits: what else is to be known about this model alone
    """

    name: str
    system: str
    recipe: Recipe
    emotions: Sequence[str]
    corpus: str
    protocol: str
    version: str
    temperature: float = 1.0
    speakers: str = ""
    earlier_corpora: Sequence[str] = ()
    license: str = ""
    figures: Mapping[str, Figure] | None = None
    measured: str = ""
    confusion: str = ""
    limits: str = ""


def card(provenance: Provenance, config: ModelConfig) -> str:
    """What the model is, what it was trained on, how well it does, what it is not for.

    >>> made = Provenance("tiny", "pcn", Recipe(), ["anger", "sadness"], "emodb", "a protocol", "1")
    >>> config = ModelConfig(
    ...     name="tiny",
    ...     version="1",
    ...     system="pcn",
    ...     output="log_scores",
    ...     id2label={0: "anger", 1: "sadness"},
    ...     label2id={"anger": 0, "sadness": 1},
    ...     corpus="emodb",
    ... )
    >>> print(card(made, config).split("# tiny")[0])
    ---
    language: de
    pipeline_tag: audio-classification
    library_name: emotrace
    tags: [speech-emotion-recognition, onnx]
    metrics: [accuracy, recall]
    ---
    <BLANKLINE>
    """
    return (
        "\n\n".join(
            [
                _front_matter(provenance),
                f"# {config.name}",
                f"Recognises {', '.join(config.labels)} in speech"
                + (", and where in time they show." if config.frame_step_s else "."),
                _facts(provenance, config),
                "Run it with `emotrace predict --model FOLDER AUDIO`, or `model.onnx` with any ONNX runtime; "
                "`config.json`\nhas the labels in order, the rate and the time of each output frame.",
                "## Measured",
                *_measured(provenance, config),
                "## Limits",
                *_no_emotion(provenance, config),
                LIMITS,
                *([provenance.limits] if provenance.limits else []),
                "## What it is not for",
                NOT_FOR,
            ]
        )
        + "\n"
    )


def _no_emotion(provenance: Provenance, config: ModelConfig) -> list[str]:
    if config.calibration.rejection_threshold is None:
        return [KNOWS_ONLY_EMOTIONS]
    return [TAUGHT_NONE, *([BY_LEVEL] if provenance.recipe.features.normalisation == "corpus" else [])]


def _front_matter(provenance: Provenance) -> str:
    corpus = CORPORA.get(provenance.corpus)
    fields = {
        "license": provenance.license,
        "language": corpus.language if corpus else "",
        "pipeline_tag": "audio-classification",
        "library_name": "emotrace",
        "tags": "[speech-emotion-recognition, onnx]",
        "metrics": "[accuracy, recall]",
    }
    return "\n".join(["---", *(f"{name}: {value}" for name, value in fields.items() if value), "---"])


def _facts(provenance: Provenance, config: ModelConfig) -> str:
    corpus = CORPORA.get(provenance.corpus)
    facts = {"system": f"`{config.system}`", "trained on": _corpus_and_licence(config.corpus)}
    if corpus:
        facts |= {"kind of speech": corpus.speech, "citation": corpus.citation}
    facts |= {
        "speakers": provenance.speakers,
        "before that": "; ".join(_corpus_and_licence(name) for name in provenance.earlier_corpora),
        "protocol": config.protocol,
        "input": f"mono speech at {config.sampling_rate} Hz, at least "
        f"{config.minimum_samples / config.sampling_rate} s",
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)


def _corpus_and_licence(name: str) -> str:
    corpus = CORPORA.get(name)
    return f"{corpus.title}; {corpus.license}" if corpus else name


def _measured(provenance: Provenance, config: ModelConfig) -> list[str]:
    if not config.figures:
        return ["Nothing was measured."]
    rows = [
        f"| {name} | {figure.value:.3f} | "
        + ("" if figure.interval is None else "{:.3f} to {:.3f}".format(*figure.interval))
        + " |"
        for name, figure in config.figures.items()
    ]
    parts = ["\n".join(["| figure | value | 95 % interval |", "|---|---|---|", *rows])]
    if provenance.measured:
        parts.append(provenance.measured)
    parts.append("WA is accuracy; UA is the mean of the emotions' recalls. Intervals resample speakers.")
    if provenance.confusion:
        parts.append(f"```\n{provenance.confusion}\n```")
    return parts

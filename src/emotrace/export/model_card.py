"""The model card: `README.md` of a model folder, with a header for the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotrace.corpora import CORPORA, Corpus
from emotrace.inference.model_config import Figure, ModelConfig
from emotrace.models.architectures import find_system
from emotrace.models.encoders.files import find_encoder
from emotrace.recipe import Recipe
from emotrace.system.files import write_text

CARD_FILE = "README.md"
MISUSE = """\
Do not use it to judge people or to make decisions about them: hiring, grading, insurance, credit, policing.
A voice that sounds angry does not mean that the speaker is. Do not use it on people without their knowledge.

In the European Union, Regulation (EU) 2024/1689, Article 5(1)(f), forbids inferring people's emotions at the
workplace and in education institutions, except for medical or safety reasons. It treats other systems for
emotion recognition as high-risk (Annex III, point 1(c))."""
WITHOUT_REJECTION = "The model cannot reject an input: it assigns one of its emotions to any sound."
WITH_REJECTION = """\
The model can reject an input that contains no emotional speech. It was trained on synthetic sounds without
speech for this purpose, and recognises many kinds of noise, but not all."""
LEVEL_DEPENDENT = "It may reject speech that is much softer than its training data; amplify such speech."
LIMITS = """\
Accuracy is lower and scores are overconfident where language, way of speaking, age, microphone, level or room
differ from the training data."""
FUNCTIONALS = " and a linear classifier of functionals; the figures belong to both together"


@dataclass(frozen=True)
class Provenance:
    """Facts about a model for its config and its card.

    Attributes:
        name: name of the model
        system: the system, a row of Table 5
        recipe: settings of the training
        emotions: labels in the order of the outputs
        corpus: training corpus, or several, separated by commas
        protocol: how the figures were measured
        version: version of the package
        temperature: divisor of log-scores, fitted on validation speakers
        speakers: how many speakers trained the model, and the role of the validation speakers
        earlier_corpora: corpora of the model from which the training started, if any
        training_speakers: by corpus, the speakers that the model may know, where they are known
        license: licence of the model, by the name that the Hugging Face hub gives it; empty if none is chosen
        figures: measured figures by name
        measured: what was measured, in a sentence
        confusion: confusion matrix of the figures, as a table of text
        limits: limits of this model alone
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
    training_speakers: Mapping[str, tuple[str, ...]] | None = None
    license: str = ""
    figures: Mapping[str, Figure] | None = None
    measured: str = ""
    confusion: str = ""
    limits: str = ""


def write_card(folder: Path, provenance: Provenance, config: ModelConfig) -> None:
    """Write the card into a model folder."""
    write_text(folder / CARD_FILE, compose_card(provenance, config))


def compose_card(provenance: Provenance, config: ModelConfig) -> str:
    """The text of a model card: purpose, training data, figures, limits, misuse.

    >>> provenance = Provenance("tiny", "pcn", Recipe(), ["anger", "sadness"], "emodb", "a protocol", "1")
    >>> config = ModelConfig(
    ...     name="tiny",
    ...     version="1",
    ...     system="pcn",
    ...     output="log_scores",
    ...     id2label={0: "anger", 1: "sadness"},
    ...     label2id={"anger": 0, "sadness": 1},
    ...     corpus="emodb",
    ... )
    >>> print(compose_card(provenance, config).split("# tiny")[0])
    ---
    language: de
    pipeline_tag: audio-classification
    library_name: emotrace
    tags: [speech-emotion-recognition, onnx]
    metrics: [accuracy, recall]
    ---
    <BLANKLINE>
    """
    in_time = " and locates them in time" if config.frame_step_s else ""
    paragraphs = [
        _front_matter(provenance),
        f"# {config.name}",
        f"Recognises {', '.join(config.labels)} in speech{in_time}.",
        _facts(provenance, config),
        "Run it with `emotrace predict --model FOLDER AUDIO`, or `model.onnx` with any ONNX runtime. "
        "`config.json`\nlists the labels in order, the sampling rate and the times of the output frames.",
        "## Measured",
        *_measured(provenance, config),
        "## Limits",
        *_rejection(provenance, config),
        LIMITS,
        *([provenance.limits] if provenance.limits else []),
        "## Misuse",
        MISUSE,
    ]
    return "\n\n".join(paragraphs) + "\n"


def _rejection(provenance: Provenance, config: ModelConfig) -> list[str]:
    if config.calibration.rejection_threshold is None:
        return [WITHOUT_REJECTION]
    level_dependent = provenance.recipe.features.normalisation == "corpus"
    return [WITH_REJECTION, *([LEVEL_DEPENDENT] if level_dependent else [])]


def _front_matter(provenance: Provenance) -> str:
    languages = sorted({corpus.language for corpus in _known_corpora(provenance.corpus)} - {""})
    fields = {
        "license": provenance.license,
        "language": f"[{', '.join(languages)}]" if len(languages) > 1 else "".join(languages),
        "pipeline_tag": "audio-classification",
        "library_name": "emotrace",
        "tags": "[speech-emotion-recognition, onnx]",
        "metrics": "[accuracy, recall]",
    }
    return "\n".join(["---", *(f"{name}: {value}" for name, value in fields.items() if value), "---"])


def _facts(provenance: Provenance, config: ModelConfig) -> str:
    corpora = _known_corpora(provenance.corpus)
    facts = {
        "system": f"`{config.system}`" + (FUNCTIONALS if config.functionals else ""),
        "encoder": _describe_encoder(provenance),
        "trained on": "; ".join(map(_describe_corpus, config.corpus.split(", "))),
    }
    facts |= {
        "kind of speech": "; ".join(corpus.speech for corpus in corpora if corpus.speech),
        "citation": " ".join(corpus.citation for corpus in corpora),
    }
    facts |= {
        "speakers": provenance.speakers,
        "started from a model trained on": "; ".join(map(_describe_corpus, provenance.earlier_corpora)),
        "protocol": config.protocol,
        "input": f"mono speech at {config.sampling_rate} Hz, at least "
        f"{config.minimum_samples / config.sampling_rate} s",
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)


def _known_corpora(names: str) -> list[Corpus]:
    """The corpora that are known, of names separated by commas."""
    return [CORPORA[name] for name in names.split(", ") if name in CORPORA]


def _describe_encoder(provenance: Provenance) -> str:
    front = provenance.recipe.front
    if not find_system(provenance.system).pretrained_encoder:
        return ""
    layers = ", ".join(map(str, front.layers))
    return f"{find_encoder(front.encoder).description}; layers {layers}, in half precision"


def _describe_corpus(name: str) -> str:
    corpus = CORPORA.get(name)
    return f"{corpus.title}; {corpus.license}" if corpus else name


def _measured(provenance: Provenance, config: ModelConfig) -> list[str]:
    if not config.figures:
        return ["No figures were measured."]
    rows = [
        f"| {name} | {figure.value:.3f} | "
        + ("" if figure.interval is None else "{:.3f} to {:.3f}".format(*figure.interval))
        + " |"
        for name, figure in config.figures.items()
    ]
    parts = ["\n".join(["| figure | value | 95 % interval |", "|---|---|---|", *rows])]
    if provenance.measured:
        parts.append(provenance.measured)
    parts.append("WA is accuracy, UA the mean recall of the emotions. Intervals are from resampled speakers.")
    if provenance.confusion:
        parts.append(f"```\n{provenance.confusion}\n```")
    return parts

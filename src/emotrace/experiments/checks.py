"""Checks before a training starts of labels and windows whose result would be worthless or not exportable."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

from pydantic import ValidationError

from emotrace.corpora import OpenCorpus
from emotrace.errors import CorpusError, RecipeError
from emotrace.export.model_card import Provenance
from emotrace.export.onnx import describe_model
from emotrace.inference.model_config import first_error
from emotrace.models.emotion_model import EmotionModel
from emotrace.recipe import Recipe

logger = logging.getLogger(__name__)


def check_labels(corpus: OpenCorpus) -> None:
    """Refuse labels that no model can have, and log a warning for labels that look like typing errors.

    Raises:
        CorpusError: an emotion is not printable, or there is only one emotion
    """
    name, emotions = corpus.corpus.name, corpus.emotions
    for emotion in emotions:
        if not emotion.isprintable() or emotion != emotion.strip():
            raise CorpusError(
                f"{name} has the emotion {emotion!a}, expected printable characters without a no-break "
                "space or control character; correct the label"
            )
    if len(emotions) < 2:
        raise CorpusError(
            f"{name} has only the emotion {', '.join(emotions)}, expected at least two to tell apart"
        )
    counts = Counter(utterance.emotion for utterance in corpus.utterances)
    for one, other in combinations(emotions, 2):
        rarer, frequent = sorted((one, other), key=counts.__getitem__)
        if counts[rarer] == 1 and differ_by_one_letter(one, other):
            logger.warning(
                "%s: the emotion %s occurs once, and is one letter off %s; correct it if it is the same",
                name, rarer, frequent,
            )  # fmt: skip


def check_trained_emotions(corpus: OpenCorpus, folds: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Log a warning for emotions that no training speaker of a fold has, and refuse those of all folds.

    Args:
        folds: name and training speakers of each

    Raises:
        CorpusError: there is an emotion that would never be trained
    """
    speakers: dict[str, set[str]] = {emotion: set() for emotion in corpus.emotions}
    for utterance in corpus.utterances:
        speakers[utterance.emotion].add(utterance.speaker)
    parts = list(folds)
    for emotion, having in speakers.items():
        untrained = [name for name, train in parts if having.isdisjoint(train)]
        if not untrained:
            continue
        found = f"{corpus.corpus.name}: no training speaker has the emotion {emotion}"
        advice = f"it is spoken by {', '.join(sorted(having)[:5])}; add utterances of other speakers"
        if len(untrained) == len(parts):
            raise CorpusError(f"{found}, so it could never be recognised; {advice}, or leave it out")
        logger.warning("%s in fold %s; %s", found, ", ".join(untrained), advice)


def check_windows(network: EmotionModel, system: str, recipe: Recipe, emotions: Sequence[str]) -> None:
    """Refuse a recipe whose windows no model folder can describe.

    Raises:
        RecipeError: the windows do not fit the frames of the network
    """
    facts = Provenance(
        name="check", system=system, recipe=recipe, emotions=tuple(emotions), corpus="", protocol="",
        version="0", temperature=1.0,
    )  # fmt: skip
    try:
        describe_model(network, facts)
    except ValidationError as error:
        raise RecipeError(
            f"found max_frames {recipe.max_frames}, with which the model could not be exported "
            f"({first_error(error)}); use a multiple of 16, or 500"
        ) from None


def differ_by_one_letter(one: str, other: str) -> bool:
    """Whether one letter is added, missing or different, or only the case.

    >>> differ_by_one_letter("anger", "angr"), differ_by_one_letter("anger", "angel")
    (True, True)
    >>> differ_by_one_letter("calm", "Calm"), differ_by_one_letter("sadness", "madnes")
    (True, False)
    """
    short, long = sorted((one.lower(), other.lower()), key=len)
    start = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    return short[start + len(short) + 1 - len(long) :] == long[start + 1 :]

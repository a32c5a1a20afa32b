"""Balance of training examples between the corpora of a collection and their emotions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from emotrace.corpora import Utterance
from emotrace.training.data.examples import Example

MAX_WEIGHT = 10.0  # of an example, where the mean is 1: so few recordings of an emotion are not repeated more


def corpus_shares(utterances: Sequence[Utterance]) -> dict[str, dict[str, float]]:
    """The number of utterances and the weight of each corpus of a collection; empty outside collections."""
    counts = Counter((u.corpus, u.corpus_weight) for u in utterances if u.corpus is not None)
    return {corpus: {"utterances": n, "weight": weight} for (corpus, weight), n in sorted(counts.items())}


def balance_corpora(examples: Sequence[Example], utterances: Sequence[Utterance]) -> Sequence[Example]:
    """The examples with weights: the share in which each is drawn in training, relative to the mean.

    Corpora count as their weights in the collection state, and the emotions of each corpus alike. Outside a
    collection, all examples keep the weight 1.

    >>> from pathlib import Path
    >>> names = ("a1", "b1", "b2", "b3")
    >>> utterances = [Utterance(name, Path(name), "anger", "W", "s", corpus=name[0]) for name in names]
    >>> examples = [Example(name, "s", 0, (), ()) for name in names]
    >>> [round(example.weight, 3) for example in balance_corpora(examples, utterances)]
    [2.0, 0.667, 0.667, 0.667]
    """
    members = {u.name: (u.corpus, u.corpus_weight) for u in utterances if u.corpus is not None}
    if not members:
        return examples
    cells = Counter((members[example.name][0], example.label) for example in examples)
    emotions = Counter(corpus for corpus, _ in cells)
    weights = []
    for example in examples:
        corpus, weight = members[example.name]
        weights.append(weight / (emotions[corpus] * cells[corpus, example.label]))
    mean = sum(weights) / len(weights)
    weights = [min(weight / mean, MAX_WEIGHT) for weight in weights]
    mean = sum(weights) / len(weights)
    return [replace(example, weight=weight / mean) for example, weight in zip(examples, weights, strict=True)]

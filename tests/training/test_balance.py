"""Corpora of a collection, and the emotions of each, count alike in training."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from emotrace.corpora import Utterance
from emotrace.training.balance import MAX_WEIGHT, balance_corpora
from emotrace.training.class_weights import class_weights
from emotrace.training.data.examples import Example, epoch_batches
from emotrace.training.logistic_regression import fit_logistic_regression

Cells = dict[tuple[str, int], int]


def collection(cells: Cells, **weights: float) -> tuple[list[Example], list[Utterance]]:
    """Examples and utterances: their number for each corpus and label, and the weights of corpora."""
    examples, utterances = [], []
    for (corpus, label), n in cells.items():
        for i in range(n):
            name = f"{corpus}/{label}/{i}"
            window = torch.full((4, 1), float(ord(corpus)))
            examples.append(Example(name, "s", label, ((window,),), (1,)))
            weight = weights.get(corpus, 1.0)
            utterances.append(
                Utterance(name, Path(), str(label), "", "s", corpus=corpus, corpus_weight=weight)
            )
    return examples, utterances


CELLS = {("a", 0): 30, ("a", 1): 10, ("b", 0): 20, ("b", 1): 20, ("b", 2): 20}


def test_each_corpus_and_each_of_its_emotions_has_its_share() -> None:
    examples = balance_corpora(*collection(CELLS, b=3.0))
    shares: Counter[tuple[str, int]] = Counter()
    for example in examples:
        shares[example.name[0], example.label] += example.weight / len(examples)  # type: ignore[assignment]
    expected = {("a", 0): 1 / 8, ("a", 1): 1 / 8, ("b", 0): 1 / 4, ("b", 1): 1 / 4, ("b", 2): 1 / 4}
    assert shares == pytest.approx(expected)


def test_a_few_recordings_are_not_repeated_without_end() -> None:
    examples = balance_corpora(*collection({("a", 0): 1000, ("a", 1): 1, ("b", 0): 999}))
    weights = [example.weight for example in examples]
    assert np.mean(weights) == pytest.approx(1)
    assert max(weights) == pytest.approx(MAX_WEIGHT, rel=0.4)


def test_outside_a_collection_nothing_changes() -> None:
    examples, utterances = collection(CELLS)
    alone = [Utterance(u.name, Path(), u.emotion, "", "s") for u in utterances]
    assert balance_corpora(examples, alone) is examples


def test_an_epoch_draws_examples_by_their_weights() -> None:
    examples = balance_corpora(*collection(CELLS))
    generator = torch.Generator().manual_seed(1)
    drawn: Counter[tuple[str, int]] = Counter()
    for _ in range(40):
        for batch in epoch_batches(examples, 10, generator):
            for x, label in zip(batch.x[:, 0, 0].tolist(), batch.labels.tolist(), strict=True):
                drawn[chr(int(x)), label] += 1
    assert sum(drawn.values()) == 40 * len(examples)
    assert drawn["a", 0] / drawn["a", 1] == pytest.approx(1, abs=0.15)
    assert (drawn["a", 0] + drawn["a", 1]) / sum(drawn.values()) == pytest.approx(0.5, abs=0.03)


def test_class_weights_count_examples_by_their_weights() -> None:
    examples = balance_corpora(*collection({("a", 0): 30, ("a", 1): 10}))
    assert class_weights(examples, 2, "balanced").tolist() == pytest.approx([1.0, 1.0])


def test_a_weighted_regression_is_that_of_repeated_examples() -> None:
    random = np.random.default_rng(0)
    features, labels = torch.from_numpy(random.normal(size=(40, 3))), torch.arange(40) % 2
    times = torch.from_numpy(random.integers(1, 4, 40))
    repeated = features.repeat_interleave(times, 0), labels.repeat_interleave(times)
    weighted = fit_logistic_regression(features, labels, 2, 0.1, times.double())
    for one, other in zip(weighted, fit_logistic_regression(*repeated, 2, 0.1), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)

"""Class weights agree with Table 3, and are refused for other labels."""

import math
from collections import Counter
from dataclasses import replace

import pytest

from emotrace.corpora import emotions_in_order
from emotrace.errors import RecipeError
from emotrace.recipe import Recipe, Stage
from emotrace.training.class_weights import FAU_AEC, class_weights, refuse_weights_of_other_labels
from emotrace.training.experiment import Experiment

# Table 2 of the paper: training chunks of each class.
OHM = Counter(anger=881, emphatic=2093, neutral=5590, positive=674, rest=721)
FAU_RECIPE = Recipe(stage1=Stage(epochs=1, learning_rate=1e-3, class_weights="fau-aec"))


def test_the_weights_of_table_3_are_about_n_over_10_n_c() -> None:
    assert class_weights([], 5, "fau-aec").tolist() == pytest.approx([1.1, 0.2, 0.5, 1.5, 1.4])
    assert emotions_in_order(FAU_AEC) == ("anger", "neutral", "emphatic", "positive", "rest")
    for emotion, weight in FAU_AEC.items():
        exact = OHM.total() / (10 * OHM[emotion])
        assert math.isclose(weight, exact, abs_tol=0.0501)


def test_the_weights_of_table_3_are_refused_for_other_labels(experiment: Experiment) -> None:
    refuse_weights_of_other_labels(FAU_RECIPE, emotions_in_order(FAU_AEC))
    with pytest.raises(RecipeError, match=r"stage1\.class_weights fau-aec is for anger, emphatic, .*; found"):
        replace(experiment, recipe=FAU_RECIPE)
    with pytest.raises(RecipeError, match="found rest, anger"):
        refuse_weights_of_other_labels(FAU_RECIPE, ["rest", "anger", "emphatic", "neutral", "positive"])

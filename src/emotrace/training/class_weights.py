"""Weights of the classes in the loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from emotrace.corpora import emotions_in_order
from emotrace.errors import RecipeError
from emotrace.recipe import Recipe
from emotrace.training.data.examples import Example

# Table 3 of Zhao et al. (2021).
FAU_AEC = {"anger": 1.1, "emphatic": 0.5, "neutral": 0.2, "positive": 1.5, "rest": 1.4}


def class_weights(examples: Sequence[Example], labels: int, scheme: str) -> Tensor:
    """Weight of each class, (K,).

    Args:
        scheme: "none": all 1; "balanced": N / (K n_c), where examples count by their weights;
            "fau-aec": Table 3

    >>> class_weights([], 2, "none")
    tensor([1., 1.])
    """
    if scheme == "none":
        return torch.ones(labels)
    if scheme == "fau-aec":
        return torch.tensor([FAU_AEC[emotion] for emotion in emotions_in_order(FAU_AEC)])
    truth = torch.tensor([example.label for example in examples])
    weights = torch.tensor([example.weight for example in examples], dtype=torch.float64)
    counts = torch.bincount(truth, weights, minlength=labels)
    return weights.sum().item() / (labels * torch.where(counts > 0, counts, 1.0)).float()


def refuse_weights_of_other_labels(recipe: Recipe, emotions: Sequence[str]) -> None:
    """Check that the weights of Table 3 are only used with the labels of FAU-AEC.

    Raises:
        RecipeError: a stage uses them, and the corpus has other labels.

    >>> refuse_weights_of_other_labels(Recipe(), ["anger", "sadness"])
    """
    for name, stage in (("stage1", recipe.stage1), ("stage2", recipe.stage2)):
        if stage.class_weights == "fau-aec" and tuple(emotions) != emotions_in_order(FAU_AEC):
            raise RecipeError(
                f"{name}.class_weights fau-aec is for {', '.join(FAU_AEC)}; found {', '.join(emotions)}; "
                "use balanced, or none"
            )

"""The model whose weights a training begins with, in place of random ones: fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load

from emotrace.errors import ModelError, RecipeError
from emotrace.inference.model_folder import ModelFolder, load_model_folder
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel
from emotrace.models.state_names import with_current_names
from emotrace.recipe import Recipe
from emotrace.recipes import differences, resolve

MODEL_WEIGHTS_FILE = "model.safetensors"
OUTPUT_LAYER = "back.head."
MUST_AGREE = ("features", "front")  # of the recipes: a front's weights mean nothing to another one


@dataclass(frozen=True)
class PretrainedWeights:
    """A finished model, and whether its emotions are those to be learnt.

    Its front is taken over, and of its back end what has the same name and shape; the output layer only where
    the emotions are the same. The normalisation is fitted anew to the corpus at hand.
    """

    model: ModelFolder
    same_emotions: bool

    @property
    def fingerprint(self) -> dict[str, str]:
        """What makes two trainings begin alike, for `create_or_resume`."""
        config = self.model.config
        return {"model": config.name, "corpus": config.corpus, "sha256": config.sha256[MODEL_WEIGHTS_FILE]}

    @property
    def corpora(self) -> tuple[str, ...]:
        """What the model learnt from, first to last."""
        config = self.model.config
        return (*config.earlier_corpora, config.corpus)

    def refuse_same_corpus(self, name: str) -> None:
        """Refuse to be cross-validated on a corpus it learnt from: it may know the speakers to be tested.

        Raises:
            ModelError: it learnt from the corpus of that name.
        """
        if name in self.corpora:
            raise ModelError(
                f"{self.model.path} learnt from {name}, and so may know the speakers to be tested; "
                "begin with a model of another corpus"
            )

    def into(self, network: EmotionModel) -> None:
        """Give a network with fresh weights what fits it of the model's.

        Raises:
            ModelError: the weights are damaged, or of another front.
        """
        path = self.model.path / MODEL_WEIGHTS_FILE
        try:
            weights = with_current_names(load(self.model.read(MODEL_WEIGHTS_FILE)))
        except SafetensorError as error:
            raise ModelError(f"{path} is damaged ({error}); export the model again") from None
        own = network.state_dict()
        for name, value in own.items():
            if name.startswith(OUTPUT_LAYER) and not self.same_emotions:
                continue
            if name.startswith("functionals."):  # fitted anew, which takes a second
                continue
            learnt = weights.get(name)
            if learnt is not None and learnt.shape == value.shape:
                own[name] = learnt
            elif name.startswith("front."):
                raise ModelError(
                    f"{path} has no {name} of shape {tuple(value.shape)}; export the model again"
                )
        network.load_state_dict(own)


def read_pretrained_weights(
    folder: Path, system: str, recipe: Recipe, emotions: Sequence[str]
) -> PretrainedWeights:
    """A model folder to begin with.

    Raises:
        ModelError: it is no model folder, is damaged, or has no weights for torch.
        RecipeError: its front is another than that of the system and recipe.
    """
    model = load_model_folder(folder)
    config = model.config
    if MODEL_WEIGHTS_FILE not in config.sha256:
        raise ModelError(
            f"{folder} has no {MODEL_WEIGHTS_FILE} to begin with; give the model/ of a run, or what "
            "`emotrace export` makes without --int8"
        )
    theirs, ours = find_system(config.system), find_system(system)
    if theirs.front is None or theirs.front != ours.front:
        raise RecipeError(f"{config.system}, the system of {folder}, has another front than {system}")
    older = resolve(config.recipe).model_dump(mode="json")  # its settings may have old names
    found, wanted = ({key: of[key] for key in MUST_AGREE} for of in (older, recipe.model_dump(mode="json")))
    if found != wanted:
        raise RecipeError(
            f"{folder} was trained with another {', '.join(differences(found, wanted))}; "
            "give a --recipe that agrees with it"
        )
    return PretrainedWeights(model, config.labels == tuple(emotions))

"""Fine-tuning: a model whose weights training starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
SHARED_SETTINGS = ("features", "front")  # sections of the recipe that determine the shape of the front


@dataclass(frozen=True)
class PretrainedWeights:
    """A finished model, and whether its emotions are those of the new training.

    The whole front is used, and the tensors of the back end that have the same name and shape; the output
    layer only if the emotions are the same. Normalisation is fitted to the new corpus.
    """

    model: ModelFolder
    same_emotions: bool

    @property
    def fingerprint(self) -> dict[str, str]:
        """Identifies the weights, for the fingerprint of a run."""
        config = self.model.config
        return {"model": config.name, "corpus": config.corpus, "sha256": config.sha256[MODEL_WEIGHTS_FILE]}

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora that the model was trained on, first to last."""
        config = self.model.config
        return (*config.earlier_corpora, *config.corpus.split(", "))

    def refuse_known_speakers(self, tested: Mapping[str, Sequence[str]]) -> None:
        """Check that the model was not trained on speakers who are tested.

        Only the names of corpora and speakers are compared. A model that does not state its speakers of a
        corpus may know every speaker of a corpus of that name.

        Args:
            tested: speakers by corpus

        Raises:
            ModelError: it knows one of them, or may know them.
        """
        for corpus, speakers in tested.items():
            known = self.model.config.training_speakers.get(corpus)
            if corpus in self.corpora and known is None:
                raise ModelError(
                    f"{self.model.path} was trained on {corpus}, and so may know its test speakers: it does "
                    "not state its own; start from a model of another corpus, or export the model again"
                )
            common = sorted(set(known or ()).intersection(speakers))
            if common:
                names = ", ".join(common[:3]) + (" …" if len(common) > 3 else "")
                raise ModelError(
                    f"{self.model.path} was trained on {corpus} with {len(common)} of the speakers that are "
                    f"tested ({names}); start from a model of other speakers"
                )

    def into(self, network: EmotionModel) -> None:
        """Copy the model's weights into a network, where they fit.

        Raises:
            ModelError: the weights are damaged, or belong to another front.
        """
        path = self.model.path / MODEL_WEIGHTS_FILE
        try:
            weights = with_current_names(load(self.model.read(MODEL_WEIGHTS_FILE)))
        except SafetensorError as error:
            raise ModelError(f"{path} is damaged ({error}); export the model again") from None
        state = network.state_dict()
        for name, value in state.items():
            if name.startswith(OUTPUT_LAYER) and not self.same_emotions:
                continue
            if name.startswith("functionals."):  # fitted to the new corpus
                continue
            pretrained = weights.get(name)
            if pretrained is not None and pretrained.shape == value.shape:
                state[name] = pretrained
            elif name.startswith("front."):
                raise ModelError(
                    f"{path} has no {name} of shape {tuple(value.shape)}; export the model again"
                )
        network.load_state_dict(state)


def read_pretrained_weights(
    folder: Path, system: str, recipe: Recipe, emotions: Sequence[str]
) -> PretrainedWeights:
    """Read a model folder to start training from.

    Raises:
        ModelError: it is not a model folder, is damaged, or has no weights for training.
        RecipeError: its front differs from that of the system and recipe.
    """
    model = load_model_folder(folder)
    config = model.config
    if MODEL_WEIGHTS_FILE not in config.sha256:
        raise ModelError(
            f"{folder} has no {MODEL_WEIGHTS_FILE}, which training starts from; give the model/ of a run, or "
            "a folder that `emotrace export` wrote without --int8"
        )
    front = find_system(config.system).front
    if front is None or front != find_system(system).front:
        raise RecipeError(
            f"{config.system}, the system of {folder}, has another front than {system}; start from a model "
            f"with the front of {system}"
        )
    settings = resolve(config.recipe).model_dump(mode="json")  # its settings may have old names
    expected_settings = recipe.model_dump(mode="json")
    found, expected = ({key: s[key] for key in SHARED_SETTINGS} for s in (settings, expected_settings))
    if found != expected:
        raise RecipeError(
            f"{folder} was trained with another {', '.join(differences(found, expected))}; "
            "give a --recipe with the same settings"
        )
    return PretrainedWeights(model, config.labels == tuple(emotions))

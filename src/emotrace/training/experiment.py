"""One system with one recipe on one corpus, and the training data it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from emotrace.corpora import OpenCorpus, Utterance
from emotrace.features.log_power import LogPower
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import build_spectrum
from emotrace.models.encoder_features import EncoderFeatures
from emotrace.models.encoders.files import ENCODERS, find_encoder
from emotrace.recipe import Recipe
from emotrace.training.augmentation.acoustic import augmented_views
from emotrace.training.balance import balance_corpora, corpus_shares
from emotrace.training.class_weights import refuse_weights_of_other_labels
from emotrace.training.constants import training_constants
from emotrace.training.data.encoder_examples import read_encoder_examples
from emotrace.training.data.examples import Example, read_examples
from emotrace.training.pretrained_weights import PretrainedWeights
from emotrace.training.seeds import seed_of


@dataclass(frozen=True)
class Experiment:
    """The settings that all runs of an experiment share.

    Attributes:
        pretrained: the model whose weights training starts from; None: random weights
        read: examples read so far, by spectrum and window length; copies made by `dataclasses.replace` share
            them
    """

    corpus: OpenCorpus
    system: str
    recipe: Recipe
    version: str
    device: str = "cpu"
    pretrained: PretrainedWeights | None = None
    read: dict[tuple[str, int, int, bool], tuple[object, list[Example]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        refuse_weights_of_other_labels(self.recipe, self.corpus.emotions)

    @property
    def examples(self) -> list[Example]:
        """The whole corpus as windows of the system's features, read at first use."""
        system, utterances = find_system(self.system), self.corpus.utterances
        spectrum, max_frames = build_spectrum(self.recipe, system), system.max_frames(self.recipe)
        spectra = self.recipe.functionals_l2 > 0 or self.recipe.acoustic_augmentation
        key = type(spectrum).__name__, spectrum.bands, max_frames, spectra
        if key not in self.read or self.read[key][0] is not utterances:
            found = read_inputs(utterances, self.corpus.emotions, spectrum, self.recipe, max_frames, spectra)
            self.read[key] = utterances, found
        return self.read[key][1]

    def of(self, speakers: Sequence[str]) -> list[Example]:
        """The examples of some speakers."""
        wanted = set(speakers)
        return [example for example in self.examples if example.speaker in wanted]

    def balanced(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with weights that balance the corpora of a collection."""
        return balance_corpora(examples, self.corpus.utterances)

    def training_views(self, examples: Sequence[Example], seed: int) -> Sequence[Example]:
        """The examples as networks learn from them: with `acoustic_augmentation`, in several conditions."""
        if not self.recipe.acoustic_augmentation or find_system(self.system).pretrained_encoder:
            return examples  # those of encoder systems have their views already
        spectrum = build_spectrum(self.recipe, find_system(self.system))
        assert isinstance(spectrum, LogPower)
        generator = torch.Generator().manual_seed(seed_of(seed, "elsewhere"))
        return augmented_views(spectrum, examples, self.recipe, generator)

    def fingerprint(self, **more: Any) -> dict[str, Any]:
        """Everything that determines the result of a run, for `create_or_resume`."""
        return {
            "corpus": self.corpus.corpus.name,
            "protocol": self.corpus.protocol,
            "utterances": len(self.corpus.utterances),
            "emotions": list(self.corpus.emotions),
            **({"label_map": dict(self.corpus.label_map)} if self.corpus.label_map else {}),
            **({"corpora": members} if (members := corpus_shares(self.corpus.utterances)) else {}),
            "system": self.system,
            **self._encoder_fingerprint,
            **({} if self.pretrained is None else {"start": self.pretrained.fingerprint}),
            **more,
            "recipe": self.recipe.model_dump(mode="json"),
            "constants": training_constants(),
        }

    @property
    def _encoder_fingerprint(self) -> dict[str, str]:
        """The hash of an encoder whose name does not determine its weights."""
        name = self.recipe.front.encoder
        if not find_system(self.system).pretrained_encoder or name in ENCODERS:
            return {}
        return {"encoder": find_encoder(name).sha256}


def read_inputs(
    utterances: Sequence[Utterance],
    emotions: Sequence[str],
    spectrum: LogPower | EncoderFeatures,
    recipe: Recipe,
    max_frames: int,
    spectra: bool,
) -> list[Example]:
    """Utterances as the input of a system: windows of its spectrogram, or of its encoder's features.

    Args:
        spectra: whether power spectra are wanted too; an encoder has none

    Raises:
        AudioError: a file cannot be used; the message names it.
    """
    if isinstance(spectrum, EncoderFeatures):
        return read_encoder_examples(utterances, emotions, spectrum, recipe, max_frames)
    return read_examples(utterances, emotions, spectrum, max_frames, spectra=spectra)

"""A trained network in torch behind the interface that the runtime expects of an ONNX session."""

from __future__ import annotations

import numpy as np
import torch

from emotrace.decoding.ctc import log_scores, no_emotion_probability
from emotrace.export.model_card import Provenance
from emotrace.export.onnx import describe_model
from emotrace.inference.onnx_session import WindowOutputs
from emotrace.models.emotion_model import EmotionModel, Spectra
from emotrace.recipe import Recipe
from emotrace.training.run_folder import Run


class TorchSession:
    """What `emotrace.inference.scorers` needs of a session, computed by torch."""

    def __init__(self, run: Run, recipe: Recipe, network: EmotionModel):
        self.network, self.run = network, run
        provenance = Provenance(
            name=f"emotrace-{run.corpus}-{run.seed}",
            system=run.system,
            recipe=recipe,
            emotions=run.emotions,
            corpus=run.corpus,
            protocol=run.protocol,
            version=run.version,
            temperature=run.temperature,
        )
        self.config = describe_model(network, provenance)

    def run_window(self, samples: np.ndarray) -> WindowOutputs:
        """Log-posteriors, utterance scores and step scores of one window."""
        posteriors, _, utterance_scores, spectra = self.forward(samples[None])
        if spectra is None:
            return WindowOutputs(posteriors[0], utterance_scores[0], np.zeros_like(posteriors[0]))
        with torch.inference_mode():
            step_scores = self.network.step_scores(spectra, posteriors.shape[1])
        return WindowOutputs(posteriors[0], utterance_scores[0], step_scores[0].double().numpy())

    def labels_of(self, clips: np.ndarray) -> np.ndarray:
        """The label of each clip, as `predict` names it: (clip, sample) → (clip,); K for a rejected clip."""
        posteriors, steps, utterance_scores, _ = self.forward(clips)
        scores = log_scores(posteriors, steps, self.config.decoding) + utterance_scores[:, :-1]
        labels = scores.argmax(1)
        threshold = self.config.calibration.rejection_threshold
        if threshold is None:
            return labels
        probabilities = [
            no_emotion_probability(posterior, log_odds)
            for posterior, log_odds in zip(posteriors, utterance_scores[:, -1], strict=True)
        ]
        return np.where(np.array(probabilities) > threshold, scores.shape[1], labels)

    def forward(self, clips: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Spectra | None]:
        """Log-posteriors, their numbers of steps, utterance scores, and spectra, for clips of one length.

        Without functionals, utterance scores are zeros and spectra None.
        """
        inputs = torch.from_numpy(clips), torch.full((len(clips),), clips.shape[1])
        with torch.inference_mode():
            if self.network.functionals is None:
                (posteriors, steps), scores, spectra = self.network(*inputs), torch.zeros(()), None
            else:
                posteriors, steps, scores, spectra = self.network.forward_with_functionals(*inputs)
        scores = scores.expand(len(clips), len(self.run.emotions) + 1)
        return posteriors.double().numpy(), steps.numpy(), scores.double().numpy(), spectra

"""wav2vec2-base with a classification head, built by transformers with random weights.

Random weights take as long as trained ones.
"""

from __future__ import annotations

import soundfile
import torch
import transformers
from peers.server import cores, serve

LABELS = 4


class Wav2Vec2:
    """The architecture of many current emotion recognisers."""

    def __init__(self) -> None:
        torch.set_num_threads(cores())
        torch.manual_seed(1)
        config = transformers.Wav2Vec2Config(num_labels=LABELS)
        self.network = transformers.Wav2Vec2ForSequenceClassification(config).eval()
        self.extract = transformers.Wav2Vec2FeatureExtractor()

    def versions(self) -> dict[str, dict[str, str]]:
        """The versions of the measured packages."""
        return {"versions": {"transformers": transformers.__version__}}

    def clip(self, path: str) -> None:
        """Scores of one file."""
        samples, rate_hz = soundfile.read(path, dtype="float32")
        inputs = self.extract(samples, sampling_rate=rate_hz, return_tensors="pt")
        with torch.inference_mode():
            self.network(**inputs).logits.softmax(1)


if __name__ == "__main__":
    serve(Wav2Vec2())

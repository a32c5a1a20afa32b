"""The runtime of emotrace, without torch."""

from __future__ import annotations

import numpy as np
import onnxruntime
from peers.server import cores, serve

import emotrace
from emotrace.inference.model_folder import load_model_folder

RATE_HZ = 16_000


class Runtime:
    """Recognisers by name, each loaded once."""

    def __init__(self) -> None:
        self.recognisers: dict[str, emotrace.Recogniser] = {}
        self.sessions: dict[str, onnxruntime.InferenceSession] = {}

    def versions(self) -> dict[str, dict[str, str]]:
        """The versions of the measured packages."""
        return {"versions": {"emotrace": emotrace.__version__, "onnxruntime": onnxruntime.__version__}}

    def load(self, model: str) -> None:
        """Load a model."""
        self.recognisers[model] = emotrace.load(model, threads=cores())

    def clip(self, model: str, path: str) -> None:
        """One file, to label and timeline."""
        self.recognisers[model](path)

    def window(self, model: str, samples: str, output: str | None = None) -> None:
        """Log-posteriors of one window of samples in a .npy file, written to another one if named."""
        recogniser = self.recognisers[model]
        logs = recogniser.frame_scores(recogniser.read((np.load(samples), RATE_HZ))).log_posteriors
        if output:
            np.save(output, logs)

    def batch(self, model: str, samples: str, size: int) -> None:
        """A batch of equal windows through the ONNX session alone."""
        if model not in self.sessions:
            self.sessions[model] = load_model_folder(model).start_session(cores())
        waveform = np.tile(np.load(samples), (size, 1))
        lengths = np.full(size, waveform.shape[1], dtype=np.int64)
        self.sessions[model].run(None, {"waveform": waveform, "lengths": lengths})


if __name__ == "__main__":
    serve(Runtime())

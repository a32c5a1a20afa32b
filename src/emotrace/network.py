"""The network of a model folder, run by ONNX Runtime: waveforms → logarithms that make sense."""

import os

import numpy as np
import numpy.typing as npt

from emotrace.audio_checks import Samples
from emotrace.decoding import Floats
from emotrace.errors import EmotraceError, ModelError
from emotrace.model_folder import ModelFolder


class Network:
    """A network ready to run, from several threads at once if need be.

    Args:
        folder: the model folder
        threads: how many threads one call uses; None: as many as there are processors for this process

    Raises:
        ModelError: if `model.onnx` is not what `config.json` says
    """

    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        self.path, self.config = folder.path, folder.config
        self._session = folder.session(threads or _processors())
        self._stopped = False

    def posteriors_of(self, samples: Samples) -> Floats:
        """Log-posteriors of one window, shape (frame, K + 1)."""
        log_posteriors, lengths = self._run(samples[None], ["log_posteriors", "frame_lengths"])
        return self._sound(log_posteriors[0, : int(lengths[0])], classes=len(self.config.labels) + 1)

    def log_scores_of(self, clips: Samples) -> Floats:
        """Log-scores of clips of one length, (clip, sample) → (clip, K)."""
        (log_scores,) = self._run(clips, ["log_scores"])
        return self._sound(log_scores, len(self.config.labels))

    def stop(self) -> None:
        """End what other threads have under way, and all that is asked hereafter, by an error."""
        self._stopped = True

    def _run(self, waveform: Samples, outputs: list[str]) -> list[npt.NDArray[np.generic]]:
        if self._stopped:
            raise EmotraceError("stopped before it was done")
        lengths = np.full(len(waveform), waveform.shape[1], dtype=np.int64)
        feed = {"waveform": np.ascontiguousarray(waveform, dtype=np.float32), "lengths": lengths}
        try:
            found: list[npt.NDArray[np.generic]] = self._session.run(outputs, feed)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises many kinds, without a common base
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{self.path}: the network failed ({reason}); export the model again") from None
        return found

    def _sound(self, output: npt.NDArray[np.generic], classes: int) -> Floats:
        logs = np.asarray(output, dtype=np.float64)
        if logs.ndim != 2 or not len(logs) or logs.shape[1] != classes or not (logs < np.inf).all():
            kind = "numbers that are not finite" if logs.size else "nothing"
            raise ModelError(
                f"{self.path}: the network gave {kind}, of shape {logs.shape}, "
                f"expected {classes} logarithms a row; export the model again"
            )
        return logs


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

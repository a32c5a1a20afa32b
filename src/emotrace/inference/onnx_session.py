"""The network of a model folder, run by ONNX Runtime: waveforms → logarithms that make sense."""

import os

import numpy as np
import numpy.typing as npt

from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats
from emotrace.errors import EmotraceError, ModelError
from emotrace.inference.model_folder import ModelFolder, one_line

_SPARE_S = 0.5  # what padding may add to a window
_ROUNDING = 1e-2  # of a network in half precision


class OnnxSession:
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

    def run_window(self, samples: Samples) -> tuple[Floats, Floats, Floats]:
        """Of one window log-posteriors (frame, K + 1), and what functionals say.

        That is, what is added to the log-scores of the whole and last to the log-odds of there being no
        emotion in it (K + 1,), and what each frame's stretch adds in a second (frame, K + 1).
        """
        log_posteriors, lengths, *more = self._run(samples[None], list(self.config.outputs))
        frames = lengths[0] if lengths.shape == (1,) and lengths.dtype.kind in "iu" else -1
        if log_posteriors.ndim != 3 or len(log_posteriors) != 1 or not 0 < frames <= log_posteriors.shape[1]:
            raise ModelError(
                f"{self.path}: the network gave log_posteriors of shape {log_posteriors.shape} and "
                f"frame_lengths {lengths.ravel()[:3].tolist()} for one window; export the model again"
            )
        step_s = self.config.frame_step_s or 0.0
        if frames * step_s > _SPARE_S + len(samples) / self.config.sampling_rate:
            raise ModelError(
                f"{self.path}: the network gave {frames} frames of {step_s} s for {len(samples)} samples; "
                "export the model again"
            )
        logs = self._check_logarithms(log_posteriors[0, : int(frames)], classes=len(self.config.labels) + 1)
        if not (np.abs(np.logaddexp.reduce(logs, axis=1)) < _ROUNDING).all():
            raise ModelError(
                f"{self.path}: the network gave log_posteriors whose probabilities do not sum to 1; "
                "export the model again"
            )
        emotions = len(self.config.labels)
        if not more:
            return logs, np.zeros(emotions + 1), np.zeros((len(logs), emotions + 1))
        label_scores, step_scores = more
        if step_scores.shape != (1, log_posteriors.shape[1], emotions + 1):
            raise ModelError(
                f"{self.path}: the network gave step_scores of shape {step_scores.shape} beside "
                f"{log_posteriors.shape[1]} frames; export the model again"
            )
        along = self._check_logarithms(step_scores[0, : int(frames)], emotions + 1)
        return logs, self._check_logarithms(label_scores, emotions + 1)[0], along

    def run_clips(self, clips: Samples) -> Floats:
        """Log-scores of clips of one length, (clip, sample) → (clip, K)."""
        (log_scores,) = self._run(clips, ["log_scores"])
        return self._check_logarithms(log_scores, len(self.config.labels))

    def stop(self) -> None:
        """End what other threads have under way, and all that is asked hereafter, by an error."""
        self._stopped = True

    def _run(self, waveform: Samples, outputs: list[str]) -> list[npt.NDArray[np.generic]]:
        if self._stopped:
            raise EmotraceError("stopped before it was done")
        lengths = np.full(len(waveform), waveform.shape[1], dtype=np.int64)
        push = {"waveform": np.ascontiguousarray(waveform, dtype=np.float32), "lengths": lengths}
        try:
            found: list[npt.NDArray[np.generic]] = self._session.run(outputs, push)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises many kinds, without a common base
            raise ModelError(
                f"{self.path}: the network failed ({one_line(error)}); export the model again"
            ) from None
        return found

    def _check_logarithms(self, output: npt.NDArray[np.generic], classes: int) -> Floats:
        if output.dtype.kind != "f" or output.ndim != 2 or not len(output) or output.shape[1] != classes:
            raise ModelError(
                f"{self.path}: the network gave {output.dtype} of shape {output.shape}, "
                f"expected {classes} logarithms a row; export the model again"
            )
        logs = np.asarray(output, dtype=np.float64)
        if not (logs < np.inf).all():
            raise ModelError(
                f"{self.path}: the network gave numbers that are not finite, expected logarithms of "
                "probabilities; export the model again"
            )
        return logs


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

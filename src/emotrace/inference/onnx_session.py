"""The network of a model folder, run by ONNX Runtime; its outputs are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats
from emotrace.errors import EmotraceError, ModelError
from emotrace.inference.model_folder import ModelFolder, one_line
from emotrace.system.interrupts import call_interruptibly
from emotrace.system.processors import check_threads

if TYPE_CHECKING:
    import onnxruntime

_PADDING_S = 0.5  # how much longer than a window its frames may be, because layers pad
_STOPPED = "stopped before it was done"
_SUM_TOLERANCE = 1e-2  # of probabilities computed in half precision


@dataclass(frozen=True, slots=True)
class WindowOutputs:
    """The outputs of a CTC system for one window. The scores are zero if the model has no functionals.

    Attributes:
        log_posteriors: shape (frame, K + 1), blank last
        label_scores: added to the window's log-likelihoods and, last, to its log-odds of "no emotion",
            shape (K + 1,)
        step_scores: the same for a segment around each frame, per second, shape (frame, K + 1)
    """

    log_posteriors: Floats
    label_scores: Floats
    step_scores: Floats


class OnnxSession:
    """A network that is ready to run. It can be called from several threads at once.

    Args:
        folder: the model folder
        threads: number of threads per call, 1 to 512; None stands for 1

    Raises:
        EmotraceError: if there are more threads
        ModelError: if `model.onnx` contradicts `config.json`
    """

    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        self.path, self.config = folder.path, folder.config
        self._session = folder.start_session(check_threads(threads))
        self._running: set[onnxruntime.RunOptions] = set()
        self._stopped = False

    def run_window(self, samples: Samples) -> WindowOutputs:
        """Run a CTC system on one window, shape (sample,).

        Raises:
            ModelError: if the outputs are not what a model of this kind gives
        """
        log_posteriors, lengths, *of_functionals = self._run(samples[None], list(self.config.outputs))
        frames = lengths[0] if lengths.shape == (1,) and lengths.dtype.kind in "iu" else -1
        if log_posteriors.ndim != 3 or len(log_posteriors) != 1 or not 0 < frames <= log_posteriors.shape[1]:
            raise self._error(
                f"gave log_posteriors of shape {log_posteriors.shape} and frame_lengths "
                f"{lengths.ravel()[:3].tolist()} for one window"
            )
        step_s = self.config.frame_step_s or 0.0
        if frames * step_s > _PADDING_S + len(samples) / self.config.sampling_rate:
            raise self._error(f"gave {frames} frames of {step_s} s for {len(samples)} samples")
        emotions = len(self.config.labels)
        logs = self._check_logarithms(log_posteriors[0, : int(frames)], int(frames), emotions + 1)
        if not (np.abs(np.logaddexp.reduce(logs, axis=1)) < _SUM_TOLERANCE).all():
            raise self._error("gave log_posteriors whose probabilities do not sum to 1")
        if not of_functionals:
            return WindowOutputs(logs, np.zeros(emotions + 1), np.zeros((len(logs), emotions + 1)))
        label_scores, step_scores = of_functionals
        if step_scores.shape != (1, log_posteriors.shape[1], emotions + 1):
            raise self._error(
                f"gave step_scores of shape {step_scores.shape} for {log_posteriors.shape[1]} frames"
            )
        return WindowOutputs(
            logs,
            self._check_logarithms(label_scores, 1, emotions + 1)[0],
            self._check_logarithms(step_scores[0, : int(frames)], int(frames), emotions + 1),
        )

    def run_clips(self, clips: Samples) -> Floats:
        """Log-scores that a classifier gives clips of one length, (clip, sample) → (clip, K)."""
        (log_scores,) = self._run(clips, ["log_scores"])
        return self._check_logarithms(log_scores, len(clips), len(self.config.labels))

    def run_statistics(self, samples: Samples) -> Floats:
        """The statistics of one window that adaptation needs, (sample,) → (2 * feature,)."""
        (statistics,) = self._run(samples[None], ["statistics"])
        if statistics.ndim != 2 or len(statistics) != 1 or not np.isfinite(statistics).all():
            raise self._error(f"gave statistics of shape {statistics.shape} for one window")
        return np.asarray(statistics[0], dtype=np.float64)

    def stop(self) -> None:
        """Make calls that run in other threads, and all later calls, raise an error."""
        self._stopped = True
        for options in tuple(self._running):
            options.terminate = True

    def _run(self, waveform: Samples, outputs: list[str]) -> list[npt.NDArray[np.generic]]:
        lengths = np.full(len(waveform), waveform.shape[1], dtype=np.int64)
        inputs = {"waveform": np.ascontiguousarray(waveform, dtype=np.float32), "lengths": lengths}
        from onnxruntime import RunOptions

        options = RunOptions()
        options.log_severity_level = 4  # it would print that it was stopped
        self._running.add(options)
        try:
            if self._stopped:  # looked up after `options` can be found by `stop`
                raise EmotraceError(_STOPPED)
            found: list[npt.NDArray[np.generic]] = call_interruptibly(
                lambda: self._session.run(outputs, inputs, options),
                stop=lambda: setattr(options, "terminate", True),
            )
        except EmotraceError:
            raise
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no common base class
            if options.terminate:
                raise EmotraceError(_STOPPED) from None
            raise self._error(f"failed ({one_line(error)})") from None
        finally:
            self._running.discard(options)
        return found

    def _check_logarithms(self, output: npt.NDArray[np.generic], rows: int, classes: int) -> Floats:
        if output.dtype.kind != "f" or output.shape != (rows, classes):
            raise self._error(
                f"gave {output.dtype} of shape {output.shape}, expected logarithms of shape {(rows, classes)}"
            )
        logs = np.asarray(output, dtype=np.float64)
        if not (logs < np.inf).all() or not (logs.max(axis=1) > -np.inf).all():
            raise self._error("gave numbers that are not finite, expected logarithms of probabilities")
        return logs

    def _error(self, problem: str) -> ModelError:
        return ModelError(f"{self.path}: the network {problem}; export the model again")

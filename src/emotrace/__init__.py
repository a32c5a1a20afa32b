"""Speech emotion recognition with a timeline: which emotion, and from when to when.

>>> import emotrace
>>> recogniser = emotrace.load()  # doctest: +SKIP
>>> result = recogniser("a.wav")  # doctest: +SKIP
>>> result.label, result.timeline[0].start  # doctest: +SKIP
('anger', 0.12)
"""

from importlib import import_module
from os import environ as _environ
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotrace.audio.reading import Audio, AudioStream
    from emotrace.errors import (
        AudioError,
        CorpusError,
        EmotraceError,
        MissingExtraError,
        ModelError,
        RecipeError,
        RunError,
        SegmentError,
    )
    from emotrace.evaluation.metrics import Interval, Metrics
    from emotrace.evaluation.model_evaluation import Evaluation, evaluate
    from emotrace.evaluation.predictions import Prediction
    from emotrace.experiments.cross_validation import CrossValidationResult, cross_validate
    from emotrace.experiments.train import TrainingResult, train
    from emotrace.inference.frame_scores import FrameScores
    from emotrace.inference.model_config import ModelConfig
    from emotrace.inference.model_folder import ModelFolder
    from emotrace.inference.recogniser import Recogniser, load
    from emotrace.inference.result import Result
    from emotrace.inference.streaming import Stream
    from emotrace.segment import Segment
    from emotrace.timeline import Provisional, Span, SpanEvent, Timeline
    from emotrace.warning import RecognitionWarning

# From 1.29, ONNX Runtime sends facts about models and machines to Microsoft, and keeps an identifier of the
# machine on the disk, unless this is set before it is first imported.
_environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Audio",
    "AudioError",
    "AudioStream",
    "CorpusError",
    "CrossValidationResult",
    "EmotraceError",
    "Evaluation",
    "FrameScores",
    "Interval",
    "Metrics",
    "MissingExtraError",
    "ModelConfig",
    "ModelError",
    "ModelFolder",
    "Prediction",
    "Provisional",
    "RecipeError",
    "Recogniser",
    "RecognitionWarning",
    "Result",
    "RunError",
    "Segment",
    "SegmentError",
    "Span",
    "SpanEvent",
    "Stream",
    "Timeline",
    "TrainingResult",
    "cross_validate",
    "evaluate",
    "load",
    "train",
]

_MODULES = {
    "audio.reading": ("Audio", "AudioStream"),
    "evaluation.metrics": ("Interval", "Metrics"),
    "evaluation.model_evaluation": ("Evaluation", "evaluate"),
    "evaluation.predictions": ("Prediction",),
    "experiments.cross_validation": ("CrossValidationResult", "cross_validate"),
    "experiments.train": ("TrainingResult", "train"),
    "inference.frame_scores": ("FrameScores",),
    "inference.model_config": ("ModelConfig",),
    "inference.model_folder": ("ModelFolder",),
    "inference.recogniser": ("Recogniser", "load"),
    "inference.result": ("Result",),
    "inference.streaming": ("Stream",),
    "segment": ("Segment",),
    "timeline": ("Provisional", "Span", "SpanEvent", "Timeline"),
    "warning": ("RecognitionWarning",),
}
_MODULE_OF_NAME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import emotrace` stays fast."""
    if name == "__version__":
        from importlib.metadata import version

        return version("emotrace")
    if name not in __all__:
        raise AttributeError(f"module 'emotrace' has no attribute {name!r}")
    module = _MODULE_OF_NAME.get(name, "errors")
    try:
        return getattr(import_module(f"emotrace.{module}"), name)
    except ModuleNotFoundError as error:
        if not module.startswith(("evaluation.", "experiments.")):
            raise
        from emotrace.errors import MissingExtraError

        raise MissingExtraError(
            f'emotrace.{name} needs {error.name}, which is not installed; run: pip install "emotrace[train]"'
        ) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])

"""Speech emotion recognition with a timeline: which emotion, and from when to when.

>>> import emotrace
>>> recogniser = emotrace.load()  # doctest: +SKIP
>>> result = recogniser("a.wav")  # doctest: +SKIP
>>> result.label, result.timeline[0].start  # doctest: +SKIP
('anger', 0.12)
"""

from importlib import import_module
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
    from emotrace.inference.frame_scores import FrameScores
    from emotrace.inference.model_config import ModelConfig
    from emotrace.inference.model_folder import ModelFolder
    from emotrace.inference.recogniser import Recogniser, load
    from emotrace.inference.result import Result
    from emotrace.inference.streaming import Stream
    from emotrace.segment import Segment
    from emotrace.timeline import Span, SpanEvent, Timeline
    from emotrace.warning import RecognitionWarning

__all__ = [
    "Audio",
    "AudioError",
    "AudioStream",
    "CorpusError",
    "EmotraceError",
    "FrameScores",
    "MissingExtraError",
    "ModelConfig",
    "ModelError",
    "ModelFolder",
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
    "load",
]

_MODULES = {
    "audio.reading": ("Audio", "AudioStream"),
    "inference.frame_scores": ("FrameScores",),
    "inference.model_config": ("ModelConfig",),
    "inference.model_folder": ("ModelFolder",),
    "inference.recogniser": ("Recogniser", "load"),
    "inference.result": ("Result",),
    "inference.streaming": ("Stream",),
    "segment": ("Segment",),
    "timeline": ("Span", "SpanEvent", "Timeline"),
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
    return getattr(import_module(f"emotrace.{_MODULE_OF_NAME.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])

"""Speech emotion recognition that shows where in time the emotion is.

>>> import emotrace
>>> recogniser = emotrace.load("models/emodb")  # doctest: +SKIP
>>> result = recogniser("a.wav")  # doctest: +SKIP
>>> result.label, result.timeline[0].start  # doctest: +SKIP
('anger', 0.12)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from emotrace.inference.recogniser import Recogniser, load
    from emotrace.inference.result import Result
    from emotrace.timeline import Span, Timeline

__all__ = [
    "AudioError",
    "CorpusError",
    "EmotraceError",
    "MissingExtraError",
    "ModelError",
    "RecipeError",
    "Recogniser",
    "Result",
    "RunError",
    "SegmentError",
    "Span",
    "Timeline",
    "load",
]

_HOMES = {
    "Recogniser": "inference.recogniser",
    "load": "inference.recogniser",
    "Result": "inference.result",
    "Span": "timeline",
    "Timeline": "timeline",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that `import emotrace` costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("emotrace")
    if name not in __all__:
        raise AttributeError(f"module 'emotrace' has no attribute {name!r}")
    return getattr(import_module(f"emotrace.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])

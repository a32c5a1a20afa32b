"""Results as JSON: one object per line, or a list of objects."""

import json
import re
from collections.abc import Iterable, Iterator

from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.inference.result import Result

# JSON allows these inside strings, but terminals and some line readers act on them.
_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029]")


def format_object(result: Result, top_k: int | None = None) -> str:
    """One result as one line, without a line break at its end.

    >>> from emotrace.timeline import Timeline
    >>> from emotrace.warning import RecognitionWarning
    >>> warnings = (RecognitionWarning("silence", "digital silence"),)
    >>> silence = Result(None, None, None, Timeline(), 2.0, "a.wav", warnings, "tiny")
    >>> print(format_object(silence))
    {"schema_version": 1, "model": "tiny", "file": "a.wav", "duration_s": 2.0, "label": null, "score": null,
     "scores": null, "timeline": [], "warnings": ["digital silence"]}
    """
    text = json.dumps(result.to_dict(top_k), ensure_ascii=False, allow_nan=False)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def format_predictions(results: Iterable[Result], options: PredictionOptions) -> Iterator[str]:
    """A JSON list of results, in pieces.

    >>> "".join(format_predictions([], PredictionOptions()))
    '[]\\n'
    """
    return _format_list(results, options.top_k)


def format_prediction_lines(results: Iterable[Result], options: PredictionOptions) -> Iterator[str]:
    """JSON Lines: one result per line."""
    return (format_object(result, options.top_k) + "\n" for result in results)


def format_timelines(results: Iterable[Result]) -> Iterator[str]:
    """A JSON list of results with their timelines, in pieces."""
    return _format_list(results, None)


def format_timeline(result: Result) -> str:
    """One result with its timeline as one line."""
    return format_object(result) + "\n"


def _format_list(results: Iterable[Result], top_k: int | None) -> Iterator[str]:
    separator = "["
    for result in results:
        yield f"{separator}\n  {format_object(result, top_k)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"

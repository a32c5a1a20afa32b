"""Results as JSON: one object a line, or a list of them."""

import json
from collections.abc import Iterable, Iterator

from emotrace.inference.result import Result


def line(result: Result, top_k: int | None = None) -> str:
    """One result as one line, without its newline.

    >>> from emotrace.timeline import Timeline
    >>> from emotrace.warning import RecognitionWarning
    >>> warnings = (RecognitionWarning("silence", "digital silence"),)
    >>> silence = Result(None, None, None, Timeline(), 2.0, "a.wav", warnings, "tiny")
    >>> print(line(silence))
    {"schema_version": 1, "model": "tiny", "file": "a.wav", "duration_s": 2.0, "label": null, "score": null,
     "scores": null, "timeline": [], "warnings": ["digital silence"]}
    """
    return json.dumps(result.to_dict(top_k), ensure_ascii=False, allow_nan=False)


def listed(results: Iterable[Result], top_k: int | None = None) -> Iterator[str]:
    """A JSON list of results, piece by piece as they come.

    >>> "".join(listed([]))
    '[]\\n'
    """
    separator = "["
    for result in results:
        yield f"{separator}\n  {line(result, top_k)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"

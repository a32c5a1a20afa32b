"""Results as CSV: a row per recording, or a row per span."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from emotrace.inference.result import Result


def predictions(
    results: Iterable[Result], labels: Sequence[str], top_k: int | None = None, segments: bool = False
) -> Iterator[str]:
    """A header, and a row per recording: file, duration, label, score, a score per label, warnings.

    Where `segments` were given, a row per segment, which says after its file where it lies and who says what.

    >>> from emotrace.timeline import Timeline
    >>> result = Result("anger", 0.9, {"anger": 0.9, "sadness": 0.1}, Timeline(), 2.0, "a.wav", (), "tiny")
    >>> print("".join(predictions([result], ["anger", "sadness"])), end="")
    file,duration_s,label,score,score_anger,score_sadness,warnings
    a.wav,2.000,anger,0.900000,0.900000,0.100000,
    """
    where = ("start", "end", "text", "speaker") if segments else ()
    scores = [f"score_{label}" for label in labels]
    yield _row(["file", *where, "duration_s", "label", "score", *scores, "warnings"])
    for result in results:
        kept = result.best(top_k)
        segment = {} if result.segment is None else result.segment.to_dict()
        yield _row(
            [
                result.file,
                *(segment.get(column) for column in where),
                f"{result.duration_s:.3f}",
                result.label,
                _number(result.score),
                *(_number(kept.get(label)) for label in labels),
                "; ".join(map(str, result.warnings)),
            ]
        )


def spans(results: Iterable[Result]) -> Iterator[str]:
    """A header, and a row per span: file, start, end, emotion, score.

    >>> from emotrace.timeline import Span, Timeline
    >>> result = Result(
    ...     "anger", 0.9, {"anger": 0.9}, Timeline((Span(0.1, 1.2, "anger", 0.9),)), 2.0, "a.wav", (), "tiny"
    ... )
    >>> print("".join(spans([result])), end="")
    file,start,end,emotion,score
    a.wav,0.100,1.200,anger,0.900000
    """
    yield _row(["file", "start", "end", "emotion", "score"])
    for result in results:
        for span in result.timeline:
            times = f"{span.start:.3f}", f"{span.end:.3f}"
            yield _row([result.file, *times, span.emotion, _number(span.score)])


def _number(score: float | None) -> str:
    return "" if score is None else f"{score:.6f}"


def _row(values: Sequence[Any]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(values)
    return file.getvalue()

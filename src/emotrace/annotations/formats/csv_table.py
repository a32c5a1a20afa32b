"""CSV tables: segments to recognise, predictions, and timelines. Times are in seconds."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.errors import SegmentError
from emotrace.inference.result import Result
from emotrace.segment import Segment, parse_seconds, quoted

_COLUMNS = "[file,]start,end[,text][,speaker]"


def parse_segments(text: str) -> list[Segment]:
    """One segment per row below the header; other columns are ignored.

    >>> parse_segments("file,start,end,text\\na.wav,0.5,2,Guten Tag\\n")
    [Segment(start=0.5, end=2.0, text='Guten Tag', speaker=None, file='a.wav', line=2)]

    Raises:
        SegmentError: if the header has no start and end, or a row does not match the header
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    segments = []
    try:
        for row in rows:
            if not any(value.strip() for value in row):
                continue
            if header is None:
                header = _parse_header(row)
            else:
                segments.append(_parse_row(header, row, rows.line_num))
    except csv.Error as error:
        raise SegmentError(f"line {rows.line_num}: found no CSV ({error}), expected {_COLUMNS}") from None
    if header is None:
        raise SegmentError(f"found no header, expected the columns {_COLUMNS}")
    return segments


def format_predictions(results: Iterable[Result], options: PredictionOptions) -> Iterator[str]:
    """A header, then one row per result: file, duration, label, score, a score per label, warnings.

    With `options.segments`, the columns start, end, text and speaker of the segment follow the file, and
    with `options.channels` the column channel.

    >>> from emotrace.timeline import Timeline
    >>> result = Result("anger", 0.9, {"anger": 0.9, "sadness": 0.1}, Timeline(), 2.0, "a.wav", (), "tiny")
    >>> print("".join(format_predictions([result], PredictionOptions(("anger", "sadness")))), end="")
    file,duration_s,label,score,score_anger,score_sadness,warnings
    a.wav,2.000,anger,0.900000,0.900000,0.100000,
    """
    channel_columns = ("channel",) if options.channels else ()
    segment_columns = ("start", "end", "text", "speaker") if options.segments else ()
    score_columns = [f"score_{label}" for label in options.labels]
    columns = ["file", *channel_columns, *segment_columns, "duration_s", "label", "score", *score_columns]
    yield _format_row([*columns, "warnings"])
    for result in results:
        best = result.best(options.top_k)
        segment = {} if result.segment is None else result.segment.to_dict()
        yield _format_row(
            [
                result.file,
                *(result.channel for _ in channel_columns),
                *(segment.get(column) for column in segment_columns),
                f"{result.duration_s:.3f}",
                result.label,
                _format_score(result.score),
                *(_format_score(best.get(label)) for label in options.labels),
                "; ".join(map(str, result.warnings)),
            ]
        )


def format_timelines(results: Iterable[Result]) -> Iterator[str]:
    """A header, then one row per span: file, start, end, emotion, score.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.1, 1.2, "anger", 0.9),))
    >>> result = Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "a.wav", (), "tiny")
    >>> print("".join(format_timelines([result])), end="")
    file,start,end,emotion,score
    a.wav,0.100,1.200,anger,0.900000
    """
    yield _format_row(["file", "start", "end", "emotion", "score"])
    for result in results:
        for span in result.timeline:
            times = f"{span.start:.3f}", f"{span.end:.3f}"
            yield _format_row([result.file, *times, span.emotion, _format_score(span.score)])


def format_timeline(result: Result) -> str:
    """The table of one recording."""
    return "".join(format_timelines([result]))


def _parse_header(row: Sequence[str]) -> list[str]:
    names = [name.strip().lower() for name in row]
    for name in ("start", "end"):
        if name not in names:
            hint = "; put commas between them" if len(names) == 1 else ""
            raise SegmentError(
                f"found the columns {quoted(','.join(names))}, expected {_COLUMNS}, times in seconds{hint}"
            )
    for name in ("file", "start", "end", "text", "speaker"):
        if names.count(name) > 1:
            raise SegmentError(f"found the column {name!r} twice, expected it once; remove one of them")
    return names


def _parse_row(header: Sequence[str], row: Sequence[str], line: int) -> Segment:
    if len(row) != len(header):
        raise SegmentError(
            f"line {line}: found {len(row)} fields, expected {len(header)} as in the header; "
            "put a field that contains a comma in double quotes"
        )
    fields = dict(zip(header, row, strict=True))
    if fields.get("file") == "":
        raise SegmentError(f"line {line}: found no file, expected the name of a recording")
    return Segment(
        parse_seconds(fields["start"], "start", line),
        parse_seconds(fields["end"], "end", line),
        text=fields.get("text"),
        speaker=fields.get("speaker"),
        file=fields.get("file"),
        line=line,
    )


def _format_score(score: float | None) -> str:
    return "" if score is None else f"{score:.6f}"


def _format_row(values: Sequence[Any]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(values)
    return file.getvalue()

"""CSV tables: segments to recognise, predictions, and timelines. Times are in seconds."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

import numpy as np

from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.audio import media, reading
from emotrace.errors import SegmentError, TableError
from emotrace.inference.frame_scores import FrameScores
from emotrace.inference.result import Result
from emotrace.segment import Segment, quoted
from emotrace.tables.reading import Columns, Row, read_rows
from emotrace.tables.times import parse_time
from emotrace.tables.writing import format_row

_COLUMNS = Columns(
    required=("start", "end"),
    optional=("file", "text", "speaker"),
    decisive=("file",),
    layout="[file,]start,end[,text][,speaker]",
)


def parse_segments(text: str) -> list[Segment]:
    """One segment per row below the header; other columns are ignored.

    An empty start or end is that of the recording.

    >>> parse_segments("file,start,end,text\\na.wav,0.5,2,Guten Tag\\n")
    [Segment(start=0.5, end=2.0, text='Guten Tag', speaker=None, file='a.wav', line=2)]

    Raises:
        SegmentError: if the header has no start and end, or a row does not match the header
    """
    try:
        return [_parse_row(row) for row in read_rows(text, _COLUMNS)]
    except TableError as error:
        raise SegmentError(str(error)) from None


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
    yield format_row([*columns, "warnings"])
    for result in results:
        best = result.best(options.top_k)
        segment = {} if result.segment is None else result.segment.to_dict()
        yield format_row(
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
    yield format_row(["file", "start", "end", "emotion", "score"])
    for result in results:
        for span in result.timeline:
            times = f"{span.start:.3f}", f"{span.end:.3f}"
            yield format_row([result.file, *times, span.emotion, _format_score(span.score)])


def format_frames(result: Result, frame_scores: FrameScores | None) -> Iterator[str]:
    """Rows of the scores over time: file, time of the frame's centre, and a probability of each emotion.

    The last column is the probability of no emotion, the blank of CTC; it is 0 for classifiers. There are no
    rows for digital silence. `format_frame_header` gives the header.
    """
    if frame_scores is None:
        return
    for time_s, scores in zip(
        frame_scores.times_s.tolist(), np.exp(frame_scores.log_posteriors).tolist(), strict=True
    ):
        yield format_row([result.file, f"{time_s:.3f}", *map(_format_score, scores)])


def format_frame_header(labels: Sequence[str]) -> str:
    """The header of scores over time.

    >>> format_frame_header(["anger", "sadness"])
    'file,time,score_anger,score_sadness,score_none\\n'
    """
    return format_row(["file", "time", *(f"score_{label}" for label in labels), "score_none"])


def format_timeline(result: Result) -> str:
    """The table of one recording."""
    return "".join(format_timelines([result]))


def _parse_row(row: Row) -> Segment:
    file = row.fields.get("file")
    if file == "":
        raise SegmentError(f"line {row.line}: found no file, expected the name of a recording")
    if file is None:
        _check_for_names(row)
    start, end = _parse_time(row, "start"), _parse_time(row, "end")
    return Segment(
        0.0 if start is None else start,
        math.inf if end is None else end,
        text=row.fields.get("text"),
        speaker=row.fields.get("speaker"),
        file=file,
        line=row.line,
    )


def _check_for_names(row: Row) -> None:
    """Refuse a table whose recordings are named in a column that is not called `file`."""
    for column, value in row.other.items():
        if PurePath(value).suffix.lower() in reading.SUFFIXES | media.SUFFIXES:
            raise SegmentError(
                f"line {row.line}: found {quoted(value)} in the column {quoted(column)}, expected recordings "
                "in the column 'file'; rename it, or remove it if all segments are of one recording"
            )


def _parse_time(row: Row, column: str) -> float | None:
    try:
        return parse_time(row.fields[column])
    except ValueError as error:
        raise SegmentError(
            f"line {row.line}: found {quoted(row.fields[column])} as its {column}, {error}"
        ) from None


def _format_score(score: float | None) -> str:
    return "" if score is None else f"{score:.6f}"

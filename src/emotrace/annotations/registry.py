"""The table of annotation formats.

To add a format, write one module in `formats/` and add one line to `FORMATS`. Functions are named as
"module:function" and imported when they are first used, so reading the table is fast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Format:
    """One annotation format. Functions are references such as "rttm:format_timeline"; None: not supported.

    Attributes:
        name: the name that the option `--format` accepts
        suffix: how names of files in this format end
        media_type: the type that the service gives files in this format
        segments: parses the text of a file, `(str) -> list[Segment]`; with `has_tiers`
            `(str, tier: str | None) -> list[Segment]`
        timeline: formats one recording's timeline as a whole file, `(Result) -> str`; with `needs_audio`
            `(Result, RecordingSummary, labels) -> bytes`
        timelines: formats many recordings' timelines as one file, `(Iterable[Result]) -> Iterator[str]`;
            None if a file can hold one recording only
        predictions: formats one result per recording or segment,
            `(Iterable[Result], PredictionOptions) -> Iterator[str]`
        live: a class that formats spans of standard input as soon as they are final
        needs_audio: whether the writer needs the samples and the scores over time; its bytes go to files only
        warnings_in_timelines: whether timelines contain the warnings; otherwise they go to standard error
        warnings_in_predictions: the same for predictions
        has_tiers: whether segment files have tiers, one of which can be chosen
        refers_to_recording: whether files refer to their recording by its path relative to their own folder;
            `timeline` is then `(Result, folder: Path) -> str`
        requirement: a function that raises MissingExtraError if a package that the writer needs is missing
    """

    name: str
    suffix: str
    media_type: str = "text/plain"
    segments: str | None = None
    timeline: str | None = None
    timelines: str | None = None
    predictions: str | None = None
    live: str | None = None
    needs_audio: bool = False
    warnings_in_timelines: bool = False
    warnings_in_predictions: bool = False
    has_tiers: bool = False
    refers_to_recording: bool = False
    requirement: str | None = None

    @property
    def many_recordings(self) -> bool:
        """Whether one file can hold the timelines of several recordings."""
        return self.timelines is not None


FORMATS = (
    Format(
        "text", ".txt", timeline="text:format_timeline", timelines="text:format_timelines",
        predictions="text:format_predictions", live="text:LiveWriter",
    ),
    Format(
        "json", ".json", "application/json", segments="whisper:parse_json",
        timeline="json_text:format_timeline", timelines="json_text:format_timelines",
        predictions="json_text:format_predictions", warnings_in_timelines=True, warnings_in_predictions=True,
    ),
    Format(
        "jsonl", ".jsonl", "application/x-ndjson", predictions="json_text:format_prediction_lines",
        warnings_in_predictions=True,
    ),
    Format(
        "csv", ".csv", "text/csv", segments="csv_table:parse_segments", timeline="csv_table:format_timeline",
        timelines="csv_table:format_timelines", predictions="csv_table:format_predictions",
        warnings_in_predictions=True,
    ),
    Format("srt", ".srt", segments="srt:parse_segments"),
    Format(
        "textgrid", ".TextGrid", "text/x-textgrid", segments="textgrid:parse_segments",
        timeline="textgrid:format_timeline", has_tiers=True,
    ),
    Format(
        "rttm", ".rttm", "text/x-rttm", segments="rttm:parse_segments", timeline="rttm:format_timeline",
        timelines="rttm:format_timelines",
    ),
    Format(
        "eaf", ".eaf", "application/xml", segments="eaf:parse_segments", timeline="eaf:format_timeline",
        has_tiers=True, refers_to_recording=True,
    ),
    Format("vtt", ".vtt", "text/vtt", segments="vtt:parse_segments", timeline="vtt:format_timeline"),
    Format("tsv", ".tsv", segments="whisper:parse_tsv"),
    Format("audacity", ".labels.txt", "text/x-audacity-labels", timeline="audacity:format_timeline"),
    Format(
        "png", ".png", "image/png", timeline="plot:format_timeline", needs_audio=True,
        requirement="plot:require_matplotlib",
    ),
)  # fmt: skip


def find_format(name: str) -> Format:
    """The format called `name`.

    >>> find_format("rttm").suffix
    '.rttm'

    Raises:
        KeyError: if there is no such format
    """
    return {entry.name: entry for entry in FORMATS}[name]


def import_function(reference: str) -> Callable[..., Any]:
    """Import what a reference of the table points to.

    >>> import_function("rttm:format_timeline").__name__
    'format_timeline'
    """
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(import_module(f"emotrace.annotations.formats.{module}"), name)
    return function

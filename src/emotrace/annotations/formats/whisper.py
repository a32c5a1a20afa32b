"""Transcripts of Whisper: its JSON, that of whisper.cpp, and its TSV."""

import json
from collections.abc import Mapping
from typing import Any

from emotrace.errors import SegmentError
from emotrace.segment import Segment, quoted

_JSON_LAYOUT = 'Whisper\'s JSON: {"segments": [{"start": 0.0, "end": 1.5, "text": "..."}]}'
_TSV_LAYOUT = "Whisper's columns start,end,text, separated by tabs"


def parse_json(text: str) -> list[Segment]:
    """One segment per entry of `segments` (Whisper, WhisperX) or `transcription` (whisper.cpp).

    >>> parse_json('{"segments": [{"start": 0.5, "end": 2, "text": " Guten Tag"}]}')
    [Segment(start=0.5, end=2.0, text='Guten Tag', speaker=None, file=None, line=1)]

    Raises:
        SegmentError: if the text is no JSON, has no segments, or a segment has no times
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise SegmentError(f"found deeply nested JSON, expected {_JSON_LAYOUT}") from None
    except ValueError as error:
        raise SegmentError(f"found no JSON ({str(error)[:80]}), expected {_JSON_LAYOUT}") from None
    entries = content.get("segments", content.get("transcription")) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise SegmentError(f"found no list of segments, expected {_JSON_LAYOUT}")
    return [_parse_entry(number, entry) for number, entry in enumerate(entries, start=1)]


def parse_tsv(text: str) -> list[Segment]:
    """One segment per line below the header; times are whole milliseconds, as Whisper writes them.

    >>> parse_tsv("start\\tend\\ttext\\n500\\t2000\\tGuten Tag\\n")
    [Segment(start=0.5, end=2.0, text='Guten Tag', speaker=None, file=None, line=2)]

    Raises:
        SegmentError: if the header has other columns, or a time is no whole number
    """
    lines = text.splitlines()
    header = [name.strip().lower() for name in lines[0].split("\t")] if lines else []
    if header != ["start", "end", "text"]:
        found = quoted(lines[0] if lines else "")
        raise SegmentError(f"line 1: found {found}, expected {_TSV_LAYOUT}; save other tables as CSV")
    segments = []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            start, _, rest = line.partition("\t")
            end, _, words = rest.partition("\t")
            start_s, end_s = _milliseconds(start.strip(), number), _milliseconds(end.strip(), number)
            segments.append(Segment(start_s, end_s, text=words.strip(), line=number))
    return segments


def _milliseconds(text: str, line: int) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise SegmentError(
            f"line {line}: found {quoted(text)}, expected whole milliseconds, as Whisper writes them; "
            "save times in seconds as CSV"
        )
    return int(text) / 1000


def _parse_entry(number: int, entry: Any) -> Segment:
    times = _times(entry) if isinstance(entry, Mapping) else ()
    numeric = [isinstance(time, int | float) and not isinstance(time, bool) for time in times]
    if len(times) != 2 or not all(numeric) or not all(abs(time) < 1e12 for time in times):
        raise SegmentError(f"segment {number}: found no start and end in seconds, expected {_JSON_LAYOUT}")
    words, speaker = entry.get("text"), entry.get("speaker")
    return Segment(
        float(times[0]),
        float(times[1]),
        text=words.strip() if isinstance(words, str) else None,
        speaker=speaker if isinstance(speaker, str) else None,
        line=number,
    )


def _times(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    offsets = entry.get("offsets")  # whisper.cpp: milliseconds
    if isinstance(offsets, Mapping):
        times = (offsets.get("from"), offsets.get("to"))
        return tuple(time / 1000 if isinstance(time, int) and abs(time) < 1e15 else None for time in times)
    return (entry.get("start"), entry.get("end"))

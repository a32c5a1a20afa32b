"""Claims about timelines as files: independent readers of each format return the spans that were written."""

import html
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import praatio.textgrid
import pytest
import soundfile
import webvtt
from pyannote.database.util import load_rttm
from pympi.Elan import Eaf

from emotrace.annotations.reading import read_segments
from emotrace.annotations.registry import find_format, import_function
from emotrace.cli.app import main
from emotrace.inference.result import Result
from emotrace.timeline import Span, Timeline

Spans = list[tuple[float, float, str]]

ODD_NAMES = [
    "plain.wav",
    "two words.wav",
    "Gespräch 😠 怒り.wav",
    'it\'s "quoted".wav',
    "<a> & b]]>.wav",
    "100% #1?.wav",
    "-dash.wav",
    "line\nbreak.wav",
    "tab\tand\x1bescape.wav",
    "NOTE --> x.wav",
]
TIMELINES = {
    "silence": Timeline(),
    "one emotion throughout": Timeline((Span(0.0, 3725.5, "anger", 0.9),)),
    "gaps and neighbours": Timeline(
        (Span(0.1, 0.8, "anger", 0.9), Span(0.8, 1.2, "fear", 0.4), Span(3600.25, 3725.5, "anger", 0.123))
    ),
    "fractions of milliseconds": Timeline(
        (Span(0.33333, 0.66666, "calm", 1 / 3), Span(0.66667, 1, "rest", 0.5))
    ),
    "a span without length": Timeline((Span(0.5, 0.5, "anger", 0.9), Span(0.5, 0.9, "fear", 0.9))),
    "labels with special characters": Timeline(
        (Span(0, 1, 'a "b"', 0.9), Span(1, 2, "<c> & d", 0.9), Span(2, 3, "Wut 😠", 0.9))
    ),
}


def read_textgrid(path: Path) -> Spans:
    grid = praatio.textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")
    assert grid.tierNames == ("emotion", "score")
    assert [e[:2] for e in grid.getTier("emotion").entries] == [e[:2] for e in grid.getTier("score").entries]
    return [(entry.start, entry.end, entry.label) for entry in grid.getTier("emotion").entries]


def read_eaf(path: Path) -> Spans:
    document = Eaf(str(path))
    emotions = sorted(document.get_annotation_data_for_tier("emotion"))
    assert [span[:2] for span in emotions] == [
        s[:2] for s in sorted(document.get_annotation_data_for_tier("score"))
    ]
    return [(start / 1000, end / 1000, emotion) for start, end, emotion in emotions]


def read_rttm(path: Path) -> Spans:
    if not path.stat().st_size:  # pyannote reads with pandas, which rejects empty tables
        return []
    (annotation,) = load_rttm(path).values()
    return [
        (turn.start, turn.end, unquote(name)) for turn, _, name in annotation.itertracks(yield_label=True)
    ]


def read_vtt(path: Path) -> Spans:
    def seconds(time: webvtt.models.Timestamp) -> float:
        return time.in_seconds() + time.milliseconds / 1000

    return [  # webvtt-py leaves the character references of the text as they are
        (seconds(cue.start_time), seconds(cue.end_time), html.unescape(cue.text).rpartition(" ")[0])
        for cue in webvtt.read(str(path), strict=True)
    ]


def read_audacity(path: Path) -> Spans:
    """As in its manual: start, end and label separated by tabs; times in seconds with a decimal point."""
    spans = []
    for line in path.read_text(encoding="utf-8").splitlines():
        start, end, label = line.split("\t")
        assert re.fullmatch(r"\d+\.\d{3}", start)
        assert re.fullmatch(r"\d+\.\d{3}", end)
        spans.append((float(start), float(end), label.rpartition(" ")[0]))
    return spans


READERS = {
    "textgrid": read_textgrid,
    "eaf": read_eaf,
    "rttm": read_rttm,
    "vtt": read_vtt,
    "audacity": read_audacity,
}


def write_timeline(path: Path, format_name: str, result: Result) -> Path:
    """Write a result in a format, under the path's name and the format's suffix."""
    entry = find_format(format_name)
    assert entry.timeline is not None
    return write(path.with_suffix(entry.suffix), import_function(entry.timeline)(result))


def make_result(timeline: Timeline, file: str | None = "a.wav", duration_s: float = 3725.5) -> Result:
    return Result("anger", 0.9, {"anger": 0.9}, timeline, duration_s, file, (), "tiny")


@pytest.mark.parametrize("format_name", READERS)
@pytest.mark.parametrize("name", TIMELINES)
def test_every_timeline_is_read_back_unchanged(tmp_path: Path, format_name: str, name: str) -> None:
    path = write_timeline(tmp_path / "a", format_name, make_result(TIMELINES[name]))
    expected = [
        (round(span.start, 3), round(span.end, 3), span.emotion)
        for span in TIMELINES[name]
        if round(span.start, 3) < round(span.end, 3)
    ]
    found = READERS[format_name](path)
    assert [emotion for *_, emotion in found] == [emotion for *_, emotion in expected]
    assert np.allclose([span[:2] for span in found], [span[:2] for span in expected], atol=1e-6, rtol=0)


def test_a_textgrid_has_no_gaps_and_is_as_long_as_the_recording(tmp_path: Path) -> None:
    path = write_timeline(tmp_path / "a", "textgrid", make_result(TIMELINES["gaps and neighbours"]))
    grid = praatio.textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    entries = grid.getTier("emotion").entries
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 3725.5)
    assert (entries[0].start, entries[-1].end) == (0, 3725.5)
    assert all(one.end == other.start for one, other in pairwise(entries))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_eaf_refers_to_recordings_of_any_name(tmp_path: Path, name: str) -> None:
    path = write_timeline(tmp_path / "a", "eaf", make_result(TIMELINES["silence"], str(tmp_path / name)))
    (medium,) = Eaf(str(path)).media_descriptors
    assert unquote(urlsplit(medium["MEDIA_URL"]).path) == str(tmp_path / name)
    assert unquote(medium["RELATIVE_MEDIA_URL"]) == f"./{name}"


def test_eaf_has_its_elements_in_the_order_of_the_schema(tmp_path: Path) -> None:
    path = write_timeline(tmp_path / "a", "eaf", make_result(TIMELINES["gaps and neighbours"]))
    root = ET.parse(path).getroot()
    assert [part.tag for part in root] == ["HEADER", "TIME_ORDER", "TIER", "TIER", "LINGUISTIC_TYPE"]
    identities = [part.attrib["ANNOTATION_ID"] for part in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(identities)) == len(identities) == 6
    path = write_timeline(tmp_path / "b", "eaf", make_result(Timeline(), file=None))
    assert Eaf(str(path)).media_descriptors == []


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ODD_NAMES)
def test_rttm_refers_to_recordings_of_any_name(tmp_path: Path, name: str) -> None:
    result = make_result(TIMELINES["gaps and neighbours"], f"x/{name}")
    path = write_timeline(tmp_path / "a", "rttm", result)
    assert [unquote(uri) for uri in load_rttm(path)] == [Path(name).stem]


def test_rttm_stores_the_score_as_confidence(tmp_path: Path) -> None:
    path = write_timeline(tmp_path / "a", "rttm", make_result(Timeline((Span(0, 1, "anger", 0.25),))))
    assert path.read_text().split()[8] == "0.250"


@pytest.mark.parametrize("format_name", [*READERS, "text", "json", "csv"])
def test_output_files_have_the_names_of_their_recordings(
    tiny_model: Path,
    tmp_path: Path,
    speech_like: Callable[..., np.ndarray],
    capsys: pytest.CaptureFixture[str],
    format_name: str,
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ODD_NAMES:
        soundfile.write(folder / name, speech_like(0.5), 16_000)
    soundfile.write(folder / "silence.wav", np.zeros(8_000), 16_000)
    with pytest.raises(SystemExit) as end:
        main(
            ["trace", str(folder), "--model", str(tiny_model), "--format", format_name, "--output", str(out)]
        )
    assert end.value.code == 0
    suffix = find_format(format_name).suffix
    stems = {path.name.removesuffix(suffix): path for path in out.iterdir()}
    assert stems.keys() == {Path(name).stem for name in (*ODD_NAMES, "silence.wav")}
    err = capsys.readouterr().err
    assert all(line.startswith("emotrace: ") for line in err.splitlines())
    for stem, path in stems.items():
        if format_name in READERS:
            spans = READERS[format_name](path)
            assert [emotion for *_, emotion in spans] == ([] if stem == "silence" else ["anger"])
        elif format_name == "json":
            assert Path(json.loads(path.read_text(encoding="utf-8"))["file"]).stem == stem


@pytest.mark.parametrize("format_name", [*READERS, "text", "json", "csv"])
def test_names_that_are_not_valid_utf8_are_written(
    tiny_model: Path, tmp_path: Path, speech_like: Callable[..., np.ndarray], format_name: str
) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    soundfile.write(str(tmp_path / "a.wav"), speech_like(0.5), 16_000)
    (tmp_path / "a.wav").rename(path)
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        main(["trace", str(path), "--model", str(tiny_model), "--format", format_name, "--output", str(out)])
    assert end.value.code == 0
    (written,) = out.iterdir()
    assert "anger" in written.read_text(encoding="utf-8")


@pytest.mark.parametrize("format_name", ["rttm", "textgrid", "csv", "eaf", "vtt"])
def test_timelines_are_segment_files(tmp_path: Path, format_name: str) -> None:
    path = write_timeline(tmp_path / "a", format_name, make_result(TIMELINES["gaps and neighbours"]))
    spans = [(span.start, span.end) for span in TIMELINES["gaps and neighbours"]]
    assert [(segment.start, segment.end) for segment in read_segments(path)][:3] == spans


@pytest.mark.parametrize("format_name", ["textgrid", "eaf", "vtt", "audacity"])
def test_one_recording_is_written_to_stdout_and_two_need_a_folder(
    tiny_model: Path,
    tmp_path: Path,
    speech_like: Callable[..., np.ndarray],
    capsys: pytest.CaptureFixture[str],
    format_name: str,
) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(0.5), 16_000)
    calls = {1: ["a.wav"], 2: ["a.wav", "a.wav"]}
    for count, names in calls.items():
        audio = [str(tmp_path / name) for name in names]
        with pytest.raises(SystemExit) as end:
            main(["trace", *audio, "--model", str(tiny_model), "--format", format_name])
        captured = capsys.readouterr()
        if count == 1:
            path = write(tmp_path / "a.stdout", captured.out)
            assert (end.value.code, READERS[format_name](path)) == (0, [(0.0, 0.5, "anger")])
        else:
            assert (end.value.code, captured.out) == (2, "")
            assert "--output DIR" in captured.err

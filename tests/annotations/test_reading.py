"""Claims about segment files: their segments, errors for damaged files, and the assignment to recordings."""

import csv
import os
import unicodedata
from pathlib import Path

import pytest
from praatio import textgrid as praat

from emotrace.annotations.matching import match
from emotrace.annotations.reading import read_segments
from emotrace.errors import SegmentError
from emotrace.segment import Segment

ODD_TEXTS = ['er sagt "nein"', "Ärger 😠 — 怒り", "<b> & co.", "zwei\nZeilen", 'size = 3 "x" item [1]:']
SRT = "1\n00:00:01,000 --> 00:00:02,500\nGuten Tag.\n\n2\n00:00:03,000 --> 00:01:00,5\nUnd?\n"


def times_and_text(segments: list[Segment]) -> list[tuple[float, float, str | None]]:
    return [(segment.start, segment.end, segment.text) for segment in segments]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_textgrids_of_praatio_are_read(tmp_path: Path, form: str, encoding: str) -> None:
    entries = [(0.25 + n, 1.0 + n, text) for n, text in enumerate(ODD_TEXTS)]
    grid = praat.Textgrid()
    grid.addTier(praat.PointTier("clicks", [(1.5, "click")], 0, 9))
    grid.addTier(praat.IntervalTier("Ann", entries, 0, 9))
    grid.addTier(praat.IntervalTier('"Bo"', [(2.0, 3.0, "hm")], 0, 9))
    path = tmp_path / "talk.TextGrid"
    grid.save(str(path), format=form, includeBlankSpaces=True)  # type: ignore[arg-type]
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    read = read_segments(path)
    assert times_and_text(read) == [*entries, (2.0, 3.0, "hm")]
    assert [segment.speaker for segment in read] == ["Ann"] * len(entries) + ['"Bo"']
    assert all(
        f'"{read[-1].text}"' in path.read_text(encoding=encoding).split("\n")[s.line - 1] for s in read[-1:]
    )


@pytest.mark.parametrize(
    "text",
    [
        SRT,
        SRT.replace("\n", "\r\n"),
        SRT.replace(",", "."),
        "\ufeff" + SRT,
        SRT.replace("1\n00", "00", 1).replace("\n\n2\n", "\n\n"),
        SRT.replace("\n\n", "\n"),
        SRT.replace("500\n", "500 X1:10 X2:20\n"),
        SRT.rstrip("\n"),
    ],
)
def test_subtitles_are_read_in_every_common_layout(tmp_path: Path, text: str) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes(text.encode())
    assert times_and_text(read_segments(path)) == [(1.0, 2.5, "Guten Tag."), (3.0, 60.5, "Und?")]


def test_a_cue_without_text_is_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,500\n\n2\n00:00:03,000 --> 00:00:04,000\nUnd?\n")
    assert times_and_text(read_segments(path)) == [(1.0, 2.5, ""), (3.0, 4.0, "Und?")]


def test_tables_are_read_in_any_column_order(tmp_path: Path) -> None:
    path = tmp_path / "talk.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["score", "Text", "END", "start", "file"])
        rows.writerows(["0.5", text, n + 1.5, n, "a, b.wav"] for n, text in enumerate(ODD_TEXTS))
    read = read_segments(path)
    assert times_and_text(read) == [(n, n + 1.5, text) for n, text in enumerate(ODD_TEXTS)]
    assert {segment.file for segment in read} == {"a, b.wav"}


def test_only_speaker_turns_of_rttm_are_segments(tmp_path: Path) -> None:
    path = tmp_path / "talk.rttm"
    path.write_text(
        ";; edited by hand\nSPKR-INFO talk 1 <NA> <NA> <NA> unknown Ann <NA> <NA>\n\n"
        "SPEAKER talk 1 0.10 0.20 <NA> <NA> Ann <NA> <NA>\nSPEAKER  talk 1 0.5\t1 <NA> <NA> Bo 0.9\n"
    )
    assert [(s.start, s.end, s.speaker, s.file) for s in read_segments(path)] == [
        (0.1, 0.3, "Ann", "talk"), (0.5, 1.5, "Bo", "talk"),
    ]  # fmt: skip


SHORT = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n3\n<exists>\n'
TIER = SHORT + '1\n"IntervalTier"\n"t"\n0\n3\n'
DAMAGED = {
    "an unknown suffix": ("talk.docx", "x", "found the suffix '.docx', expected a segment file: .csv"),
    "no suffix": ("talk", "x", "found the suffix ''"),
    "an empty table": ("t.csv", "", "found no header, expected the columns [file,]start,end"),
    "an empty subtitle file": ("t.srt", "\n", "found no segment"),
    "an empty RTTM": ("t.rttm", "", "found no segment"),
    "an empty TextGrid": ("t.TextGrid", "", "found no TextGrid"),
    "no columns": ("t.csv", "a,b\n1,2\n", "found the columns 'a,b', expected [file,]start,end"),
    "semicolons": ("t.csv", "start;end\n1;2\n", "put commas between them"),
    "a column twice": ("t.csv", "start,end,end\n1,2,3\n", "'end' twice"),
    "a decimal comma": ("t.csv", "start,end\n1.0,2.0\n1,5,2\n", "line 3: found 3 fields, expected 2"),
    "a time that is not a number": ("t.csv", "start,end\n0,soon\n", "line 2: found 'soon' as its end"),
    "no time": ("t.csv", "start,end\n,2\n", "line 2: found '' as its start"),
    "infinite time": ("t.csv", "start,end\n0,inf\n", "line 2: found 'inf' as its end"),
    "no file name": ("t.csv", "file,start,end\n,0,1\n", "line 2: found no file"),
    "an open quote": ("t.csv", 'start,end,text\n0,1,"x\n', "found no CSV"),
    "commas for arrows": ("t.srt", SRT.replace("-->", "->", 1), "line 2: found '00:00:01,000 -> 00:00:02,5"),
    "a time cut short": ("t.srt", SRT[:-12], "line 6: found '00:00:03,000 --> 00:0'"),
    "times cut off": ("t.srt", SRT + "\n3\n", "line 9: found a number without times; is the file cut short?"),
    "prose": ("t.srt", "Dear reader,\n", "line 1: found 'Dear reader,', expected times like"),
    "bad times in a cue": ("t.srt", SRT + "00:01 --> 00:02\nx\n", "line 8: found '00:01 --> 00:02'"),
    "too few fields": ("t.rttm", "SPEAKER a 1 0 1\n", "line 1: found 5 fields, expected 10"),
    "spaces in a name": ("t.rttm", "SPEAKER my talk 1 0 1 <NA> <NA> Ann <NA> <NA>\n", "found 11 fields"),
    "no RTTM": ("t.rttm", "file,start,end\n", "line 1: found 'file,start,end', expected SPEAKER FILE"),
    "only points": (
        "t.TextGrid", SHORT + '1\n"TextTier"\n"t"\n0\n3\n1\n1.5\n"x"\n', "found only TextTier",
    ),
    "no tier": ("t.TextGrid", SHORT + "0\n", "found no tier, expected an IntervalTier"),
    "a tier cut short": ("t.TextGrid", TIER + '2\n0\n1\n"x"\n', "found the end of the"),
    "a text cut short": ("t.TextGrid", TIER + '1\n0\n1\n"x\n', "is it cut short?"),
    "a text for a time": ("t.TextGrid", TIER + '1\n0\n"x"\n1\n', "line 14: found 'x'"),
    "half a tier": ("t.TextGrid", SHORT + "1.5\n", "found 1.5 as the number of tiers, expected a whole"),
    "another object": ("t.TextGrid", SHORT.replace('TextGrid"', 'Pitch 1"'), "found 'ooTextFile Pitch 1' in"),
    "a binary TextGrid": ("t.TextGrid", "ooBinaryFile\x08TextGrid", "found a binary TextGrid"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    name, text, message = DAMAGED[damage]
    path = tmp_path / name
    path.write_bytes(text.encode())
    with pytest.raises(SegmentError) as error:
        read_segments(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["t.csv", "t.srt", "t.rttm", "t.TextGrid"])
def test_files_cut_or_changed_at_any_byte_never_cause_another_error(tmp_path: Path, name: str) -> None:
    whole = {
        "t.csv": 'file,start,end,text\na.wav,0,1,"x, y"\n',
        "t.srt": SRT,
        "t.rttm": "SPEAKER talk 1 0.1 0.2 <NA> <NA> Ann <NA> <NA>\n",
        "t.TextGrid": TIER + '1\n0\n1\n"Ä"\n',
    }[name].encode()
    path = tmp_path / name
    damaged = [whole[:cut] for cut in range(len(whole))]
    damaged += [
        whole[:at] + byte + whole[at + 1 :] for at in range(len(whole)) for byte in (b"\0", b"\xff", b'"')
    ]
    messages = set()
    for content in damaged:
        path.write_bytes(content)
        try:
            read_segments(path)
        except SegmentError as error:
            messages.add(str(error))
    assert not [message for message in messages if "\n" in message]


def test_errors_name_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match=r"gone\.srt: found no such file"):
        read_segments(tmp_path / "gone.srt")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SegmentError, match=r"folder\.csv: the file cannot be read"):
        read_segments(tmp_path / "folder.csv")
    (tmp_path / "latin.srt").write_bytes(SRT.replace("Und", "Für").encode("latin-1"))
    with pytest.raises(SegmentError, match="expected UTF-8 or UTF-16; save it as UTF-8"):
        read_segments(tmp_path / "latin.srt")


MATCHING_NAMES = {
    "its name": "call.wav",
    "its name without the suffix": "call",
    "the end of its path": "monday/call.wav",
    "its path from the segment file": "../audio/monday/call.wav",
    "its name with percent-encoding": "c%61ll",
}


@pytest.mark.parametrize("form", MATCHING_NAMES)
def test_a_name_matches_its_recording_in_many_forms(form: str) -> None:
    recordings = [Path("/x/audio/monday/call.wav"), Path("/x/audio/monday/call.b.wav")]
    matched = match([Segment(0, 1, file=MATCHING_NAMES[form])], recordings, Path("/x/segments/t.csv"))
    assert (list(matched.segments), matched.errors) == (recordings[:1], [])


def test_umlauts_match_in_every_unicode_normal_form() -> None:
    recording = Path(unicodedata.normalize("NFD", "Gespräch 1.wav"))
    assert list(match([Segment(0, 1, file="Gespräch%201")], [recording], Path("t.rttm")).segments) == [
        recording
    ]


def test_ambiguous_names_are_refused_and_longer_names_are_unambiguous() -> None:
    recordings = [Path("a/call.wav"), Path("b/call.wav")]
    segments = [Segment(0, 1, file="call"), Segment(1, 2, file="b/call")]
    matched = match(segments, recordings, Path("t.rttm"))
    assert matched.segments == {recordings[1]: segments[1:]}
    (error,) = matched.errors
    assert "1 segment of 'call', which matches a" + os.sep in error


def test_segments_without_a_file_name_belong_to_the_only_recording() -> None:
    with pytest.raises(SegmentError, match="2 recordings; give one recording, or a CSV or RTTM"):
        match([Segment(0, 1)], [Path("a.wav"), Path("b.wav")], Path("t.srt"))
    assert match([Segment(0, 1)], [Path("a.wav"), Path("a.wav")], Path("t.srt")).segments == {
        Path("a.wav"): [Segment(0, 1)]
    }

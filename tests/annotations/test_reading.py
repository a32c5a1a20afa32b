"""Claims about segment files: their segments, errors for damaged files, and the assignment to recordings."""

import csv
import math
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
    "an unknown suffix": ("talk.docx", "x", "found the suffix '.docx', expected a segment file: .json, .csv"),
    "no suffix": ("talk", "x", "found the suffix ''"),
    "an empty table": ("t.csv", "", "found no header, expected the columns [file,]start,end"),
    "an empty subtitle file": ("t.srt", "\n", "found no segment"),
    "an empty RTTM": ("t.rttm", "", "found no segment"),
    "an empty TextGrid": ("t.TextGrid", "", "found no TextGrid"),
    "no columns": ("t.csv", "a,b\n1,2\n", "found no column 'start' in 'a,b', expected [file,]start,end"),
    "semicolons": ("t.csv", "start;end\n1;2\n", "put commas between them"),
    "a column twice": ("t.csv", "start,end,end\n1,2,3\n", "'end' twice"),
    "a decimal comma": ("t.csv", "start,end\n1.0,2.0\n1,5,2\n", "line 3: found 3 fields, expected 2"),
    "a time that is not a number": ("t.csv", "start,end\n0,soon\n", "line 2: found 'soon' as its end"),
    "another name of a column": ("t.csv", "begin,end\n0,2\n", "if 'begin' is 'start', rename it"),
    "nearly a column": ("t.csv", "files,start,end\na,0,2\n", "if 'files' is 'file', rename it"),
    "names in another column": ("t.csv", "x,start,end\nb.WAV,0,2\n", "found 'b.WAV' in the column 'x'"),
    "hours of 400 digits": ("t.srt", SRT.replace("00:", "9" * 400 + ":", 1), "line 2: found '99999"),
    "a damaged arrow in a cue": ("t.srt", SRT.replace("03,000 -->", "03,000 ->"), "line 6: found '00:00:03"),
    "deeply nested JSON": ("t.json", "[" * 100_000, "found deeply nested JSON"),
    "JSON of another kind": ("t.json", '{"label": "anger"}', "found no list of segments, expected Whisper's"),
    "a number of 5000 digits": ("t.json", '{"segments": [{"start": ' + "9" * 5000 + "}]}", "found no JSON"),
    "no times in JSON": ("t.json", '{"segments": [{"start": "0"}]}', "segment 1: found no start and end"),
    "seconds in a TSV": ("t.tsv", "start\tend\ttext\n0.5\t2\tja\n", "found '0.5', expected whole milli"),
    "another TSV": ("t.tsv", "file\tstart\tend\n", "expected Whisper's columns start,end,text"),
    "no WebVTT": ("t.vtt", "1\n00:01.000 --> 00:02.000\n", "line 1: found '1', expected WEBVTT"),
    "damaged times": ("t.vtt", "WEBVTT\n\n00:01.000 --> soon\nja\n", "line 3: found '00:01.000 --> soon'"),
    "a damaged arrow": ("t.vtt", "WEBVTT\n\n00:01.000 -> 00:02.000\nja\n", "line 3: found '00:01.000 ->"),
    "no XML": ("t.eaf", "<ANNOTATION_DOCUMENT>", "found no XML"),
    "another document": ("t.eaf", "<html/>", "found the element 'html', expected ANNOTATION_DOCUMENT"),
    "entities": ("t.eaf", '<!DOCTYPE a [<!ENTITY x "y">]><a/>', "found a document type, expected none"),
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


EAF = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT><TIME_ORDER>'
    '<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="200"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="1500"/>'
    '</TIME_ORDER><TIER TIER_ID="t"{}><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" '
    'TIME_SLOT_REF1="a" TIME_SLOT_REF2="b"><ANNOTATION_VALUE>ja &amp; nein</ANNOTATION_VALUE>'
    "</ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
)


def read(path: Path, text: str, tier: str | None = None) -> list[tuple[float, float, str | None, str | None]]:
    path.write_text(text, encoding="utf-8")
    return [(s.start, s.end, s.text, s.speaker) for s in read_segments(path, tier)]


def test_transcripts_of_many_programs_are_read(tmp_path: Path) -> None:
    whisper = '{"text": "", "segments": [{"id": 0, "start": 0.2, "end": 1, "text": " ja", "speaker": "Ann"}]}'
    assert read(tmp_path / "t.json", whisper) == [(0.2, 1.0, "ja", "Ann")]
    cpp = '{"transcription": [{"offsets": {"from": 200, "to": 1000}, "text": " ja"}]}'
    assert read(tmp_path / "t.json", cpp) == [(0.2, 1.0, "ja", None)]
    assert read(tmp_path / "t.tsv", 'start\tend\ttext\n200\t1000\t"ja\n') == [(0.2, 1.0, '"ja', None)]
    assert read(tmp_path / "t.eaf", EAF.format("")) == [(0.2, 1.5, "ja & nein", "t")]
    assert read(tmp_path / "t.eaf", EAF.format(' PARTICIPANT="Ann"')) == [(0.2, 1.5, "ja & nein", "Ann")]


def test_webvtt_has_voices_notes_identifiers_and_short_times(tmp_path: Path) -> None:
    text = (
        "WEBVTT - a title\nKind: captions\n\nNOTE\ntwo\nlines\n\nSTYLE\n::cue {}\n\n"
        "00:00.200 --> 00:02.000 align:start\n<v.loud Ann>ja &amp; <i>nein</i>\n\nund so\n\n"
        "cue 2\n1:00:00.000 --> 01:00:01.5\nso\n"
    )
    assert read(tmp_path / "t.vtt", text) == [
        (0.2, 2.0, "ja & nein und so", "Ann"), (3600.0, 3601.5, "so", None),
    ]  # fmt: skip


def test_empty_lines_in_cues_and_whole_seconds_are_read(tmp_path: Path) -> None:
    text = "1\n00:00:00 --> 00:00:01\nja\n\nund\n\n7\nmal\n\n2\n00:00:01,5 --> 00:00:02\nnein\n"
    assert read(tmp_path / "t.srt", text) == [(0, 1, "ja und 7 mal", None), (1.5, 2, "nein", None)]


def test_numbers_of_textgrids_may_have_decimal_commas(tmp_path: Path) -> None:
    assert read(tmp_path / "t.TextGrid", TIER + '1\n0,25\n2,5\n"ja"\n') == [(0.25, 2.5, "ja", "t")]


def test_tables_of_segments_are_read_as_manifests_are(tmp_path: Path) -> None:
    text = ",Filename,Start,END,mood\n0,a.wav,0 days 00:00:00.5,,calm\n1,a.wav,,00:00:02,calm\n"
    (tmp_path / "t.csv").write_bytes(text.encode("utf-16"))
    assert [(s.file, s.start, s.end) for s in read_segments(tmp_path / "t.csv")] == [
        ("a.wav", 0.5, math.inf), ("a.wav", 0, 2),
    ]  # fmt: skip


def test_rttm_without_a_file_belongs_to_the_one_recording(tmp_path: Path) -> None:
    (tmp_path / "t.rttm").write_text("SPEAKER <NA> 1 0.2 1.0 <NA> <NA> Ann <NA> <NA>\n")
    segments = read_segments(tmp_path / "t.rttm")
    assert match(segments, [Path("a.wav")], Path("t.rttm")).segments == {Path("a.wav"): segments}


def tiers(**intervals: list[tuple[float, float, str]]) -> str:
    texts = [SHORT, f"{len(intervals)}\n"]
    for name, entries in intervals.items():
        texts += [f'"IntervalTier"\n"{name}"\n0\n3\n{len(entries)}\n']
        texts += [f'{start}\n{end}\n"{label}"\n' for start, end, label in entries]
    return "".join(texts)


WORDS = [(0, 1, "ja"), (1, 2.5, "nein")]
PHONES = [(0, 0.5, "j"), (0.5, 1, "a"), (1, 2.5, "nain")]


def test_levels_of_one_annotation_need_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "t.TextGrid"
    for names in (("words", "phones"), ("A - words", "A - phones"), ("x", "y")):
        text = tiers(**dict(zip(names, (WORDS, PHONES), strict=True)))
        with pytest.raises(SegmentError, match=f"found the tiers '{names[0]}', '{names[1]}', of which one"):
            read(path, text)
        assert [segment[2] for segment in read(path, text, names[0].rpartition(" ")[2])] == ["ja", "nein"]
        with pytest.raises(SegmentError, match="but no tier 'sounds'; choose another with --tier"):
            read(path, text, "sounds")
    two_speakers = tiers(**{"A - words": WORDS, "B - words": WORDS[:1], "A - phones": PHONES})
    assert [segment[3] for segment in read(path, two_speakers, "words")] == ["A", "A", "B"]
    assert len(read(tmp_path / "t.eaf", EAF.format(""), "t")) == 1
    with pytest.raises(SegmentError, match=r"but \.srt has no tiers; omit --tier"):
        read(tmp_path / "t.srt", SRT, "words")


def test_tiers_of_speakers_are_all_read_and_copies_once(tmp_path: Path) -> None:
    text = tiers(Ann=[(0, 1, "ja"), (2, 3, "so")], Bo=[(0.4, 0.6, "hm"), (1, 2, "nein")])
    assert len(read(tmp_path / "t.TextGrid", text)) == 4
    copies = tiers(emotion=[(0, 1, "anger")], score=[(0, 1, "0.900")])
    assert len(read(tmp_path / "t.TextGrid", copies)) == 1


# Each would take hours, or all memory, if time or memory grew with the square of the length.
HOSTILE = {
    "digits": ("t.TextGrid", TIER + "1" * 3_000_000 + "x", "found the end of the file"),
    "quotes": ("t.TextGrid", TIER + '"' * 3_000_001, "found"),
    "an open quote": ("t.TextGrid", TIER + '"' + "x" * 3_000_000, "is it cut short?"),
    "spaces": ("t.srt", "0:00:00" + " " * 3_000_000 + "x", "line 1: found"),
    "tags": ("t.vtt", "WEBVTT\n\n" + "<" * 3_000_000 + "\n", "line 3: found"),
    "more than 64 MiB": ("t.csv", "x" * (65 << 20), "found more than 64 MiB, expected a smaller file"),
}


@pytest.mark.parametrize("content", HOSTILE)
def test_long_hostile_files_take_linear_time(tmp_path: Path, content: str) -> None:
    name, text, message = HOSTILE[content]
    (tmp_path / name).write_text(text)
    with pytest.raises(SegmentError) as error:
        read_segments(tmp_path / name)
    assert message in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "name", ["t.csv", "t.srt", "t.rttm", "t.TextGrid", "t.vtt", "t.eaf", "t.json", "t.tsv"]
)
def test_files_cut_or_changed_at_any_byte_never_cause_another_error(tmp_path: Path, name: str) -> None:
    whole = {
        "t.csv": 'file,start,end,text\na.wav,0,1,"x, y"\n',
        "t.srt": SRT,
        "t.rttm": "SPEAKER talk 1 0.1 0.2 <NA> <NA> Ann <NA> <NA>\n",
        "t.TextGrid": TIER + '1\n0\n1\n"Ä"\n',
        "t.vtt": "WEBVTT\n\n00:00.200 --> 00:02.000\n<v Ann>ja\n",
        "t.eaf": EAF.format(""),
        "t.json": '{"segments": [{"start": 0.5, "end": 2, "text": "x"}]}',
        "t.tsv": "start\tend\ttext\n0\t1000\tja\n",
    }[name].encode()
    path = tmp_path / name
    places = range(0, len(whole), 1 + len(whole) // 200)
    damaged = [whole[:cut] for cut in places]
    damaged += [whole[:at] + byte + whole[at + 1 :] for at in places for byte in (b"\0", b"\xff", b'"')]
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


def test_paths_of_windows_match() -> None:
    recordings = [Path("/x/calls/a.wav"), Path("/x/b.wav")]
    segments = [Segment(0, 1, file="calls\\a.wav"), Segment(0, 1, file="other\\b.wav")]
    matched = match(segments, recordings, Path("t.csv"))
    assert matched.segments == {recordings[0]: segments[:1]}
    assert "/x/b.wav has the same name in another folder" in matched.errors[0]


def test_many_names_that_match_nothing_take_linear_time_and_a_few_lines() -> None:
    recordings = [Path(f"/x/{number}/a.wav") for number in range(10_000)]
    names = [f"y{number}/a.wav" for number in range(10_000)] + ["x/" * 20_000]
    matched = match([Segment(0, 1, file=name) for name in names], recordings, Path("t.csv"))
    assert matched.segments == {}
    assert len(matched.errors) == 11
    assert matched.errors[-1] == "t.csv: found 9991 more names without one recording; correct the names"
    assert all(len(error) < 400 for error in matched.errors)


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

"""`predict --segments`: one result per segment, or one line with its error."""

import csv
import io
import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotrace.cli.app import main
from emotrace.inference.recogniser import load
from emotrace.inference.result import Result
from emotrace.inference.segments import recognise_segments
from emotrace.segment import Segment

Predict = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def talk(tmp_path: Path, speech_like: Callable[..., np.ndarray]) -> Path:
    """Three seconds: loud, soft, digital silence; 48 kHz in stereo."""
    mono = np.concatenate([speech_like(3.0, 0.3), speech_like(3.0, 0.05), np.zeros(48_000, dtype=np.float32)])
    path = tmp_path / "my talk.wav"
    soundfile.write(path, np.stack([mono, mono], axis=1), 48_000)
    return path


@pytest.fixture
def predict(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Predict:
    def run(*tokens: object) -> tuple[int, str, list[str]]:
        with pytest.raises(SystemExit) as end:
            main(["predict", *map(str, tokens), "--model", str(tiny_model)])
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, captured.out, captured.err.splitlines()

    return run


def table(path: Path, *rows: str, header: str = "file,start,end,text") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_each_segment_has_its_result(predict: Predict, talk: Path, tmp_path: Path) -> None:
    segment_file = table(
        tmp_path / "t.csv", "my talk.wav,1,2,soft", '"my talk.wav",0,1,"loud, ""so"""', "my talk,2.5,3,"
    )
    code, out, err = predict(talk, "--segments", segment_file, "--format", "json")
    results = json.loads(out)
    assert (code, err) == (0, [])
    assert [(r["start"], r["end"], r["label"], r["text"]) for r in results] == [
        (1, 2, "sadness", "soft"), (0, 1, "anger", 'loud, "so"'), (2.5, 3, None, ""),
    ]  # fmt: skip
    for result in results:
        assert result["file"] == str(talk)
        assert result["speaker"] is None
        assert result["duration_s"] == result["end"] - result["start"]
        assert result["warnings"][:2] == ["resampled 48000 Hz to 16000 Hz", "2 channels mixed to mono"]
        assert all(
            result["start"] <= span["start"] < span["end"] <= result["end"] for span in result["timeline"]
        )
    assert results[2]["warnings"][2] == "digital silence"
    assert results[0]["timeline"][0]["emotion"] == "sadness"


def test_a_segment_has_the_result_of_its_audio_alone(tiny_model: Path, talk: Path, tmp_path: Path) -> None:
    recogniser = load(tiny_model)
    samples = recogniser.read(talk).samples
    soundfile.write(tmp_path / "alone.wav", samples[4_000:20_000], 16_000, subtype="FLOAT")
    (result,) = recognise_segments(recogniser, talk, [Segment(0.25, 1.25)], Path("t.csv"))
    alone = recogniser(tmp_path / "alone.wav")
    assert isinstance(result, Result)
    assert result.scores == pytest.approx(alone.scores)
    assert [span.start - 0.25 for span in result.timeline] == pytest.approx(
        [span.start for span in alone.timeline]
    )


def test_each_invalid_segment_is_one_error_line_and_the_others_have_results(
    predict: Predict, talk: Path, tmp_path: Path
) -> None:
    bad = {
        "1,1.1": "found 100 ms, expected at least 175 ms",
        "1,1": "found an end that is not after its start",
        "2,1": "found an end that is not after its start",
        "-1,1": "found a recording of 3.000 s",
        "2,3.5": "found a recording of 3.000 s",
        "5,9": "found a recording of 3.000 s",
    }
    segment_file = table(tmp_path / "t.csv", "0,1", *bad, "2,3.05", header="start,end")
    code, out, err = predict(talk, "--segments", segment_file, "--format", "jsonl")
    assert code == 1
    assert [json.loads(line)["start"] for line in out.splitlines()] == [0, 2]
    assert len(err) == len(bad)
    for number, (line, (times, message)) in enumerate(zip(err, bad.items(), strict=True), start=3):
        start, end = map(float, times.split(","))
        assert line.startswith(
            f"emotrace: {talk}: segment {start:.3f} to {end:.3f} s (t.csv, line {number}): "
        )
        assert message in line


def test_an_empty_end_is_the_end_of_the_recording(predict: Predict, talk: Path, tmp_path: Path) -> None:
    segment_file = table(tmp_path / "t.csv", "1,", "2.9,", ",1", header="start,end")
    code, out, err = predict(talk, "--segments", segment_file, "--format", "jsonl")
    results = [json.loads(line) for line in out.splitlines()]
    assert [(r["start"], r["end"], r["duration_s"]) for r in results] == [(1, 3, 2), (0, 1, 1)]
    assert (code, len(err)) == (1, 1)
    assert "segment 2.900 to 3.000 s (t.csv, line 3): found 100 ms" in err[0]


def test_names_in_a_column_of_another_name_are_never_ignored(
    predict: Predict, talk: Path, tmp_path: Path
) -> None:
    segment_file = table(tmp_path / "t.csv", "not-this-recording.wav,0,1", header="filename,start,end")
    code, out, err = predict(talk, "--segments", segment_file)
    assert (code, out) == (1, "")
    assert "1 segment of 'not-this-recording.wav', expected names of the given recordings" in err[0]


def test_a_tier_is_chosen_on_the_command_line(predict: Predict, talk: Path, tmp_path: Path) -> None:
    segment_file = tmp_path / "t.TextGrid"
    segment_file.write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n3\n<exists>\n2\n'
        '"IntervalTier"\n"words"\n0\n3\n1\n0\n2\n"ja"\n"IntervalTier"\n"phones"\n0\n3\n1\n0\n1\n"j"\n'
    )
    code, out, err = predict(talk, "--segments", segment_file)
    assert (code, out) == (2, "")
    assert "add --tier 'words', for example" in err[0]
    code, out, _ = predict(talk, "--segments", segment_file, "--tier", "words", "--format", "jsonl")
    assert (code, json.loads(out)["text"]) == (0, "ja")
    assert predict(talk, "--tier", "words")[0] == 2


def test_any_number_of_overlapping_segments_is_recognised_as_one_by_one(tiny_model: Path, talk: Path) -> None:
    recogniser = load(tiny_model)
    segments = [Segment(0.05 * number, 1 + 0.06 * number, line=number) for number in range(33)]
    together = recognise_segments(recogniser, talk, segments, Path("t.csv"))
    for segment, result in zip(segments, together, strict=True):
        (alone,) = recognise_segments(recogniser, talk, [segment], Path("t.csv"))
        assert isinstance(result, Result)
        assert isinstance(alone, Result)
        assert (result.scores, result.timeline, result.segment) == (
            alone.scores, alone.timeline, alone.segment,
        )  # fmt: skip


def test_memory_does_not_depend_on_the_length_of_recording_and_segments(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(5 * 60 * 16_000, dtype=np.int16), 16_000)
    recogniser = load(tiny_model, threads=1)
    segments = [Segment(0, 1), Segment(0, 300), Segment(1, math.inf)]
    recognise_segments(recogniser, path, segments[:1], Path("t.csv"))
    tracemalloc.start()
    results = recognise_segments(recogniser, path, segments, Path("t.csv"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(isinstance(result, Result) for result in results)
    assert peak < 14e6  # the samples of the recording are 19 MB


def test_overlapping_segments_have_results_with_a_warning(
    predict: Predict, talk: Path, tmp_path: Path
) -> None:
    segment_file = table(tmp_path / "t.csv", "0,1", "0.5,1.5", "1.5,2.5", header="start,end")
    code, out, _ = predict(talk, "--segments", segment_file, "--format", "json")
    overlapping = ["overlaps another segment" in result["warnings"] for result in json.loads(out)]
    assert (code, overlapping) == (0, [True, True, False])


def test_one_segment_file_may_name_several_recordings(
    predict: Predict, talk: Path, tmp_path: Path, speech_like: Callable[..., np.ndarray]
) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.wav", "sub/c.wav"):
        soundfile.write(tmp_path / name, speech_like(1.0), 16_000)
    segment_file = tmp_path / "t.rttm"
    segment_file.write_text(
        "".join(
            f"SPEAKER {name} 1 {start} 0.5 <NA> <NA> {speaker} <NA> <NA>\n"
            for name, start, speaker in (
                ("c", 0, "Ann"),
                ("my%20talk", 0, "Ann"),
                ("c", 0.5, "Bo"),
                ("d", 0, "Ann"),
            )
        )
    )
    for jobs in (1, 3):
        code, out, err = predict(tmp_path, "--segments", segment_file, "--format", "jsonl", "--jobs", jobs)
        found = [json.loads(line) for line in out.splitlines()]
        assert [(Path(r["file"]).name, r["start"], r["speaker"], r["text"]) for r in found] == [
            ("my talk.wav", 0, "Ann", None), ("c.wav", 0, "Ann", None), ("c.wav", 0.5, "Bo", None),
        ]  # fmt: skip
        assert code == 1
        assert err == [
            f"emotrace: {segment_file}: found 1 segment of 'd', expected names of the given recordings; "
            "correct the names",
            f"emotrace: {tmp_path / 'b.wav'}: found no segment of it in {segment_file}; "
            "add one, or omit the recording",
        ]


def test_text_and_csv_include_times_speaker_and_transcript(
    predict: Predict, talk: Path, tmp_path: Path
) -> None:
    segment_file = table(tmp_path / "t.csv", '0,1,Ann,"Guten\nTag, 😠"', header="start,end,speaker,text")
    code, out, err = predict(talk, "--segments", segment_file)
    assert code == 0
    assert out == f"{talk}  0.00 to 1.00 s  anger  anger 1.00  sadness 0.00  Ann  Guten\\nTag, 😠\n"
    assert len(err) == 2  # each warning about the file is written once
    _, out, err = predict(talk, "--segments", segment_file, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert [row[name] for name in ("start", "end", "speaker", "text", "label")] == [
        "0.0", "1.0", "Ann", "Guten\nTag, 😠", "anger",
    ]  # fmt: skip
    assert err == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.docx", "x", "expected a segment file: .json, .csv, .srt, .TextGrid, .rttm"),
        ("t.csv", "when,what\n1,2\n", "expected [file,]start,end"),
        ("t.srt", "no subtitles\n", "expected times like 00:00:01,000 --> 00:00:02,500"),
        ("gone.srt", None, "found no such file"),
    ],
)
def test_an_unreadable_segment_file_exits_with_2(
    predict: Predict, talk: Path, tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    code, out, err = predict(talk, "--segments", tmp_path / name)
    assert (code, out, len(err)) == (2, "", 1)
    assert err[0].startswith(f"emotrace: {tmp_path / name}: ")
    assert message in err[0]


def test_subtitles_for_two_recordings_exit_with_2(predict: Predict, talk: Path, tmp_path: Path) -> None:
    segment_file = tmp_path / "t.srt"
    segment_file.write_text("1\n00:00:00,000 --> 00:00:01,000\nGuten Tag\n")
    code, out, err = predict(talk, tmp_path / "b.wav", "--segments", segment_file)
    assert (code, out, len(err)) == (2, "", 1)
    assert "give one recording" in err[0]


def test_a_damaged_recording_is_one_error_whatever_its_number_of_segments(
    predict: Predict, tmp_path: Path
) -> None:
    (tmp_path / "a.wav").write_text("no audio")
    segment_file = table(tmp_path / "t.csv", "0,1", "1,2", header="start,end")
    code, out, err = predict(tmp_path / "a.wav", "--segments", segment_file)
    assert (code, out, len(err)) == (1, "", 1)


def test_a_recording_whose_name_starts_with_a_dash_can_be_given_by_its_path(
    predict: Predict, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.rename(talk.with_name("-talk.wav"))
    monkeypatch.chdir(talk.parent)
    table(Path("-t.csv"), "-talk,0,1,", header="file,start,end,text")
    assert predict("-talk.wav")[0] == 2
    for segment_file in ("-t.csv", "./-t.csv"):
        code, out, _ = predict("./-talk.wav", f"--segments={segment_file}", "--format", "jsonl")
        assert (code, json.loads(out)["file"]) == (0, "-talk.wav")

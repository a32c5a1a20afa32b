"""Claims about `emotrace trace`."""

import csv
import io
import json
import os
import shutil
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import Call, assert_refused

from emotrace.inference.recogniser import load

SpeechLike = Callable[..., np.ndarray]


@pytest.mark.parametrize("format_name", ["text", "json", "csv"])
def test_files_have_the_same_content_as_stdout(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path, format_name: str
) -> None:
    printed = call("trace", recordings / "b.wav", "--model", tiny_model, "--format", format_name)
    written = call(
        "trace",
        recordings / "b.wav",
        "--model",
        tiny_model,
        "--format",
        format_name,
        "--output",
        tmp_path / "out",
    )
    assert (printed.code, written.code) == (0, 0)
    path = Path(written.out.strip())
    assert path == tmp_path / "out" / ("b.txt" if format_name == "text" else f"b.{format_name}")
    if format_name == "json":
        assert [json.loads(path.read_text())] == json.loads(printed.out)
    else:
        assert path.read_text() == printed.out


def test_every_recording_of_a_folder_gets_a_picture(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    pytest.importorskip("matplotlib")
    soundfile.write(recordings / "sub" / "b.wav", np.zeros(16_000), 16_000)
    done = call("trace", recordings, "--model", tiny_model, "--format", "png", "--output", tmp_path / "out")
    assert done.code == 0
    assert [Path(line).name for line in done.out.splitlines()] == ["b.png", "a.png", "b-2.png"]
    assert all(Path(line).read_bytes().startswith(b"\x89PNG") for line in done.out.splitlines())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b-2.png", "b.png"]


def test_an_output_that_is_a_file_exits_with_2(call: Call, tiny_model: Path, recordings: Path) -> None:
    done = call("trace", recordings, "--model", tiny_model, "--output", recordings / "notes.txt")
    assert (done.code, done.out) == (2, "")
    assert "notes.txt cannot be a folder" in done.err


def test_an_output_that_cannot_be_written_does_not_stop_the_others(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path
) -> None:
    long = recordings / f"{'a' * 250}.wav"  # with .TextGrid, it has more than 255 letters
    shutil.copy(recordings / "b.wav", long)
    for jobs in ("1", "2"):
        done = call(
            "trace", long, recordings / "b.wav", "--model", tiny_model, "--format", "textgrid",
            "--output", tmp_path / jobs, "--jobs", jobs,
        )  # fmt: skip
        assert (done.code, done.out) == (1, f"{tmp_path / jobs / 'b.TextGrid'}\n")
        assert done.err.startswith(f"emotrace: {long}: its ")
        assert "cannot be written (File name too long)" in done.err
        assert len(done.err.splitlines()) == 1
        assert [path.name for path in (tmp_path / jobs).iterdir()] == ["b.TextGrid"]


def test_pictures_without_matplotlib_exit_2(
    call: Call,
    tiny_model: Path,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = call("trace", recordings, "--model", tiny_model, "--format", "png", "--output", tmp_path / "out")
    assert done.code == 2
    assert 'pip install "emotrace[plot]"' in done.err


def test_frames_are_the_scores_over_time_of_python(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    inputs = [recordings / "b.wav", tmp_path / "silence.wav"]
    tokens = ("trace", *inputs, "--model", tiny_model, "--format", "csv", "--frames")
    printed = call(*tokens)
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    recogniser = load(tiny_model)
    scores = recogniser.frame_scores(recogniser.read(inputs[0]))
    assert {row["file"] for row in rows} == {str(inputs[0])}
    assert [float(row["time"]) for row in rows] == pytest.approx(scores.times_s.tolist(), abs=6e-4)
    columns = [f"score_{label}" for label in recogniser.labels] + ["score_none"]
    found = [[float(row[column]) for column in columns] for row in rows]
    assert np.allclose(found, np.exp(scores.log_posteriors), atol=1e-6)
    written = call(*tokens, "--output", tmp_path / "out")
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == [
        "b.frames.csv", "silence.frames.csv",
    ]  # fmt: skip
    assert (tmp_path / "out" / "b.frames.csv").read_text() == printed.out
    assert (printed.code, written.code) == (0, 0)
    assert call("trace", *inputs, "--model", tiny_model, "--frames").code == 2


def test_two_calls_never_overwrite_each_others_results(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    names = []
    for format_name in ("csv", "csv", "text", "audacity"):
        done = call(
            "trace", recordings / "b.wav", "--model", tiny_model, "--format", format_name, "--output", out
        )
        names.append(Path(done.out.strip()).name)
    assert names == ["b.csv", "b-2.csv", "b.txt", "b.labels.txt"]
    assert (out / "b.csv").read_text() == (out / "b-2.csv").read_text()


def test_eaf_refers_to_the_recording_from_the_folder_of_the_output(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "eaf"
    done = call("trace", recordings / "b.wav", "--model", tiny_model, "--format", "eaf", "--output", out)
    assert done.code == 0
    assert 'RELATIVE_MEDIA_URL="../../recordings/b.wav"' in (out / "b.eaf").read_text()


def test_pictures_of_names_that_are_not_utf8_are_drawn(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    odd = os.fsdecode(os.fsencode(recordings) + b"/\xff.wav")
    (recordings / "b.wav").rename(odd)
    done = call("trace", odd, "--model", tiny_model, "--format", "png", "--output", tmp_path / "out")
    assert done.code == 0
    (picture,) = (tmp_path / "out").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_memory_of_a_picture_does_not_depend_on_the_length_of_the_recording(
    call: Call, tiny_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    for name, seconds in (("short", 1), ("long", 300)):
        soundfile.write(tmp_path / f"{name}.flac", np.zeros(seconds * 16_000, dtype=np.int16), 16_000)
    peaks = []
    for name in ("short", "short", "long"):
        tracemalloc.start()
        done = call(
            "trace", tmp_path / f"{name}.flac", "--model", tiny_model, "--format", "png", "--output", tmp_path
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert done.code == 0
    assert peaks[2] < peaks[1] + 16e6  # the samples are 19 MB, and their spectrogram as much


HOSTILE_NAME = "line\nbreak \x1b[31m\u2028.wav"
ESCAPED_NAME = "line\\nbreak \\x1b[31m\\u2028"


@pytest.fixture
def hostile(tmp_path: Path, speech_like: SpeechLike) -> Path:
    """A recording whose name has a line break and a terminal command, and whose rate gives a warning."""
    path = tmp_path / HOSTILE_NAME
    soundfile.write(path, speech_like(0.5), 8_000)
    return path


@pytest.mark.parametrize("verb", ["predict", "trace"])
def test_control_characters_in_names_are_escaped_in_text_and_warnings(
    call: Call, tiny_model: Path, hostile: Path, verb: str
) -> None:
    done = call(verb, hostile, "--model", tiny_model)
    assert ESCAPED_NAME in done.out
    assert ESCAPED_NAME in done.err
    assert not {"\x1b", "\u2028"} & {*done.out, *done.err}
    assert len(done.out.splitlines()) == (1 if verb == "predict" else 2)
    assert all(line.startswith("emotrace: ") for line in done.err.splitlines())


def test_control_characters_in_names_of_written_files_are_escaped(
    call: Call, tiny_model: Path, hostile: Path, tmp_path: Path
) -> None:
    done = call("trace", hostile, "--model", tiny_model, "--output", tmp_path / "out")
    assert done.out == f"{tmp_path}/out/{ESCAPED_NAME}.txt\n"
    assert [path.stem for path in (tmp_path / "out").iterdir()] == [HOSTILE_NAME.removesuffix(".wav")]


@pytest.mark.parametrize("format_name", ["json", "csv"])
def test_json_and_csv_quote_names_by_their_own_rules(
    call: Call, tiny_model: Path, hostile: Path, format_name: str
) -> None:
    out = call("predict", hostile, "--model", tiny_model, "--format", format_name).out
    if format_name == "json":
        assert json.loads(out)[0]["file"] == str(hostile)
        assert not {"\x1b", "\u2028"} & set(out)
    else:
        assert next(csv.DictReader(io.StringIO(out, newline="")))["file"] == str(hostile)


class Pipe(io.BytesIO):
    """A pipe that gives 50 ms at a time."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(min(1_600, size) if size and size > 0 else 1_600)


def test_live_prints_provisional_lines_each_second_and_the_same_final_lines(
    call: Call, tiny_model: Path, speech_like: SpeechLike, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.concatenate([speech_like(7.0, 0.3), speech_like(6.0, 0.05)])
    content = (sound * 32_767).astype("<i2").tobytes()
    options = ("trace", "-", "--model", tiny_model, "--raw-rate", "16000")
    outputs = []
    for more in ((), ("--live",)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(content)))
        done = call(*options, *more)
        assert (done.code, done.err) == (0, "")
        outputs.append(done.out.splitlines())
    final, live = outputs
    provisional = [line for line in live if line.endswith("provisional")]
    assert [line for line in live if line not in provisional] == final
    ends = [0.0, *(float(line.split()[1]) for line in provisional)]
    assert max(np.diff(ends)) <= 1.0
    assert 13.0 - ends[-1] <= 1.0
    assert {line.split()[2] for line in provisional} == {"anger", "sadness"}


def test_live_is_for_standard_input_as_text(call: Call, tiny_model: Path, recordings: Path) -> None:
    assert_refused(
        call("trace", recordings / "b.wav", "--model", tiny_model, "--live"), "--live", "expected -"
    )
    assert_refused(call("trace", "-", "--model", tiny_model, "--live", "--format", "json"), "--format text")

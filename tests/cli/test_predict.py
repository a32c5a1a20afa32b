"""Claims about `emotrace predict`."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import Call, assert_refused

SpeechLike = Callable[..., np.ndarray]


def unusable_inputs(folder: Path, speech_like: SpeechLike) -> dict[str, Path]:
    """Inputs that cannot be used, by a part of their error message."""
    found = ["an empty file", "text (", "not finite", "50 ms", "no such file", "a folder without audio"]
    paths = {what: folder / f"input{number}.wav" for number, what in enumerate(found)}
    paths["an empty file"].touch()
    paths["text ("].write_text("Dear reader, this is not audio.")
    nan = speech_like(1.0)
    nan[5] = np.nan
    soundfile.write(paths["not finite"], nan, 16_000, subtype="FLOAT")
    soundfile.write(paths["50 ms"], speech_like(0.05), 16_000)
    paths["a folder without audio"].mkdir()
    return paths


def test_each_unusable_input_gives_one_error_line_and_the_others_are_recognised(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    unusable = unusable_inputs(tmp_path, speech_like)
    for jobs in ("1", "3"):
        done = call(
            "predict", recordings / "b.wav", *unusable.values(), recordings / "sub",
            "--model", tiny_model, "--format", "json", "--jobs", jobs,
        )  # fmt: skip
        assert done.code == 1
        assert [Path(result["file"]).name for result in json.loads(done.out)] == ["b.wav", "a.flac"]
        lines = done.err.splitlines()
        assert len(lines) == len(unusable)
        for line, (found, path) in zip(lines, unusable.items(), strict=True):
            assert line.startswith(f"emotrace: {path}: ")
            assert found in line


def test_channels_each_gives_a_result_for_each_channel_in_every_format(
    call: Call, tiny_model: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.stack([speech_like(2.0, 0.3), speech_like(2.0, 0.05)], axis=1), 16_000)
    expected = [("1", "anger"), ("2", "sadness")]
    done = call("predict", path, "--model", tiny_model, "--channels", "each", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["channel"], row["label"]) for row in rows] == expected
    for output_format in ("json", "jsonl"):
        done = call("predict", path, "--model", tiny_model, "--channels", "each", "--format", output_format)
        lines = done.out.splitlines() if output_format == "jsonl" else [done.out]
        results = [result for line in lines for result in np.ravel(json.loads(line))]
        assert [(str(result["channel"]), result["label"]) for result in results] == expected
    soundfile.write(path, np.stack([speech_like(2.0, 0.3), np.zeros(32_000)], axis=1), 16_000)
    done = call("predict", path, "--model", tiny_model, "--channels", "each", "--top-k", "1")
    assert [line.split("  ")[1:3] for line in done.out.splitlines()] == [
        ["channel 1", "anger"], ["channel 2", "no label"]
    ]  # fmt: skip
    assert done.err == f"emotrace: {path}, channel 2: warning: digital silence\n"
    mixed = call("predict", path, "--model", tiny_model, "--channels", "mix", "--format", "csv")
    assert "channel" not in mixed.out.splitlines()[0]


def test_unusual_audio_is_recognised_with_a_warning(
    call: Call, tiny_model: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    soundfile.write(tmp_path / "1-silence.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "2-channels.wav", np.stack([speech_like(1.2)] * 96, axis=1), 16_000)
    soundfile.write(tmp_path / "3-slow.wav", speech_like(1.2), 8_000)
    soundfile.write(tmp_path / "4-fast.wav", speech_like(15.0), 192_000)
    soundfile.write(tmp_path / "5-whole.wav", speech_like(3.0), 16_000)
    (tmp_path / "5-cut.wav").write_bytes((tmp_path / "5-whole.wav").read_bytes()[:50_000])
    (tmp_path / "5-whole.wav").unlink()
    done = call("predict", tmp_path, "--model", tiny_model, "--format", "jsonl")
    assert (done.code, done.err) == (0, "")
    results = [json.loads(line) for line in done.out.splitlines()]
    expected = ["digital silence", "96 channels", "8000 Hz", "192000 Hz", "cut short"]
    for result, warning in zip(results, expected, strict=True):
        assert any(warning in found for found in result["warnings"]), result
        assert (result["label"] is None) == (warning == "digital silence")
        assert (result["scores"] is None) == (warning == "digital silence")


def test_results_are_on_stdout_and_warnings_on_stderr_or_in_the_table(
    call: Call, tiny_model: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(6.0), 48_000)
    text = call("predict", tmp_path / "a.wav", "--model", tiny_model)
    assert text.out == f"{tmp_path / 'a.wav'}  anger  anger 1.00  sadness 0.00\n"
    assert text.err == f"emotrace: {tmp_path / 'a.wav'}: warning: resampled 48000 Hz to 16000 Hz\n"
    table = call("predict", tmp_path / "a.wav", "--model", tiny_model, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(table.out))
    assert (row["label"], row["warnings"], table.err) == ("anger", "resampled 48000 Hz to 16000 Hz", "")


def test_an_output_file_has_the_results_in_the_format_of_its_suffix(
    call: Call, tiny_model: Path, recordings: Path, tmp_path: Path
) -> None:
    for name, option in (("r.csv", "csv"), ("r.json", "json"), ("r.jsonl", "jsonl"), ("r.out", "text")):
        printed = call("predict", recordings, "--model", tiny_model, "--format", option)
        written = call("predict", recordings, "--model", tiny_model, "--output", tmp_path / name)
        assert (written.code, written.out) == (0, "")
        assert (tmp_path / name).read_text() == printed.out


def test_an_output_file_never_replaces_an_input(call: Call, tiny_model: Path, recordings: Path) -> None:
    for output in (recordings / "b.wav", recordings):
        done = call("predict", recordings, "--model", tiny_model, "--output", output)
        assert (done.code, done.out) == (2, "")
    assert (recordings / "b.wav").read_bytes().startswith(b"RIFF")


def test_top_k_limits_the_scores_and_low_scores_give_no_label(
    call: Call, make_model: Callable[..., Path], recordings: Path, tmp_path: Path
) -> None:
    unsure = make_model(tmp_path / "unsure", calibration={"temperature": 10_000.0})
    done = call(
        "predict", recordings, "--model", unsure, "--format", "json", "--top-k", "1", "--abstain-below", "0.9"
    )
    assert done.code == 0
    for result in json.loads(done.out):
        assert result["label"] is None
        assert len(result["scores"]) == 1
        assert result["warnings"][-1].startswith("abstained: ")


def test_the_two_sample_recordings_give_the_documented_warnings(
    call: Call, tiny_model: Path, data: Path
) -> None:
    files = sorted((data / "samples").glob("*.wav"))
    done = call("predict", *files, "--model", tiny_model, "--format", "json")
    assert (done.code, done.err) == (0, "")
    stereo, mono = json.loads(done.out)
    assert stereo["warnings"] == ["resampled 48000 Hz to 16000 Hz", "2 channels mixed to mono"]
    assert mono["warnings"] == ["resampled 48000 Hz to 16000 Hz"]
    assert sum(mono["scores"].values()) == pytest.approx(1.0, abs=1e-5)


def test_names_that_are_not_utf8_are_recognised(tiny_model: Path, recordings: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff.wav"
    os.link(recordings / "b.wav", odd)
    with emotrace("predict", os.fsdecode(odd), "--model", tiny_model, "--format", "json") as process:
        out, _ = process.communicate()
    assert process.returncode == 0
    assert '"label": "anger"' in out


def emotrace(*tokens: str | Path, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "emotrace", *map(str, tokens)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def test_a_closed_pipe_ends_without_a_message(tiny_model: Path, recordings: Path) -> None:
    with emotrace("predict", *[recordings] * 200, "--model", tiny_model, "--format", "jsonl") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["label"] == "anger"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_closed_pipe_for_both_streams_has_the_same_exit_code(tiny_model: Path, recordings: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "emotrace", "predict", recordings, "none.wav", "--model", tiny_model]
    done = subprocess.run(command, stdout=writing, stderr=writing, check=False)
    os.close(writing)
    assert done.returncode == 141


def test_the_help_shows_patterns_with_their_stars(call: Call) -> None:
    assert "'*_noise.wav'" in call("predict", "--help").out


def test_an_interrupt_does_not_wait_for_an_input_that_never_ends(
    tiny_model: Path, recordings: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.wav")  # nobody writes to it
    files = (recordings / "b.wav", recordings / "sub" / "a.flac", tmp_path / "pipe.wav")
    for jobs in ("1", "3"):
        with emotrace(
            "predict", *files, "--model", tiny_model, "--format", "json", "--jobs", jobs
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            first = process.stdout.readline() + process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            assert process.stderr.read() == "emotrace: interrupted\n"
        assert process.returncode == 130
        names = [Path(result["file"]).name for result in json.loads(first + rest)]
        assert names[0] == "b.wav"
        assert "pipe.wav" not in names


def closed_stream(number: int) -> Callable[[], None]:
    return lambda: os.close(number)


def test_closed_standard_streams_give_one_line(tiny_model: Path, recordings: Path) -> None:
    file = recordings / "b.wav"
    for number, source, code, message in (
        (0, "-", 2, "emotrace: found standard input closed, expected audio there; "),
        (0, file, 0, ""),
        (1, file, 2, "emotrace: found standard output closed, expected one that takes the results; "),
        (2, file, 0, ""),
    ):
        with emotrace("predict", source, "--model", tiny_model, preexec_fn=closed_stream(number)) as process:
            _, err = process.communicate()
        assert process.returncode == code
        assert err.startswith(message)
        assert len(err.splitlines()) == (1 if message else 0)


def test_an_empty_argument_is_a_wrong_call(
    call: Call, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recordings)
    for tokens in (("",), ("b.wav", ""), ("b.wav", "--model", ""), ("b.wav", "--model=")):
        assert_refused(call("predict", *tokens), "found an empty argument", "variable of the shell")


@pytest.mark.parametrize("option", ["--threads", "--jobs"])
def test_numbers_that_make_no_sense_are_refused(call: Call, recordings: Path, option: str) -> None:
    for number in ("0", "-1", "1000000"):
        assert_refused(call("predict", recordings, option, number), option)


def test_emotions_that_cannot_occur_get_no_score(call: Call, recordings: Path) -> None:
    arguments = ("predict", recordings / "b.wav")
    (whole,) = json.loads(call(*arguments, "--format", "json").out)
    first, second, *others = whole["scores"]
    chosen = ("--emotions", f"{second}, {first}")
    (result,) = json.loads(call(*arguments, *chosen, "--format", "json").out)
    total = whole["scores"][first] + whole["scores"][second]
    assert 0 < total < 1
    expected = {label: whole["scores"][label] / total for label in (first, second)}
    assert result["scores"] == pytest.approx(expected, abs=1e-4)
    assert result["score"] == max(result["scores"].values())
    assert {span["emotion"] for span in result["timeline"]} <= {first, second}
    header = call(*arguments, *chosen, "--format", "csv").out.splitlines()[0]
    assert others
    assert not any(other in header for other in others)


@pytest.mark.parametrize(
    ("emotions", "reason"),
    [
        ("joy,anger", "found joy, expected some of the model's labels"),
        ("anger,,calm", "--emotions is 'anger,,calm'; expected different names"),
        ("anger,anger", "expected different names"),
        ("anger", "found only the emotion anger, whose score would always be 1; expected two or more of"),
    ],
)
def test_emotions_that_the_model_lacks_are_refused(
    call: Call, tiny_model: Path, recordings: Path, emotions: str, reason: str
) -> None:
    done = call("predict", recordings, "--model", tiny_model, "--emotions", emotions)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err


@pytest.mark.parametrize(("pattern", "left"), [("a.*", "b.wav"), ("sub/*", "b.wav"), ("*.wav", "a.flac")])
def test_excluded_files_are_left_out_and_counted(
    call: Call, tiny_model: Path, recordings: Path, pattern: str, left: str
) -> None:
    for jobs in ("1", "2"):
        done = call(
            "predict",
            recordings,
            "--model",
            tiny_model,
            "--exclude",
            pattern,
            "--format",
            "json",
            "--jobs",
            jobs,
        )
        assert done.code == 0
        assert [Path(result["file"]).name for result in json.loads(done.out)] == [left]
        assert done.err == "emotrace: left out 1 excluded file\n"
    named = recordings / left
    done = call("predict", named, "--model", tiny_model, "--exclude", pattern, "--exclude", left)
    assert (done.code, done.out, done.err) == (0, "", "emotrace: left out 1 excluded file\n")


def test_a_closing_line_counts_what_was_left_out(call: Call, tiny_model: Path, recordings: Path) -> None:
    for name in ("a.ape", "sub/b.APE", "c.dss"):
        (recordings / name).touch()
    done = call("predict", recordings, "--model", tiny_model, "--threads", "2")
    assert (done.code, len(done.out.splitlines())) == (0, 2)
    assert done.err == "emotrace: left out 3 files of other formats (.ape 2, .dss 1)\n"


def test_an_interrupt_keeps_finished_results(tiny_model: Path, recordings: Path) -> None:
    with emotrace("predict", *[recordings] * 3000, "--model", tiny_model, "--format", "json") as process:
        assert process.stdout is not None
        first = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 130
    assert len(json.loads(first + rest)) >= 1


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find processes")
def test_a_killed_worker_process_changes_no_result(tiny_model: Path, recordings: Path) -> None:
    files = [recordings] * 400
    with emotrace("predict", *files, "--model", tiny_model, "--format", "jsonl", "--jobs", "2") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        (server,) = (pid for pid in children(process.pid) if children(pid))
        os.kill(children(server)[0], signal.SIGKILL)
        lines += process.stdout.readlines()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert [Path(json.loads(line)["file"]).name for line in lines] == ["b.wav", "a.flac"] * 400


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def test_a_bulk_prediction_refuses_what_it_would_ignore(call: Call, recordings: Path) -> None:
    ray = ("predict", "--engine", "ray")
    assert_refused(call(*ray, recordings), "takes --input instead of AUDIO")
    assert_refused(call(*ray, "--output", "out"), "needs --input")
    assert_refused(call(*ray, "--input", recordings), "needs --output")
    for option, value in (
        ("--top-k", "2"), ("--channels", "each"), ("--jobs", "2"), ("--format", "csv"), ("--tier", "a"),
        ("--raw-format", "float32"), ("--raw-channels", "2"),
    ):  # fmt: skip
        done = call(*ray, "--input", recordings, "--output", "out", option, value)
        assert_refused(done, f"{option} is not for --engine ray")


def test_options_that_would_be_ignored_are_refused(call: Call, recordings: Path, tmp_path: Path) -> None:
    assert_refused(call("predict", "--input", recordings), "--input is for --engine ray")
    assert_refused(call("predict", recordings, "--timeout", "3"), "--timeout is for --engine ray")
    assert_refused(call("predict", "-", "--exclude", "*.wav"), "cannot be combined with --exclude")
    output = ("--output", tmp_path / "out")
    assert_refused(call("export", tmp_path, *output, "--root", tmp_path), "--root", "are for --int8")
    assert_refused(call("export", tmp_path, *output, "--allow-missing"), "are for --int8")
    assert_refused(call("compare", tmp_path, tmp_path, "--allow-missing"), "need a corpus", "--corpus NAME")

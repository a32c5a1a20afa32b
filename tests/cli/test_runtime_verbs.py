"""predict, trace and info as users call them."""

import csv
import io
import json
import os
import pydoc
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotrace.cli.app import app, main

SpeechLike = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Answer:
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def run(*tokens: str | Path) -> Answer:
        with pytest.raises(SystemExit) as end:
            main([str(token) for token in tokens])
        captured = capsys.readouterr()
        code = end.value.code
        assert code is None or isinstance(code, int)
        return Answer(code or 0, captured.out, captured.err)

    return run


@pytest.fixture
def recordings(tmp_path: Path, speech_like: SpeechLike) -> Path:
    """A folder with b.wav (loud), sub/a.flac (soft) and a text that is no audio's name."""
    folder = tmp_path / "recordings"
    (folder / "sub").mkdir(parents=True)
    soundfile.write(folder / "b.wav", speech_like(1.5, 0.3), 16_000)
    soundfile.write(folder / "sub" / "a.flac", speech_like(1.2, 0.05), 16_000)
    (folder / "notes.txt").write_text("not audio")
    return folder


def bad_inputs(folder: Path, speech_like: SpeechLike) -> dict[str, Path]:
    """What users hand in by mistake, by what the error calls it."""
    found = ["an empty file", "text (", "not finite", "50 ms", "no such file", "a folder without audio"]
    paths = {what: folder / f"bad{number}.wav" for number, what in enumerate(found)}
    paths["an empty file"].touch()
    paths["text ("].write_text("Dear reader, this is not audio.")
    nan = speech_like(1.0)
    nan[5] = np.nan
    soundfile.write(paths["not finite"], nan, 16_000, subtype="FLOAT")
    soundfile.write(paths["50 ms"], speech_like(0.05), 16_000)
    paths["a folder without audio"].mkdir()
    return paths


def test_each_bad_input_is_one_line_and_the_others_are_done(
    call: Callable[..., Answer], tiny_model: Path, recordings: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    bad = bad_inputs(tmp_path, speech_like)
    for jobs in ("1", "3"):
        answer = call(
            "predict", recordings / "b.wav", *bad.values(), recordings / "sub",
            "--model", tiny_model, "--format", "json", "--jobs", jobs,
        )  # fmt: skip
        assert answer.code == 1
        assert [Path(result["file"]).name for result in json.loads(answer.out)] == ["b.wav", "a.flac"]
        lines = answer.err.splitlines()
        assert len(lines) == len(bad)
        for line, (found, path) in zip(lines, bad.items(), strict=True):
            assert line.startswith(f"emotrace: {path}: ")
            assert found in line


def test_odd_but_usable_audio_is_answered_with_a_warning(
    call: Callable[..., Answer], tiny_model: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    soundfile.write(tmp_path / "1-silence.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "2-channels.wav", np.stack([speech_like(1.2)] * 96, axis=1), 16_000)
    soundfile.write(tmp_path / "3-slow.wav", speech_like(1.2), 8_000)
    soundfile.write(tmp_path / "4-fast.wav", speech_like(15.0), 192_000)
    soundfile.write(tmp_path / "5-whole.wav", speech_like(3.0), 16_000)
    (tmp_path / "5-cut.wav").write_bytes((tmp_path / "5-whole.wav").read_bytes()[:50_000])
    (tmp_path / "5-whole.wav").unlink()
    answer = call("predict", tmp_path, "--model", tiny_model, "--format", "jsonl")
    assert (answer.code, answer.err) == (0, "")
    results = [json.loads(line) for line in answer.out.splitlines()]
    expected = ["digital silence", "96 channels", "8000 Hz", "192000 Hz", "cut short"]
    for result, warning in zip(results, expected, strict=True):
        assert any(warning in found for found in result["warnings"]), result
        assert (result["label"] is None) == (warning == "digital silence")
        assert (result["scores"] is None) == (warning == "digital silence")


def test_text_and_csv_keep_results_on_stdout_and_warnings_apart(
    call: Callable[..., Answer], tiny_model: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(6.0), 48_000)
    text = call("predict", tmp_path / "a.wav", "--model", tiny_model)
    assert text.out == f"{tmp_path / 'a.wav'}  anger  anger 1.00  sadness 0.00\n"
    assert text.err == f"emotrace: {tmp_path / 'a.wav'}: warning: resampled 48000 Hz to 16000 Hz\n"
    table = call("predict", tmp_path / "a.wav", "--model", tiny_model, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(table.out))
    assert (row["label"], row["warnings"], table.err) == ("anger", "resampled 48000 Hz to 16000 Hz", "")


def test_top_k_and_abstention(
    call: Callable[..., Answer], make_model: Callable[..., Path], recordings: Path, tmp_path: Path
) -> None:
    unsure = make_model(tmp_path / "unsure", calibration={"temperature": 10_000.0})
    answer = call(
        "predict", recordings, "--model", unsure, "--format", "json", "--top-k", "1", "--abstain-below", "0.9"
    )
    assert answer.code == 0
    for result in json.loads(answer.out):
        assert result["label"] is None
        assert len(result["scores"]) == 1
        assert result["warnings"][-1].startswith("abstained: ")


@pytest.mark.parametrize("kind", ["text", "json", "csv"])
def test_traces_to_files_are_what_goes_to_stdout_without(
    call: Callable[..., Answer], tiny_model: Path, recordings: Path, tmp_path: Path, kind: str
) -> None:
    shown = call("trace", recordings / "b.wav", "--model", tiny_model, "--format", kind)
    filed = call(
        "trace", recordings / "b.wav", "--model", tiny_model, "--format", kind, "--output", tmp_path / "out"
    )
    assert (shown.code, filed.code) == (0, 0)
    path = Path(filed.out.strip())
    assert path == tmp_path / "out" / ("b.txt" if kind == "text" else f"b.{kind}")
    if kind == "json":
        assert [json.loads(path.read_text())] == json.loads(shown.out)
    else:
        assert path.read_text() == shown.out


def test_pictures_of_a_folder_have_a_file_each(
    call: Callable[..., Answer], tiny_model: Path, recordings: Path, tmp_path: Path, speech_like: SpeechLike
) -> None:
    pytest.importorskip("matplotlib")
    soundfile.write(recordings / "sub" / "b.wav", np.zeros(16_000), 16_000)
    answer = call("trace", recordings, "--model", tiny_model, "--format", "png", "--output", tmp_path / "out")
    assert answer.code == 0
    assert [Path(line).name for line in answer.out.splitlines()] == ["b.png", "a.png", "b-2.png"]
    assert all(Path(line).read_bytes().startswith(b"\x89PNG") for line in answer.out.splitlines())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b-2.png", "b.png"]


def test_info_says_what_the_model_is(
    call: Callable[..., Answer], make_model: Callable[..., Path], tmp_path: Path
) -> None:
    model = make_model(
        tmp_path / "m", corpus="emodb", protocol="leave one speaker out",
        figures={"ua": {"value": 0.8312, "interval": [0.79, 0.87]}, "wa": {"value": 0.84}},
    )  # fmt: skip
    answer = call("info", "--model", model)
    assert (answer.code, answer.err) == (0, "")
    for fact in (
        "tiny",
        "blstm-ctc",
        "anger, sadness",
        "16000 Hz",
        "emodb",
        "leave one speaker out",
        "0.831 (95 %: 0.790 to 0.870)",
    ):
        assert fact in answer.out


WRONG_CALLS = {
    "no verb of that name": (["bogus"], "bogus"),
    "no audio": (["predict"], "AUDIO"),
    "an unknown option": (["predict", "a.wav", "--loud"], "--loud"),
    "an unknown format": (["predict", "a.wav", "--format", "xml"], "xml"),
    "a probability above one": (["predict", "a.wav", "--abstain-below", "1.5"], "--abstain-below"),
    "no jobs": (["predict", "a.wav", "--jobs", "0"], "--jobs"),
    "no best scores": (["predict", "a.wav", "--top-k", "0"], "--top-k"),
    "a model that is not there": (["predict", "a.wav", "--model", "nowhere"], "nowhere"),
    "a model that is a file": (["info", "--model", __file__], "model folder"),
    "a picture without a place": (["trace", "a.wav", "--format", "png"], "--output"),
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_calls_exit_2_with_one_line(call: Callable[..., Answer], wrong: str) -> None:
    tokens, named = WRONG_CALLS[wrong]
    answer = call(*tokens)
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("emotrace: ")
    assert named in answer.err


def test_a_damaged_model_exits_2(
    call: Callable[..., Answer], make_model: Callable[..., Path], tmp_path: Path
) -> None:
    model = make_model(tmp_path / "m")
    (model / "model.onnx").write_bytes(b"damaged")
    for verb in (["predict", "a.wav"], ["trace", "a.wav"], ["info"]):
        answer = call(*verb, "--model", model)
        assert (answer.code, answer.out) == (2, "")
        assert "model.onnx is not the file" in answer.err


def test_an_output_that_is_a_file_exits_2(
    call: Callable[..., Answer], tiny_model: Path, recordings: Path
) -> None:
    answer = call("trace", recordings, "--model", tiny_model, "--output", recordings / "notes.txt")
    assert (answer.code, answer.out) == (2, "")
    assert "notes.txt cannot be a folder" in answer.err


def test_pictures_without_matplotlib_exit_2(
    call: Callable[..., Answer],
    tiny_model: Path,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = call("trace", recordings, "--model", tiny_model, "--format", "png", "--output", tmp_path / "out")
    assert answer.code == 2
    assert 'pip install "emotrace[plot]"' in answer.err


def emotrace(*tokens: str | Path, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "emotrace", *map(str, tokens)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def test_a_closed_pipe_ends_quietly(tiny_model: Path, recordings: Path) -> None:
    with emotrace("predict", *[recordings] * 200, "--model", tiny_model, "--format", "jsonl") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["label"] == "anger"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_an_interrupt_keeps_what_was_done(tiny_model: Path, recordings: Path) -> None:
    with emotrace("predict", *[recordings] * 3000, "--model", tiny_model, "--format", "json") as process:
        assert process.stdout is not None
        first = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 130
    assert len(json.loads(first + rest)) >= 1


def test_names_that_are_no_text_are_answered(tiny_model: Path, recordings: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff.wav"
    os.link(recordings / "b.wav", odd)
    with emotrace("predict", os.fsdecode(odd), "--model", tiny_model, "--format", "json") as process:
        out, _ = process.communicate()
    assert process.returncode == 0
    assert '"label": "anger"' in out


def test_help_loads_no_heavy_module() -> None:
    script = (
        "import sys, emotrace.cli.app as cli\n"
        "heavy = {'torch', 'onnxruntime', 'pydantic', 'matplotlib'}\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("[]\n")
    assert "predict" in answer.stdout


@pytest.mark.parametrize("verb", ["predict", "trace", "corpus", "train", "crossval", "table", "info"])
def test_help_is_what_the_docstring_says(call: Callable[..., Answer], verb: str) -> None:
    said = pydoc.getdoc(app[verb].default_command).partition("\n\nParameters")[0]
    assert " ".join(said.split()) in " ".join(call(verb, "--help").out.split())
    first = " ".join(said.split()).partition(".")[0]
    assert first in " ".join(call("--help").out.replace("│", " ").split())


def test_the_two_samples_are_answered_as_promised(
    call: Callable[..., Answer], tiny_model: Path, data: Path
) -> None:
    files = sorted((data / "samples").glob("*.wav"))
    answer = call("predict", *files, "--model", tiny_model, "--format", "json")
    assert (answer.code, answer.err) == (0, "")
    stereo, mono = json.loads(answer.out)
    assert stereo["warnings"] == ["resampled 48000 Hz to 16000 Hz", "2 channels mixed to mono"]
    assert mono["warnings"] == ["resampled 48000 Hz to 16000 Hz"]
    assert sum(mono["scores"].values()) == pytest.approx(1.0, abs=1e-5)

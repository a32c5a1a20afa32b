"""Claims about the command line as a whole: help, wrong calls, escaping of names."""

import io
import pydoc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Call

from emotrace.cli import output
from emotrace.cli.app import VERBS, app

WRONG_CALLS = {
    "no verb of that name": (["bogus"], "bogus"),
    "no audio": (["predict"], "AUDIO"),
    "an unknown option": (["predict", "a.wav", "--loud"], "--loud"),
    "an unknown format": (["predict", "a.wav", "--format", "xml"], "xml"),
    "a probability above one": (["predict", "a.wav", "--abstain-below", "1.5"], "--abstain-below"),
    "no jobs": (["predict", "a.wav", "--jobs", "0"], "--jobs"),
    "no best scores": (["predict", "a.wav", "--top-k", "0"], "--top-k"),
    "a missing model": (["predict", "a.wav", "--model", "nowhere"], "nowhere"),
    "a model that is a file": (["info", "--model", __file__], "model folder"),
    "a picture without a folder": (["trace", "a.wav", "--format", "png"], "--output"),
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_calls_exit_with_2_and_one_line(call: Call, wrong: str) -> None:
    tokens, message = WRONG_CALLS[wrong]
    done = call(*tokens)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("emotrace: ")
    assert message in done.err


def test_a_package_that_is_missing_is_named_in_one_line(
    call: Call, make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(tmp_path / "m")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = call("info", "--model", model)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("emotrace: the package onnxruntime is missing or does not fit this system")


def test_a_damaged_model_exits_with_2(call: Call, make_model: Callable[..., Path], tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    (model / "model.onnx").write_bytes(b"damaged")
    for verb in (["predict", "a.wav"], ["trace", "a.wav"], ["info"]):
        done = call(*verb, "--model", model)
        assert (done.code, done.out) == (2, "")
        assert "model.onnx is not the file" in done.err


def test_info_prints_the_facts_of_a_model(
    call: Call, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    model = make_model(
        tmp_path / "m", corpus="emodb", protocol="leave one speaker out",
        figures={"ua": {"value": 0.8312, "interval": [0.79, 0.87]}, "wa": {"value": 0.84}},
    )  # fmt: skip
    done = call("info", "--model", model)
    assert (done.code, done.err) == (0, "")
    for fact in (
        "tiny",
        "blstm-ctc",
        "anger, sadness",
        "16000 Hz",
        "emodb",
        "leave one speaker out",
        "0.831 (95 %: 0.790 to 0.870)",
    ):
        assert fact in done.out


def test_help_loads_no_heavy_module() -> None:
    script = (
        "import sys, emotrace.cli.app as cli\n"
        "heavy = {'torch', 'onnxruntime', 'pydantic', 'matplotlib'}\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "predict" in done.stdout


@pytest.mark.parametrize("verb", ["predict", "trace", "corpus", "train", "crossval", "table", "info"])
def test_help_is_the_docstring(call: Call, verb: str) -> None:
    docstring = pydoc.getdoc(app[verb].default_command).partition("\n\nParameters")[0]
    assert " ".join(docstring.split()) in " ".join(call(verb, "--help").out.split())
    first = " ".join(docstring.split()).partition(".")[0]
    assert first in " ".join(call("--help").out.replace("│", " ").split())


class Terminal(io.StringIO):
    """Standard output of a terminal."""

    def isatty(self) -> bool:
        return True


def test_documents_on_a_terminal_have_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    output.write_document(['file,start\n"a\x1b[2J.wav",0\n', "1\t2\n"])
    assert terminal.getvalue() == 'file,start\n"a\\x1b[2J.wav",0\n1\t2\n'


def test_reports_keep_their_lines_and_escape_everything_else(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_report("one\ntwo\x07\n")
    output.print_line("three\nfour")
    assert capsys.readouterr().out == "one\ntwo\\x07\nthree\\nfour\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_sentence(call: Call, verb: str) -> None:
    arguments = app[verb].assemble_argument_collection(parse_docstring=True)
    helps = {argument.name: argument.parameter.help or "" for argument in arguments if argument.show}
    assert helps
    assert {name: text for name, text in helps.items() if not text.endswith(".")} == {}

"""Standard input: WAV streams and raw samples as they arrive, and what may be wrong with them."""

import io
import json
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile

from emotrace.audio.raw import Encoding, Raw
from emotrace.audio.standard_input import open_standard_input
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

SpeechLike = Callable[..., np.ndarray]


def wav(samples: np.ndarray, subtype: str = "PCM_16", rate_hz: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


def with_claim(content: bytes, claim: int) -> bytes:
    """The same WAV whose header claims so many bytes of samples."""
    place = content.index(b"data") + 4
    return content[:place] + struct.pack("<I", claim) + content[place + 4 :]


def heard(file: BinaryIO, raw: Raw | None = None) -> tuple[np.ndarray, list[RecognitionWarning]]:
    sound = open_standard_input(file, raw)
    blocks = list(sound.blocks)
    return np.concatenate(blocks), sound.warnings


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content: bytes, most: int) -> None:
        self.content, self.most = io.BytesIO(content), most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        some = self.content.read(min(len(buffer), self.most))
        buffer[: len(some)] = some
        return len(some)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_stream_is_what_the_file_is(subtype: str, channels: int, speech_like: SpeechLike) -> None:
    content = wav(speech_like(0.7)[:11_000].reshape(-1, channels), subtype)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    for file in (io.BytesIO(content), io.BufferedReader(Trickle(content, 7))):
        found, faults = heard(file)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, atol=1e-7)
        assert faults == []


@pytest.mark.parametrize(("encoding", "subtype"), [("uint8", "PCM_U8"), ("int16", "PCM_16"),
    ("int24", "PCM_24"), ("int32", "PCM_32"), ("float32", "FLOAT"), ("float64", "DOUBLE")])  # fmt: skip
def test_raw_samples_are_what_they_are_said_to_be(
    encoding: Encoding, subtype: str, speech_like: SpeechLike
) -> None:
    file = io.BytesIO()
    soundfile.write(file, speech_like(0.3), 16_000, format="RAW", subtype=subtype, endian="LITTLE")
    found, _ = heard(io.BytesIO(file.getvalue()), Raw(16_000, encoding))
    np.testing.assert_allclose(found[:, 0], speech_like(0.3), atol=1 / 120 if encoding == "uint8" else 1e-4)


@pytest.mark.parametrize("claim", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_header_that_does_not_know_the_length_is_read_to_the_end(
    claim: int, speech_like: SpeechLike
) -> None:
    content = wav(speech_like(0.5))
    found, faults = heard(io.BytesIO(with_claim(content, claim)))
    np.testing.assert_array_equal(found, heard(io.BytesIO(content))[0])
    assert faults == []


def test_a_stream_that_breaks_off_is_used_and_said(speech_like: SpeechLike) -> None:
    content = wav(speech_like(2.0))
    found, faults = heard(io.BytesIO(content[: 44 + 32_001]))
    assert len(found) == 16_000
    assert [str(warning) for warning in faults] == [
        "cut short or damaged: used the 1.00 s of 2.00 s that could be read"
    ]


def test_what_follows_the_samples_is_not_heard(speech_like: SpeechLike) -> None:
    content = wav(speech_like(0.5))
    found, _ = heard(io.BytesIO(content + b"LIST" + struct.pack("<I", 400) + bytes(400)))
    assert len(found) == 8_000


BAD = {
    "found nothing": b"",
    "found no WAV header (it begins b'fLaC": b"fLaC" + bytes(100),
    "found no WAV header": bytes(range(200)),
    "breaks off": wav(np.zeros(1000))[:30],
    "a WAV header without a format": b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\0\0data" + bytes(8),
    "found WAV format 6 of 8 bits": wav(np.zeros(1000), "ALAW"),
}


@pytest.mark.parametrize("found", BAD)
def test_what_is_no_wav_stream_is_refused_in_one_line(found: str) -> None:
    with pytest.raises(AudioError) as error:
        open_standard_input(io.BytesIO(BAD[found]))
    assert found in str(error.value)
    assert str(error.value).startswith("<stdin>: found ")
    assert "expected" in str(error.value)


def emotrace(*tokens: str | Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "emotrace", *map(str, tokens)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )


def answer(content: bytes, *tokens: str | Path) -> tuple[int, str, str]:
    with emotrace(*tokens) as process:
        out, err = process.communicate(content)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def change(speech_like: SpeechLike) -> np.ndarray:
    """Loud for 12 s, then soft for 9 s."""
    return np.concatenate([speech_like(12.0, 0.3), speech_like(9.0, 0.05)])


def test_spans_are_written_as_they_close(tiny_model: Path, change: np.ndarray) -> None:
    content = with_claim(wav(change), 0xFFFFFFFF)
    with emotrace("trace", "-", "--model", tiny_model) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(content[: 44 + 2 * 16_000 * 19])  # its end is not there yet
        first = process.stdout.readline().decode().split()
        process.stdin.write(content[44 + 2 * 16_000 * 19 :])
        process.stdin.close()
        rest = process.stdout.read().decode().splitlines()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert (first[0], first[2]) == ("0.00", "anger")
    assert float(first[1]) == pytest.approx(12.0, abs=0.35)
    assert len(rest) == 2
    assert rest[0].split()[1:3] == ["21.00", "sadness"]
    assert rest[1].startswith("-  21.00 s  anger ")


@pytest.mark.parametrize("verb", ["predict", "trace"])
def test_standard_input_gives_what_the_file_gives(
    tiny_model: Path, change: np.ndarray, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "a.wav").write_bytes(wav(change))
    options = ("--model", tiny_model, "--format", "json")
    _, file, _ = answer(b"", verb, tmp_path / "a.wav", *options)
    code, found, err = answer(wav(change), verb, "-", *options)
    raw = wav(change)[44:]
    _, from_raw, _ = answer(raw, verb, "-", *options, "--raw-rate", "16000")
    assert (code, err) == (0, "")
    (expected,) = json.loads(file)
    assert json.loads(found) == [{**expected, "file": "-"}]
    assert from_raw == found


@pytest.mark.parametrize("verb", ["predict", "trace"])
def test_what_is_no_audio_is_one_line_and_exit_1(tiny_model: Path, verb: str) -> None:
    for content in (b"", bytes(1000), wav(np.zeros(1000))[:30], wav(np.ones(100) / 2)):
        code, out, err = answer(content, verb, "-", "--model", tiny_model)
        assert (code, out) == (1, "")
        assert err.startswith("emotrace: <stdin>: found ")
        assert len(err.splitlines()) == 1


def test_a_sample_that_is_not_finite_ends_it_with_one_line_after_what_was_said(
    tiny_model: Path, change: np.ndarray
) -> None:
    change[-1000] = np.nan
    code, out, err = answer(wav(change, "FLOAT"), "trace", "-", "--model", tiny_model)
    assert code == 1
    assert [line.split()[2] for line in out.splitlines()] == ["anger"]
    assert err == (
        "emotrace: <stdin>: found a sample that is not finite at 20.938 s, expected numbers only; "
        "write the file anew from its source\n"
    )


@pytest.mark.parametrize("kind", ["text", "json"])
def test_an_interrupt_leaves_what_was_heard_so_far(tiny_model: Path, change: np.ndarray, kind: str) -> None:
    with emotrace("trace", "-", "--model", tiny_model, "--format", kind) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(with_claim(wav(np.tile(change, 2)), 0xFFFFFFFF))
        # What is written was read, but for the last two seconds that a pipe may hold.
        process.send_signal(signal.SIGINT)
        out = process.stdout.read().decode()
        assert process.stderr.read() == b"emotrace: interrupted\n"
    assert process.returncode == 130
    expected = ["anger", "sadness", "anger", "sadness"]
    if kind == "text":
        assert [line.split()[2] for line in out.splitlines()[:4]] == expected
        assert out.splitlines()[4].startswith("-  ")
    else:
        assert [span["emotion"] for span in json.loads(out)[0]["timeline"]] == expected


WRONG = {
    "must be the only input": ["trace", "-", "a.wav"],
    "cannot be combined with --output": ["trace", "-", "--output", "folder"],
    "cannot be combined with --segments": ["predict", "-", "--segments", "a.csv"],
    "--raw-rate is for standard input": ["predict", "a.wav", "--raw-rate", "16000"],
}


@pytest.mark.parametrize("found", WRONG)
def test_calls_that_make_no_sense_exit_2(found: str, tiny_model: Path) -> None:
    code, out, err = answer(b"", *WRONG[found], "--model", tiny_model)
    assert (code, out) == (2, "")
    assert found in err
    assert len(err.splitlines()) == 1

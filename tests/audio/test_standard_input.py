"""Standard input: WAV streams and raw samples, and their errors."""

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
    """The same WAV with another number of bytes in its header."""
    position = content.index(b"data") + 4
    return content[:position] + struct.pack("<I", claim) + content[position + 4 :]


def read_all(file: BinaryIO, raw: Raw | None = None) -> tuple[np.ndarray, list[RecognitionWarning]]:
    sound = open_standard_input(file, raw)
    blocks = list(sound.blocks)
    return np.concatenate(blocks), sound.warnings


class Trickle(io.RawIOBase):
    """A pipe that delivers a few bytes at a time."""

    def __init__(self, content: bytes, max_bytes: int) -> None:
        self.content, self.max_bytes = io.BytesIO(content), max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self.content.read(min(len(buffer), self.max_bytes))
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_stream_has_the_samples_of_the_file(
    subtype: str, channels: int, speech_like: SpeechLike
) -> None:
    content = wav(speech_like(0.7)[:11_000].reshape(-1, channels), subtype)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    for file in (io.BytesIO(content), io.BufferedReader(Trickle(content, 7))):
        found, warnings = read_all(file)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, atol=1e-7)
        assert warnings == []


@pytest.mark.parametrize(("encoding", "subtype"), [("uint8", "PCM_U8"), ("int16", "PCM_16"),
    ("int24", "PCM_24"), ("int32", "PCM_32"), ("float32", "FLOAT"), ("float64", "DOUBLE")])  # fmt: skip
def test_raw_samples_are_read_in_every_encoding(
    encoding: Encoding, subtype: str, speech_like: SpeechLike
) -> None:
    file = io.BytesIO()
    soundfile.write(file, speech_like(0.3), 16_000, format="RAW", subtype=subtype, endian="LITTLE")
    found, _ = read_all(io.BytesIO(file.getvalue()), Raw(16_000, encoding))
    np.testing.assert_allclose(found[:, 0], speech_like(0.3), atol=1 / 120 if encoding == "uint8" else 1e-4)


@pytest.mark.parametrize("claim", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_stream_without_a_length_in_its_header_is_read_to_the_end(
    claim: int, speech_like: SpeechLike
) -> None:
    content = wav(speech_like(0.5))
    found, warnings = read_all(io.BytesIO(with_claim(content, claim)))
    np.testing.assert_array_equal(found, read_all(io.BytesIO(content))[0])
    assert warnings == []


def test_a_truncated_stream_is_used_with_a_warning(speech_like: SpeechLike) -> None:
    content = wav(speech_like(2.0))
    found, warnings = read_all(io.BytesIO(content[: 44 + 32_001]))
    assert len(found) == 16_000
    assert [str(warning) for warning in warnings] == [
        "cut short or damaged: used the 1.00 s of 2.00 s that could be read"
    ]


def test_a_header_that_claims_too_little_does_not_hide_samples(speech_like: SpeechLike) -> None:
    content = wav(speech_like(2.0))
    for file in (io.BytesIO, lambda content: io.BufferedReader(Trickle(content, 7))):
        found, warnings = read_all(file(with_claim(content, 32_000)))
        np.testing.assert_array_equal(found, read_all(io.BytesIO(content))[0])
        assert [str(warning) for warning in warnings] == [
            "the header says 1.00 s, and the stream has 2.00 s: used all of it"
        ]


def test_joined_streams_are_all_used(speech_like: SpeechLike) -> None:
    content = wav(speech_like(1.0))
    found, warnings = read_all(io.BytesIO(content * 3))
    assert len(found) == 3 * 16_000
    assert [warning.code for warning in warnings] == ["header-length"]
    found, warnings = read_all(io.BytesIO(content + wav(speech_like(1.0), rate_hz=8_000)))
    assert len(found) == 16_000
    assert [warning.code for warning in warnings] == ["joined"]


@pytest.mark.parametrize(("encoding", "subtype"), [("mulaw", "ULAW"), ("alaw", "ALAW")])
def test_telephone_codecs_are_read_with_and_without_a_header(encoding: Encoding, subtype: str) -> None:
    codes = np.arange(256, dtype=np.uint8).tobytes() * 2
    raw = io.BytesIO(codes)
    expected, _ = soundfile.read(raw, samplerate=8_000, channels=2, format="RAW", subtype=subtype)
    found, _ = read_all(io.BytesIO(codes), Raw(8_000, encoding, channels=2))
    np.testing.assert_allclose(found, expected, atol=1e-7)
    np.testing.assert_array_equal(read_all(io.BytesIO(wav(expected, subtype)))[0], found)


def test_chunks_after_the_samples_are_ignored(speech_like: SpeechLike) -> None:
    content = wav(speech_like(0.5))
    found, _ = read_all(io.BytesIO(content + b"LIST" + struct.pack("<I", 400) + bytes(400)))
    assert len(found) == 8_000


BAD = {
    "found nothing": b"",
    "found no WAV header (it starts with b'fLaC": b"fLaC" + bytes(100),
    "found no WAV header": bytes(range(200)),
    "found an incomplete WAV header": wav(np.zeros(1000))[:30],
    "a WAV header without a format": b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\0\0data" + bytes(8),
    "found WAV format 17 of 4 bits": wav(np.zeros(1000), "IMA_ADPCM"),
}


@pytest.mark.parametrize("found", BAD)
def test_input_that_is_not_a_wav_stream_is_refused_in_one_line(found: str) -> None:
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


def run(content: bytes, *tokens: str | Path) -> tuple[int, str, str]:
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
        process.stdin.write(content[: 44 + 2 * 16_000 * 19])  # without its end
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
def test_standard_input_gives_the_result_of_the_file(
    tiny_model: Path, change: np.ndarray, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "a.wav").write_bytes(wav(change))
    options = ("--model", tiny_model, "--format", "json")
    _, file, _ = run(b"", verb, tmp_path / "a.wav", *options)
    code, found, err = run(wav(change), verb, "-", *options)
    raw = wav(change)[44:]
    _, from_raw, _ = run(raw, verb, "-", *options, "--raw-rate", "16000")
    assert (code, err) == (0, "")
    (expected,) = json.loads(file)
    assert json.loads(found) == [{**expected, "file": "-"}]
    assert from_raw == found


def test_each_channel_of_a_raw_call_has_its_result(tiny_model: Path, speech_like: SpeechLike) -> None:
    call = np.stack([speech_like(3.0, 0.3), speech_like(3.0, 0.05)], axis=1)
    file = io.BytesIO()
    soundfile.write(file, call, 16_000, format="RAW", subtype="ULAW")
    options = ("--raw-rate", "16000", "--raw-format", "mulaw", "--raw-channels", "2", "--channels", "each")
    code, out, err = run(file.getvalue(), "predict", "-", "--model", tiny_model, *options, "--top-k", "1")
    assert (code, err) == (0, "")
    assert [line.split("  ")[:3] for line in out.splitlines()] == [
        ["-", "channel 1", "anger"], ["-", "channel 2", "sadness"]
    ]  # fmt: skip


@pytest.mark.parametrize("verb", ["predict", "trace"])
def test_input_that_is_not_audio_is_one_line_and_exit_1(tiny_model: Path, verb: str) -> None:
    for content in (b"", bytes(1000), wav(np.zeros(1000))[:30], wav(np.ones(100) / 2)):
        code, out, err = run(content, verb, "-", "--model", tiny_model)
        assert (code, out) == (1, "")
        assert err.startswith("emotrace: <stdin>: found ")
        assert len(err.splitlines()) == 1


def test_a_sample_that_is_not_finite_ends_the_stream_after_the_spans_before_it(
    tiny_model: Path, change: np.ndarray
) -> None:
    change[-1000] = np.nan
    code, out, err = run(wav(change, "FLOAT"), "trace", "-", "--model", tiny_model)
    assert code == 1
    assert [line.split()[2] for line in out.splitlines()] == ["anger"]
    assert err == (
        "emotrace: <stdin>: found a sample that is not finite at 20.938 s, expected finite numbers; "
        "write the file again from its source\n"
    )


@pytest.mark.parametrize("kind", ["text", "json"])
def test_an_interrupt_writes_the_result_so_far(tiny_model: Path, change: np.ndarray, kind: str) -> None:
    with emotrace("trace", "-", "--model", tiny_model, "--format", kind) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(with_claim(wav(np.tile(change, 2)), 0xFFFFFFFF))
        # All was read except for the last two seconds, which the pipe may still hold.
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
    "--raw-format and --raw-channels need --raw-rate": ["predict", "-", "--raw-channels", "2"],
    "--channels each cannot be combined with --segments": [
        "predict",
        "a.wav",
        "--channels",
        "each",
        "--segments",
        "a.csv",
    ],
    "--raw-rate is for standard input": ["predict", "a.wav", "--raw-rate", "16000"],
}


@pytest.mark.parametrize("found", WRONG)
def test_contradictory_options_exit_with_2(found: str, tiny_model: Path) -> None:
    code, out, err = run(b"", *WRONG[found], "--model", tiny_model)
    assert (code, out) == (2, "")
    assert found in err
    assert len(err.splitlines()) == 1

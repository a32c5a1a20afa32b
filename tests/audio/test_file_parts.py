"""Files whose headers say less than the file has."""

import io
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotrace.audio.file_parts import Part, find_parts
from emotrace.audio.length_fields import find_correction
from emotrace.audio.reading import Audio, read_audio
from emotrace.errors import AudioError

RATE_HZ = 16_000


def noise(seconds: float, seed: int = 0, rate_hz: int = RATE_HZ) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.25, 0.25, round(seconds * rate_hz))


def encoded(
    samples: np.ndarray, kind: str = "WAV", subtype: str | None = None, rate_hz: int = RATE_HZ
) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def with_sizes(content: bytes, whole: int, samples: int) -> bytes:
    """The same WAV or AIFF with other sizes in its header."""
    order, chunk = ("<I", b"data") if content.startswith(b"RIFF") else (">I", b"SSND")
    changed, at = bytearray(content), content.index(chunk) + 4
    changed[4:8], changed[at : at + 4] = struct.pack(order, whole), struct.pack(order, samples)
    return bytes(changed)


def warning_of(audio: Audio, code: str) -> str:
    (text,) = [warning.text for warning in audio.warnings if warning.code == code]
    return text


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
@pytest.mark.parametrize("share", [0, 2])
def test_a_wav_header_that_claims_too_little_does_not_hide_samples(subtype: str, share: int) -> None:
    content = encoded(np.stack([noise(2.0), noise(2.0, 1)], axis=1), subtype=subtype)
    claimed = (len(content) - content.index(b"data") - 8) // share if share else 0
    audio = read_audio(with_sizes(content, claimed + 36 if share else 0, claimed))
    np.testing.assert_array_equal(audio.samples, read_audio(content).samples)
    claimed_s = 1.0 if share else 0.0
    expected = f"the header says {claimed_s:.2f} s, and the file has 2.00 s: used all of it"
    assert warning_of(audio, "header-length") == expected


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24", "FLOAT"])
def test_so_does_an_aiff_header(subtype: str) -> None:
    content = encoded(noise(2.0), "AIFF", subtype)
    audio = read_audio(with_sizes(content, 0, 8))
    np.testing.assert_array_equal(audio.samples, read_audio(content).samples)
    assert warning_of(audio, "header-length").endswith("the file has 2.00 s: used all of it")


def test_so_does_an_au_header() -> None:
    content = encoded(noise(2.0), "AU", "PCM_16")
    audio = read_audio(content[:8] + struct.pack(">I", 32_000) + content[12:])
    np.testing.assert_array_equal(audio.samples, read_audio(content).samples)
    assert warning_of(audio, "header-length").startswith("the header says 1.00 s")


def with_length(content: bytes, samples: int | None) -> bytes:
    """The same mono 16-bit CAF, W64, RF64 or FLAC with another length; None leaves it open."""
    if content.startswith(b"fLaC"):
        fields = int.from_bytes(content[18:26], "big") >> 36 << 36 | (samples or 0)
        return content[:18] + fields.to_bytes(8, "big") + content[26:]
    name, skipped, layout, added = {
        b"caff": (b"data", 4, ">q", 4),
        b"riff": (b"data", 16, "<q", 24),
        b"RF64": (b"ds64", 16, "<q", 0),
    }[content[:4]]
    at = content.index(name) + skipped
    length = struct.pack(layout, -1 if samples is None else 2 * samples + added)
    return content[:at] + length + content[at + 8 :]


SIZED = ["CAF", "W64", "RF64", "FLAC"]


@pytest.mark.parametrize("kind", SIZED)
@pytest.mark.parametrize("claimed_s", [0.0, 0.01, 1.0])
def test_other_headers_that_claim_too_little_hide_no_samples(
    kind: str, claimed_s: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = encoded(noise(2.0), kind, "PCM_16")
    if kind == "FLAC" and not claimed_s:
        pytest.skip("a FLAC file without a length leaves it open")
    path = tmp_path / "a"
    path.write_bytes(with_length(content, round(claimed_s * RATE_HZ)))
    for source in (path, path.read_bytes()):
        audio = read_audio(source)
        np.testing.assert_array_equal(audio.samples, read_audio(content).samples)
        expected = f"the header says {claimed_s:.2f} s, and the file has 2.00 s: used all of it"
        assert [warning.text for warning in audio.warnings] == [expected]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", SIZED)
def test_other_headers_that_claim_too_much_cause_a_warning(kind: str) -> None:
    content = encoded(noise(2.0), kind, "PCM_16")
    audio = read_audio(with_length(content, 4 * RATE_HZ))
    np.testing.assert_array_equal(audio.samples, read_audio(content).samples)
    expected = "cut short or damaged: used the 2.00 s of 4.00 s that could be read"
    assert [warning.text for warning in audio.warnings] == [expected]


@pytest.mark.parametrize("kind", SIZED)
def test_a_length_that_is_left_open_is_no_damage(kind: str) -> None:
    content = encoded(noise(2.0), kind, "PCM_16")
    audio = read_audio(with_length(content, None))
    np.testing.assert_array_equal(audio.samples, read_audio(content).samples)
    assert audio.warnings == ()


@pytest.mark.parametrize("size", [-(2**63), -1, 0, 2**40, 2**63 - 1])
@pytest.mark.parametrize(("kind", "chunk"), [("CAF", b"free"), ("W64", b"fmt "), ("RF64", b"ds64")])
def test_impossible_sizes_of_chunks_are_refused_or_read(
    kind: str, chunk: bytes, size: int, tmp_path: Path
) -> None:
    content = encoded(noise(1.5), kind, "PCM_16")
    at = content.index(chunk) + (16 if kind == "W64" else 4)
    path = tmp_path / "a"
    path.write_bytes(content[:at] + struct.pack(">q" if kind == "CAF" else "<q", size) + content[at + 8 :])
    with suppress(AudioError):  # no other error
        assert read_audio(path).duration_s == 1.5


TAILS = {
    "CAF": b"info" + struct.pack(">q", 9000) + bytes(9000),
    "W64": b"list" + bytes.fromhex("2f91cf11a5d628db04c10000") + struct.pack("<q", 9000) + bytes(8976),
    "RF64": b"LIST" + struct.pack("<I", 9000) + bytes(9000),
}


@pytest.mark.parametrize("kind", TAILS)
def test_chunks_after_the_samples_of_other_containers_are_no_samples(kind: str) -> None:
    audio = read_audio(encoded(noise(1.5), kind, "PCM_16") + TAILS[kind])
    assert (audio.duration_s, audio.warnings) == (1.5, ())


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_length_of_a_flac_file_is_that_of_its_last_frame(subtype: str, channels: int) -> None:
    content = encoded(np.stack([noise(1.3)] * channels, axis=1), "FLAC", subtype, rate_hz=RATE_HZ)
    assert find_correction(io.BytesIO(content), len(content)) is None
    for samples in (1, round(1.3 * RATE_HZ) - 1):
        short = with_length(content, samples)
        correction = find_correction(io.BytesIO(short), len(short))
        assert correction is not None
        assert correction.claimed_share == samples / round(1.3 * RATE_HZ)


@pytest.mark.parametrize("extra", [b"", b"LIST" + struct.pack("<I", 400) + bytes(400)])
def test_sizes_that_wrapped_at_4_gib_are_unwrapped(extra: bytes, tmp_path: Path) -> None:
    bytes_of_samples = 2**32 + 128_000
    content = with_sizes(encoded(noise(1.0)), 128_036, 128_000)
    path = tmp_path / "a.wav"
    with path.open("wb") as file:  # sparse: the file takes no space
        file.write(content)
        file.seek(44 + bytes_of_samples)
        file.write(extra)
        file.truncate()
    with path.open("rb") as file:
        assert list(find_parts(file)) == [Part(0, 44 + bytes_of_samples, 44)]


TRAILERS = {
    "a list of texts": b"LIST" + struct.pack("<I", 9000) + bytes(9000),
    "an ID3 tag": b"id3 " + struct.pack("<I", 9000) + bytes(9000),
    "two unknown chunks": (b"ABCD" + struct.pack("<I", 8000) + bytes(8000)) * 2,
    "a short rest": bytes(500),
}


@pytest.mark.parametrize("name", TRAILERS)
def test_chunks_after_the_samples_are_no_samples(name: str) -> None:
    audio = read_audio(encoded(noise(1.5), subtype="PCM_16") + TRAILERS[name])
    assert (audio.duration_s, audio.warnings) == (1.5, ())


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "FLAC", "OGG", "OPUS", "MP3"])
def test_recordings_joined_in_one_file_are_all_used(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = (
        encoded(noise(seconds, 1), "OGG", "OPUS") if kind == "OPUS" else encoded(noise(seconds, 1), kind)
        for seconds in (2.0, 3.0)
    )
    audio = read_audio(first + second)
    assert audio.duration_s == pytest.approx(5.0, abs=0.15)
    assert warning_of(audio, "joined").startswith("the header says 2.")
    assert capfd.readouterr().err == ""
    assert read_audio(first + second + first).duration_s == pytest.approx(7.0, abs=0.2)
    assert read_audio(first).warnings == ()


def test_a_joined_recording_of_another_rate_is_mentioned() -> None:
    audio = read_audio(encoded(noise(1.5)) + encoded(noise(1.5, rate_hz=8_000), rate_hz=8_000))
    assert audio.duration_s == 1.5
    expected = "joined recordings of different rates or channels: used the first 1"
    assert warning_of(audio, "joined") == expected


def test_an_mp3_whose_header_claims_half_is_used_whole() -> None:
    content = encoded(noise(8.0), "MP3")
    at = max(content.find(b"Xing"), content.find(b"Info"))
    frames, count = struct.unpack(">II", content[at + 8 : at + 16])
    half = struct.pack(">II", frames // 2, count // 2)
    audio = read_audio(content[: at + 8] + half + content[at + 16 :])
    assert audio.duration_s == pytest.approx(8.0, abs=0.3)
    assert warning_of(audio, "joined")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "NIST"])
def test_sound_files_are_one_part(kind: str) -> None:
    file = io.BytesIO(encoded(noise(3.0), kind))
    assert list(find_parts(file)) == [Part()]

"""What a recording can be given as in Python, and what is refused in one clear line."""

import array
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from emotrace.audio.reading import read_audio
from emotrace.errors import AudioError

RATE_HZ = 16_000
SAMPLES = (np.random.default_rng(0).uniform(-0.25, 0.25, RATE_HZ) * 32767).astype(np.int16)


def wav(samples: np.ndarray = SAMPLES) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


SAME: dict[str, Callable[[], Any]] = {
    "16-bit samples": lambda: (SAMPLES, RATE_HZ),
    "a memoryview of 16-bit samples": lambda: (memoryview(SAMPLES), RATE_HZ),
    "a standard array of 16-bit samples": lambda: (array.array("h", SAMPLES.tolist()), RATE_HZ),
    "a list of floats": lambda: ((SAMPLES / 32768).tolist(), float(RATE_HZ)),
    "a NumPy integer as rate": lambda: (SAMPLES, np.int64(RATE_HZ)),
    "a bytearray of a file": lambda: bytearray(wav()),
    "a memoryview of a file": lambda: memoryview(wav()),
    "a SoundFile": lambda: soundfile.SoundFile(io.BytesIO(wav())),
    "an entry of datasets": lambda: {"array": SAMPLES, "sampling_rate": RATE_HZ, "path": "a.wav"},
    "an input of pipelines": lambda: {"raw": SAMPLES, "sampling_rate": RATE_HZ},
    "an entry that is not decoded": lambda: {"bytes": wav(), "path": None},
    "a decoder of datasets": lambda: SimpleNamespace(
        get_all_samples=lambda: SimpleNamespace(data=SAMPLES[None] / 32768, sample_rate=RATE_HZ)
    ),
}


@pytest.mark.parametrize("kind", SAME)
def test_every_way_to_give_samples_gives_the_same_audio(kind: str) -> None:
    audio = read_audio(SAME[kind]())
    np.testing.assert_allclose(audio.samples, SAMPLES / 32768, atol=1e-7)
    assert (audio.sample_rate_hz, audio.name, audio.warnings) == (RATE_HZ, None, ())


def test_a_sound_file_is_read_from_its_position_and_left_open() -> None:
    with soundfile.SoundFile(io.BytesIO(wav())) as file:
        file.seek(4_000)
        audio = read_audio(file)
        assert (audio.duration_s, file.closed) == (0.75, False)
        assert {warning.code for warning in audio.warnings} == {"short"}


REFUSED: dict[str, Callable[[], Any]] = {
    "found bytes without the type of their samples": lambda: (bytearray(SAMPLES.tobytes()), RATE_HZ),
    "expected an array; for 16-bit samples give numpy.frombuffer": lambda: (SAMPLES.tobytes(), RATE_HZ),
    "found bytes": lambda: (memoryview(SAMPLES.tobytes()), RATE_HZ),
    "found (sample_rate_hz, samples), expected (samples, sample_rate_hz); swap": lambda: (RATE_HZ, SAMPLES),
    "found a sample rate of None, expected a whole number of Hz": lambda: (SAMPLES, None),
    "found a sample rate of abc": lambda: (SAMPLES, "abc"),
    "found a sample rate of [16000], expected": lambda: (SAMPLES, [16000]),
    "found shape (1, 16000), expected (n,) or (n, channels); transpose them?": lambda: (
        SAMPLES[None],
        RATE_HZ,
    ),
    "found a tuple of 3": lambda: (SAMPLES, RATE_HZ, 1),
    "found a list, expected a path, bytes, a binary file object": lambda: ["a.wav", "b.wav"],
    "call the recogniser for each source": lambda: [(SAMPLES, RATE_HZ)] * 2,
    "found a ndarray, expected": lambda: SAMPLES,
    "give the rate too: (samples, sample_rate_hz)": lambda: SAMPLES,
    "found a dictionary of array, expected array and sampling_rate": lambda: {"array": SAMPLES},
    "found a NoneType": lambda: None,
    "found an empty path": lambda: "",
    "found a list that is no array": lambda: ([[1.0], [1.0, 2.0]], RATE_HZ),
    "found samples of type <U1": lambda: (["a"], RATE_HZ),
}


@pytest.mark.parametrize("found", REFUSED)
def test_everything_else_is_refused_in_one_line(found: str) -> None:
    with pytest.raises(AudioError) as error:
        read_audio(REFUSED[found]())
    assert found in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_opened_as_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    with (
        (tmp_path / "a.wav").open(encoding="utf-8") as file,
        pytest.raises(AudioError, match="opened as text"),
    ):
        read_audio(file)  # type: ignore[arg-type]


def test_sound_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    closed = soundfile.SoundFile(io.BytesIO(wav()))
    closed.close()
    with pytest.raises(AudioError, match="SoundFile that is closed"):
        read_audio(closed)
    with (
        soundfile.SoundFile(tmp_path / "b.wav", "w", RATE_HZ, 1) as written,
        pytest.raises(AudioError, match="opened for writing"),
    ):
        read_audio(written)


NO_AUDIO = {
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "fetch it with git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "an HTML page": b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html lang='de'>Nicht gefunden</html>",
    "download the recording again": b"<html><body>404</body></html>",
    "an XML document": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "JSON text": b'{"error": "not found"}',
    "a ZIP archive": b"PK\x03\x04" + bytes(100),
    "a gzip archive": b"\x1f\x8b" + bytes(100),
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3",
    "only zero bytes": bytes(5000),
}


@pytest.mark.parametrize("found", NO_AUDIO)
def test_a_file_that_is_no_audio_is_named_without_advice_on_conversion(found: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(NO_AUDIO[found])
    with pytest.raises(AudioError) as error:
        read_audio(tmp_path / "a.wav")
    assert found in str(error.value)
    assert "ffmpeg" not in str(error.value)


def test_a_damaged_mp3_is_called_damaged() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(3 * RATE_HZ) / 20) / 2, RATE_HZ, format="MP3")
    random = np.random.default_rng(3)
    for _ in range(50):
        content = bytearray(file.getvalue())
        for position in random.integers(500, len(content), 60):
            content[position] ^= 0xFF
        warnings = {warning.code: warning.text for warning in read_audio(bytes(content)).warnings}
        assert "out-of-range" not in warnings
        if "damaged" in warnings:
            break
    assert warnings["damaged"].startswith("damaged: samples reach ")
    assert warnings["damaged"].endswith("times full scale; get the file again from its source")

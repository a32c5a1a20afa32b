import io
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from emotrace.audio.reading import Audio, Source, read_audio
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning


def speech_like(seconds: float = 1.5, rate_hz: int = 16_000, seed: int = 0) -> np.ndarray:
    """Noise whose level rises and falls three times per second, at a quarter of full scale."""
    n = round(seconds * rate_hz)
    noise = np.random.default_rng(seed).uniform(-0.25, 0.25, n)
    return noise * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * np.arange(n) / rate_hz))


def warnings_of(source: Source) -> list[str]:
    return [str(warning) for warning in read_audio(source).warnings]


def encoded(
    samples: np.ndarray, rate_hz: int = 16_000, kind: str = "WAV", subtype: str | None = None
) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def wav_header(channels: int = 1, rate_hz: int = 16_000, claimed_bytes: int = 64_000) -> bytes:
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate_hz, 2 * rate_hz * channels, 2 * channels, 16)
    return (
        b"RIFF"
        + struct.pack("<I", min(claimed_bytes + 36, 2**32 - 1))
        + b"WAVEfmt "
        + form
        + b"data"
        + struct.pack("<I", claimed_bytes)
    )


def pcm(seconds: float) -> bytes:
    return (speech_like(seconds) * 32767).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 1 / 120),
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_32", 1e-6),
        ("WAV", "FLOAT", 1e-7),
        ("WAV", "DOUBLE", 1e-7),
        ("FLAC", "PCM_16", 1e-4),
        ("FLAC", "PCM_24", 1e-6),
        ("AIFF", "PCM_16", 1e-4),
        ("AIFF", "PCM_24", 1e-6),
    ],
)
def test_lossless_formats_give_back_their_samples(kind: str, subtype: str, tolerance: float) -> None:
    samples = speech_like()
    audio = read_audio(encoded(samples, kind=kind, subtype=subtype))
    assert audio.sample_rate_hz == 16_000
    assert audio.samples.dtype == np.float32
    assert audio.warnings == ()
    np.testing.assert_allclose(audio.samples, samples, atol=tolerance)


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_formats_keep_the_length_and_the_loudness(kind: str, subtype: str) -> None:
    samples = speech_like()
    audio = read_audio(encoded(samples, kind=kind, subtype=subtype))
    assert audio.duration_s == pytest.approx(1.5, abs=0.05)
    assert np.std(audio.samples) == pytest.approx(np.std(samples), rel=0.4)


def test_path_bytes_file_object_and_samples_give_the_same_audio(tmp_path: Path) -> None:
    content = encoded(speech_like())
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    samples, rate_hz = soundfile.read(path)
    with path.open("rb") as file:
        sources = [
            path,
            str(path),
            content,
            bytearray(content),
            file,
            io.BytesIO(content),
            (samples, rate_hz),
        ]
        found = [read_audio(source) for source in sources]
    for audio in found:
        np.testing.assert_array_equal(audio.samples, found[0].samples)
    assert [audio.name for audio in found] == [str(path), str(path), None, None, None, None, None]


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(encoded(speech_like()),))
    writer.start()
    assert read_audio(pipe).duration_s == 1.5
    writer.join()


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_is_resampled_with_a_warning(rate_hz: int) -> None:
    audio = read_audio(encoded(speech_like(rate_hz=rate_hz), rate_hz))
    assert audio.duration_s == pytest.approx(1.5, abs=1e-3)
    assert str(audio.warnings[0]) == f"resampled {rate_hz} Hz to 16000 Hz"
    assert ("narrow-band" in {warning.code for warning in audio.warnings}) == (rate_hz == 8_000)


def test_resampling_in_blocks_equals_resampling_at_once() -> None:
    samples = speech_like(seconds=60, rate_hz=44_100).astype(np.float32)  # more than one block
    audio = read_audio(encoded(samples, 44_100, subtype="FLOAT"))
    np.testing.assert_allclose(audio.samples, soxr.resample(samples, 44_100, 16_000), atol=1e-6)


@pytest.mark.parametrize("channels", [2, 6, 96])
def test_any_number_of_channels_is_averaged_with_a_warning(channels: int) -> None:
    samples = np.stack([speech_like(seed=seed) for seed in range(channels)], axis=1)
    audio = read_audio(encoded(samples, subtype="FLOAT"))
    assert str(audio.warnings[0]) == f"{channels} channels mixed to mono"
    np.testing.assert_allclose(audio.samples, samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
def test_integer_samples_are_scaled_to_one(dtype: type) -> None:
    limits = np.iinfo(dtype)
    middle = (int(limits.max) + int(limits.min) + 1) // 2
    samples = (speech_like() * (int(limits.max) - middle) + middle).round().astype(dtype)
    np.testing.assert_allclose(read_audio((samples, 16_000)).samples, speech_like(), atol=1 / 100)


def test_samples_are_never_changed_in_place() -> None:
    samples = speech_like().astype(np.float32)
    before = samples.copy()
    read_audio((samples, 16_000))
    np.testing.assert_array_equal(samples, before)


def test_real_speech_at_the_models_rate_gives_no_warning(data: Path) -> None:
    files = (
        sorted((data / "emodb" / "wav").glob("*.wav"))[::20]
        + sorted((data / "ravdess").rglob("*.flac"))[::60]
    )
    warned = {file.name: audio.warnings for file in files if (audio := read_audio(file)).warnings}
    assert {name: warnings for name, warnings in warned.items() if warnings[0].code != "short"} == {}


def test_real_speech_at_8_khz_is_narrow_band(data: Path) -> None:
    for file in sorted((data / "emodb" / "wav").glob("*.wav"))[::40]:
        samples, rate_hz = soundfile.read(file)
        found = warnings_of((soxr.resample(samples, rate_hz, 8_000), 8_000))
        assert "narrow band: no energy above 4 kHz" in found


def test_the_sample_recordings_are_resampled_and_mixed(data: Path) -> None:
    mono, stereo = (
        data / "samples" / "03-01-05-02-01-01-01.wav",
        data / "samples" / "03-01-02-01-02-02-05.wav",
    )
    assert warnings_of(mono) == ["resampled 48000 Hz to 16000 Hz"]
    assert warnings_of(stereo) == ["resampled 48000 Hz to 16000 Hz", "2 channels mixed to mono"]


def test_clipping_causes_a_warning_and_normalised_speech_does_not() -> None:
    normalised = speech_like() / np.abs(speech_like()).max()
    assert read_audio((normalised, 16_000)).warnings == ()
    (warning,) = read_audio(
        (np.clip(8 * soxr.resample(normalised, 4_000, 16_000), -1, 1)[:48_000], 16_000)
    ).warnings[:1]
    assert warning.code == "clipped"
    assert str(warning).startswith("clipped: ")


@pytest.mark.parametrize("constant", [0.0, 0.25])
def test_digital_silence_causes_a_warning(constant: float) -> None:
    audio = read_audio((np.full(16_000, constant), 16_000))
    assert audio.silent
    assert audio.warnings == (RecognitionWarning("silence", "digital silence"),)


def test_channels_that_cancel_cause_a_warning() -> None:
    left = speech_like()
    audio = read_audio((np.stack([left, -left], axis=1), 16_000))
    assert audio.silent
    assert "silent: the channels cancel each other when mixed" in map(str, audio.warnings)


def test_quiet_speech_is_not_silence() -> None:
    assert not read_audio((speech_like() / 1000, 16_000)).silent


def test_unscaled_floats_cause_a_warning() -> None:
    (warning,) = warnings_of((speech_like() * 32768, 16_000))
    assert "divide them by their full scale" in warning


def test_less_than_a_second_causes_a_warning() -> None:
    assert warnings_of((speech_like(0.5), 16_000)) == ["short: 0.50 s, and under 1 s emotion is hard to tell"]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_175_ms_are_accepted_and_less_is_an_error(rate_hz: int) -> None:
    assert len(read_audio((speech_like(0.175, rate_hz), rate_hz)).samples) == 2800
    with pytest.raises(AudioError, match="found 50 ms of audio, expected at least 175 ms"):
        read_audio((speech_like(0.05, rate_hz), rate_hz))


def test_the_readable_part_of_a_truncated_wav_is_used() -> None:
    audio = read_audio(wav_header(claimed_bytes=128_000) + pcm(1.5))
    assert audio.duration_s == 1.5
    assert [str(warning) for warning in audio.warnings] == [
        "cut short or damaged: used the 1.50 s of 4.00 s that could be read"
    ]


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "AIFF", "RF64", "W64", "AU"])
def test_the_readable_part_of_other_truncated_formats_is_used(kind: str) -> None:
    content = encoded(speech_like(4.0), kind=kind)
    audio = read_audio(content[: len(content) * 6 // 10])
    assert 1.0 < audio.duration_s < 3.0
    assert "cut-short" in {warning.code for warning in audio.warnings}


def test_an_unknown_length_in_the_header_is_not_damage() -> None:
    assert read_audio(wav_header(claimed_bytes=2**32 - 1) + pcm(1.5)).warnings == ()
    flac = bytearray(encoded(speech_like(), kind="FLAC"))
    flac[21] &= 0xF0  # the 36 bits that hold the number of samples
    flac[22:26] = bytes(4)
    assert read_audio(bytes(flac)).warnings == ()


BAD_BYTES = {
    "an empty file": b"",
    "text ('Dear reader')": b"Dear reader",
    "no readable audio": os.urandom(5) + b"\x80" * 500,
    "MPEG-4 (m4a, mp4, 3gp) audio": b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100),
    "WebM or Matroska audio": b"\x1aE\xdf\xa3" + bytes(100),
    "Channel count is zero": wav_header(channels=0) + pcm(1.5),
    "a header without a sample rate or channels": wav_header(rate_hz=0) + pcm(1.5),
    "a sample rate of 1 Hz": wav_header(rate_hz=1) + pcm(1.5),
    "no samples": wav_header(claimed_bytes=0),
    "No 'data' chunk": wav_header()[:30],
}


@pytest.mark.parametrize("found", BAD_BYTES)
def test_input_that_is_not_audio_is_described_in_one_line(found: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(BAD_BYTES[found])
    with pytest.raises(AudioError) as error:
        read_audio(path)
    message = str(error.value)
    assert message.startswith(f"{path}: found ")
    assert found in message
    assert "expected" in message
    assert "\n" not in message


def test_missing_files_and_folders_are_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"nowhere\.wav: found no such file"):
        read_audio(tmp_path / "nowhere.wav")
    (tmp_path / "broken.wav").symlink_to("moved.wav")
    with pytest.raises(AudioError, match=r"broken\.wav: found a link to moved\.wav, which does not exist"):
        read_audio(tmp_path / "broken.wav")
    with pytest.raises(AudioError, match="found a folder"):
        read_audio(tmp_path)
    with pytest.raises(AudioError, match="expected a valid file path"):
        read_audio("a\0.wav")


def test_the_header_decides_the_format_and_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(pcm(1.5))
    with pytest.raises(AudioError, match="no readable audio"):
        read_audio(tmp_path / "a.raw")
    (tmp_path / "b.raw").write_bytes(encoded(speech_like()))
    assert read_audio(tmp_path / "b.raw").duration_s == 1.5


def test_a_header_that_points_before_the_file_is_refused_without_a_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    content = encoded(speech_like(0.5), kind="AIFF", subtype="PCM_16")
    with pytest.raises(AudioError, match="no readable audio"):
        read_audio(content.replace(b"SSND", b"XXND"))  # libsndfile then seeks before the start of the file
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("rate_hz", [999, 1_000_001, 2**31 - 1])
def test_an_impossible_rate_is_refused(rate_hz: int) -> None:
    with pytest.raises(AudioError, match=f"a sample rate of {rate_hz} Hz, expected 1000 to 1000000 Hz"):
        read_audio(wav_header(rate_hz=rate_hz) + pcm(1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_with_their_time(bad: float) -> None:
    samples = speech_like()
    samples[8_000] = bad
    for source in ((samples, 16_000), encoded(samples, subtype="FLOAT")):
        with pytest.raises(AudioError, match=r"not finite at 0\.500 s"):
            read_audio(source)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "found"),
    [
        (np.zeros((2, 16_000)), 16_000, r"shape \(2, 16000\)"),
        (np.zeros((16_000, 0)), 16_000, r"shape \(16000, 0\)"),
        (np.zeros((4, 4, 4)), 16_000, r"shape \(4, 4, 4\)"),
        (np.zeros(0), 16_000, "no samples"),
        (np.zeros(16_000, dtype=np.int64), 16_000, "type int64"),
        (np.zeros(16_000, dtype=complex), 16_000, "type complex128"),
        (np.zeros(16_000), 0, "sample rate of 0 Hz"),
        (np.zeros(16_000), -16_000, "sample rate of -16000 Hz"),
        (np.zeros(16_000), float("nan"), "sample rate of nan"),
        (np.full(16_000, 1e200), 16_000, "not finite"),
        (np.linspace(0, 1e30, 16_000), 16_000, "as large as 1.0e"),
    ],
)
def test_invalid_samples_are_refused(samples: np.ndarray, rate_hz: float, found: str) -> None:
    with pytest.raises(AudioError, match=found):
        read_audio((samples, rate_hz))


def test_text_files_and_other_objects_are_refused() -> None:
    with pytest.raises(AudioError, match="opened as text"):
        read_audio(io.StringIO("hello"))  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="found a int"):
        read_audio(3)  # type: ignore[arg-type]


def test_the_duration_follows_from_the_samples() -> None:
    assert Audio(np.zeros(8_000, dtype=np.float32), 16_000).duration_s == 0.5


def test_a_sample_dump_is_refused_before_libsndfile_writes_to_stdout(
    capfd: pytest.CaptureFixture[str],
) -> None:
    content = bytearray(encoded(speech_like(0.5), kind="SDS", subtype="PCM_16"))
    content[200:260] = bytes(60)
    with pytest.raises(AudioError, match="found a MIDI sample dump"):
        read_audio(bytes(content))
    assert capfd.readouterr().out == ""


def test_a_signalling_nan_is_refused_like_any_other() -> None:
    samples = np.zeros(16_000)
    samples.view(np.uint64)[8_000] = 0x7FF0_0000_0000_0001
    with pytest.raises(AudioError, match=r"not finite at 0\.500 s"):
        read_audio((samples, 16_000))

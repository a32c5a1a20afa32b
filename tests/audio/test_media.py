"""Phone recordings, browser recordings and sound tracks of videos, made here by PyAV."""

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from emotrace.audio import media
from emotrace.audio.reading import open_audio, read_audio, readable_suffixes
from emotrace.errors import AudioError, MissingExtraError

av = pytest.importorskip("av")


def tone(seconds: float, rate_hz: int, hz: float = 300.0) -> np.ndarray:
    """A tone that is loud in its second half."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (np.where(time < seconds / 2, 0.05, 0.4) * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def write_media(
    path: Path, codec: str, rate_hz: int, samples: np.ndarray, video: bool = False, tracks: int = 1
) -> Path:
    """Write (n,) or (n, channels) samples, and a black picture if `video` is set."""
    planes = samples.reshape(len(samples), -1).T
    layout = "mono" if len(planes) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        picture = None
        if video:
            picture = container.add_stream("mpeg4", rate=10)
            picture.width = picture.height = 64
        streams = [container.add_stream(codec, rate=rate_hz, layout=layout) for _ in range(tracks)]
        for stream in streams:
            if codec == "wmav2":  # which has no default
                stream.bit_rate = 64_000
        if picture is not None:
            for index in range(round(10 * len(samples) / rate_hz)):
                frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                frame.pts = index
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        for stream in streams:
            resampler = av.AudioResampler(stream.format, layout, rate_hz, stream.frame_size or 1024)
            for start in range(0, len(samples), 8192):
                part = np.ascontiguousarray(planes[:, start : start + 8192])
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = rate_hz, start
                for converted in resampler.resample(frame):
                    container.mux(stream.encode(converted))
            for converted in resampler.resample(None):
                container.mux(stream.encode(converted))
            container.mux(stream.encode(None))
    return path


CONTAINERS = {  # name: codec, rate, whether there is a picture
    "iphone.m4a": ("aac", 48_000, False),
    "android.mp4": ("aac", 44_100, False),
    "dictaphone.amr": ("libopencore_amrnb", 8_000, False),
    "phone.3gp": ("libopencore_amrnb", 8_000, False),
    "browser.webm": ("libopus", 48_000, False),
    "browser.mka": ("libopus", 48_000, False),
    "radio.aac": ("aac", 48_000, False),
    "windows.wma": ("wmav2", 44_100, False),
    "apple.caf": ("alac", 44_100, False),
    "video.mp4": ("aac", 48_000, True),
    "video.mov": ("aac", 48_000, True),
    "video.mkv": ("libopus", 48_000, True),
    "video.avi": ("pcm_s16le", 16_000, True),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_phone_browser_and_video_recordings_are_read(name: str, tmp_path: Path) -> None:
    codec, rate_hz, video = CONTAINERS[name]
    path = write_media(tmp_path / name, codec, rate_hz, tone(2.0, rate_hz), video)
    assert path.suffix in readable_suffixes()
    for source in (path, path.read_bytes()):
        audio = read_audio(source)
        assert audio.duration_s == pytest.approx(2.0, abs=0.15)
        soft, _, loud = (np.std(third) for third in np.array_split(audio.samples, 3))
        assert soft < loud / 4
        assert loud == pytest.approx(0.4 / np.sqrt(2), rel=0.2)
        expected = [f"resampled {rate_hz} Hz to 16000 Hz"] if rate_hz != 16_000 else []
        assert [str(w) for w in audio.warnings if w.code != "narrow-band"] == expected


def test_both_channels_are_read(tmp_path: Path) -> None:
    samples = np.stack([tone(1.0, 48_000), tone(1.0, 48_000, 900)], axis=1)
    path = write_media(tmp_path / "a.m4a", "aac", 48_000, samples)
    with open_audio(path) as sound:
        found = np.concatenate(list(sound.blocks))
    peaks = np.abs(np.fft.rfft(found[24_000:43_000], axis=0)).argmax(axis=0) * 48_000 / 19_000
    np.testing.assert_allclose(peaks, [300, 900], atol=3)


def test_a_long_recording_is_read_in_constant_memory(tmp_path: Path) -> None:
    peaks = []
    for seconds in (10, 60):
        path = write_media(tmp_path / f"{seconds}.m4a", "aac", 16_000, tone(seconds, 16_000))
        tracemalloc.start()
        with open_audio(path) as sound:
            assert sum(map(len, sound.blocks)) == pytest.approx(seconds * 16_000, abs=3000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000  # as float32, 50 s more are 3.2 MB


def test_a_second_sound_track_is_mentioned(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", "libopus", 48_000, tone(1.0, 48_000), tracks=2)
    assert "2 sound tracks: used the first" in map(str, read_audio(path).warnings)


def test_a_recording_cut_short_is_used_with_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = write_media(tmp_path / "a.webm", "libopus", 48_000, tone(4.0, 48_000)).read_bytes()
    audio = read_audio(content[: len(content) * 6 // 10])
    assert 1.0 < audio.duration_s < 3.5
    assert capfd.readouterr().err == ""


def test_damaged_files_are_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = write_media(tmp_path / "a.m4a", "aac", 48_000, tone(2.0, 48_000)).read_bytes()
    for damaged in (content[: len(content) // 2], content[:40] + bytes(2000), b"\x1aE\xdf\xa3" + bytes(99)):
        with pytest.raises(AudioError, match="that cannot be decoded") as error:
            read_audio(damaged)
        assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="without a sound track"):
        read_audio(path)


def test_playlists_do_not_open_other_files(tmp_path: Path) -> None:
    write_media(tmp_path / "secret.m4a", "aac", 48_000, tone(1.0, 48_000))
    for text in (
        f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.m4a\n",
        f"ffconcat version 1.0\nfile {tmp_path}/secret.m4a\n",
    ):
        (tmp_path / "list.m4a").write_text(text)
        with pytest.raises(AudioError, match="found text"):
            read_audio(tmp_path / "list.m4a")


@pytest.mark.parametrize("name", ["iphone.m4a", "browser.webm", "dictaphone.amr"])
def test_without_pyav_the_error_names_the_extra(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec, rate_hz, video = CONTAINERS[name]
    path = write_media(tmp_path / name, codec, rate_hz, tone(0.5, rate_hz), video)
    monkeypatch.setitem(sys.modules, "av", None)
    assert not media.is_installed()
    assert path.suffix not in readable_suffixes()
    with pytest.raises(MissingExtraError, match=r'audio, expected .*; run: pip install "emotrace\[media\]"'):
        read_audio(path)


def test_errors_name_the_formats_that_can_be_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        AudioError, match=r"expected WAV, .* AIFF, MPEG-4 \(m4a, mp4, 3gp\), .* or MPEG video"
    ):
        read_audio(b"\x80" * 500)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match="expected WAV, FLAC, OGG, MP3 or AIFF; convert it"):
        read_audio(b"\x80" * 500)


def test_without_pyav_a_codec_that_libsndfile_lacks_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_media(tmp_path / "a.caf", "libopencore_amrnb", 8_000, tone(0.5, 8_000))
    assert read_audio(path).duration_s == pytest.approx(0.5, abs=0.1)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"found CAF audio that libsndfile cannot decode.*\[media\]"):
        read_audio(path)

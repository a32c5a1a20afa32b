"""Valid audio files in every format that is read, and files in other formats."""

import gzip
import io
import struct
import zlib

import numpy as np
import soundfile

from fuzz.ogg import with_checksums

RIFF_FORMATS = {  # name: soundfile's names of the container, the samples and the byte order
    "wav 8 bit": ("WAV", "PCM_U8", "FILE"),
    "wav 16 bit": ("WAV", "PCM_16", "FILE"),
    "wav 24 bit": ("WAV", "PCM_24", "FILE"),
    "wav 32 bit": ("WAV", "PCM_32", "FILE"),
    "wav float": ("WAV", "FLOAT", "FILE"),
    "wav double": ("WAVEX", "DOUBLE", "FILE"),
    "wav µ-law": ("WAV", "ULAW", "FILE"),
    "wav ADPCM": ("WAV", "IMA_ADPCM", "FILE"),
    "rifx": ("WAV", "PCM_16", "BIG"),
    "rf64": ("RF64", "PCM_16", "FILE"),
}
OTHER_FORMATS = {
    "aiff": ("AIFF", "PCM_16", "FILE"),
    "aiff float": ("AIFF", "FLOAT", "FILE"),
    "flac": ("FLAC", "PCM_16", "FILE"),
    "flac 24 bit": ("FLAC", "PCM_24", "FILE"),
    "vorbis": ("OGG", "VORBIS", "FILE"),
    "opus": ("OGG", "OPUS", "FILE"),
    "mp3": ("MP3", "MPEG_LAYER_III", "FILE"),
    "caf": ("CAF", "PCM_16", "FILE"),
    "w64": ("W64", "PCM_16", "FILE"),
}
UNDOCUMENTED_FORMATS = {  # libsndfile reads these too
    "au": ("AU", "PCM_16"),
    "alac": ("CAF", "ALAC_16"),
    "nist": ("NIST", "PCM_16"),
    "voc": ("VOC", "PCM_16"),
    "htk": ("HTK", "PCM_16"),
    "mat4": ("MAT4", "PCM_16"),
    "mat5": ("MAT5", "PCM_16"),
    "pvf": ("PVF", "PCM_16"),
    "xi": ("XI", "DPCM_16"),
    "sds": ("SDS", "PCM_16"),
    "avr": ("AVR", "PCM_16"),
    "ircam": ("IRCAM", "PCM_16"),
    "paf": ("PAF", "PCM_24"),
    "svx": ("SVX", "PCM_16"),
    "mpc2k": ("MPC2K", "PCM_16"),
    "wve": ("WVE", "ALAW"),
    "gsm": ("WAV", "GSM610"),
    "g721": ("AU", "G721_32"),
    "ms-adpcm": ("WAV", "MS_ADPCM"),
    "nms": ("WAV", "NMS_ADPCM_16"),
}
RATES_HZ = (8_000, 16_000, 48_000)


def sources(file_format: str) -> list[bytes]:
    """A few valid files in a format: mono and stereo, several rates, and one that is too short.

    >>> [content[:4] for content in sources("rifx")]
    [b'RIFX', b'RIFX', b'RIFX', b'RIFX', b'RIFX']
    """
    if file_format == "no audio":
        return no_audio()
    if file_format == "other audio":
        return [encoded(0.3, 8_000, 1, *how) for how in UNDOCUMENTED_FORMATS.values()]
    how = (RIFF_FORMATS | OTHER_FORMATS)[file_format]
    mono = [encoded(0.4, rate_hz, 1, *how) for rate_hz in RATES_HZ]
    return [*mono, encoded(0.6, 16_000, 2, *how), encoded(0.1, 16_000, 1, *how)]


def encoded(
    seconds: float, rate_hz: int, channels: int, container: str, samples: str, order: str = "FILE"
) -> bytes:
    """Noise of rising level as a file, without a time stamp."""
    count = round(seconds * rate_hz)
    noise = (
        np.random.default_rng(0).uniform(-0.8, 0.8, (count, channels)) * np.linspace(0.05, 1, count)[:, None]
    )
    file = io.BytesIO()
    soundfile.write(file, noise, rate_hz, format=container, subtype=samples, endian=order)
    return with_checksums(_without_date(file.getvalue()), serial=1)


def _without_date(content: bytes) -> bytes:
    """Remove the time stamp of the peak, which files of floats hold."""
    peak = content.find(b"PEAK", 0, 200)
    return content if peak < 0 else content[: peak + 12] + bytes(4) + content[peak + 16 :]


def no_audio() -> list[bytes]:
    """Files that are not audio, or audio in formats that are not supported."""
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 1, 1, 8, 2, 0, 0, 0)
    png += struct.pack(">I", zlib.crc32(png[12:])) + struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
    return [
        b"",
        b"RIFF",
        bytes(5_000),
        b"\xff" * 5_000,
        b"no audio, but plain words\n" * 100,
        "文字".encode("utf-16") * 500,
        png,
        b"GIF89a" + bytes(100),
        b"%PDF-1.7\n1 0 obj <<>> endobj\n" * 20,
        b"PK\x03\x04" + bytes(1_000),
        gzip.compress(bytes(50_000), mtime=0),
        b"\x7fELF" + bytes(range(256)) * 10,
        b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(2_000),
        b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(2_000),
        b"\x00\x00\x00\x20ftypM4A " + bytes(2_000),
        b"\x1aE\xdf\xa3" + bytes(2_000),
        b"0&\xb2u" + bytes(2_000),
        b"#!AMR\n" + bytes(2_000),
        b"\xff\xf1" + bytes(2_000),
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(2_000),
        b"ID3\x03\x00\x00\x00\x00\x0f\x76" + bytes(2_000) + b"fLaC" + bytes(100),
        b"OggS" + bytes(2_000),
        b"fLaC" + bytes(2_000),
        b"FORM\x00\x00\x00\x2eAIFFCOMM" + bytes(2_000),
        b"caff\x00\x01\x00\x00" + bytes(2_000),
    ]

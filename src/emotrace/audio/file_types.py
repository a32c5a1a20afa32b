"""What a file is, by its first bytes: for errors, and for reading with FFmpeg."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Container:
    """A format that FFmpeg reads.

    Attributes:
        offset: position of the bytes that show the format
        first_bytes: these bytes
        name: name of the format
        demuxer: FFmpeg's name of its reader; only this one is used, since others can open further files
        only_ffmpeg: whether libsndfile reads none of its codecs
    """

    offset: int
    first_bytes: bytes
    name: str
    demuxer: str
    only_ffmpeg: bool = True


_CONTAINERS = (
    Container(4, b"ftyp", "MPEG-4 (m4a, mp4, 3gp)", "mov"),
    Container(4, b"moov", "QuickTime", "mov"),
    Container(4, b"mdat", "QuickTime", "mov"),
    Container(0, b"\x1aE\xdf\xa3", "WebM or Matroska", "matroska"),
    Container(0, b"0&\xb2u", "Windows Media", "asf"),
    Container(0, b"#!AMR", "AMR", "amr"),
    Container(0, b"\xff\xf1", "AAC", "aac"),
    Container(0, b"\xff\xf9", "AAC", "aac"),
    Container(8, b"AVI ", "AVI", "avi"),
    Container(0, b"FLV\x01", "Flash video", "flv"),
    Container(0, b"\x00\x00\x01\xba", "MPEG video", "mpeg"),
    Container(0, b"caff", "CAF", "caf", only_ffmpeg=False),
    Container(0, b"OggS", "OGG", "ogg", only_ffmpeg=False),
)
_OF_LIBSNDFILE = ("WAV", "FLAC", "OGG", "MP3", "AIFF")
_NOT_AUDIO = (  # first bytes, what it is, what to do
    (b"version https://git-lfs", "a Git LFS pointer instead of the audio", "fetch it with git lfs pull"),
    (b"%PDF", "a PDF document", "give the recording instead"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"\x89PNG", "a PNG image", "give the recording instead"),
    (b"\xff\xd8\xff", "a JPEG image", "give the recording instead"),
    (b"MThd", "a MIDI file, which has notes and no sound", "give the recording instead"),
)
_MARKUP = (
    (b"<!doctype html", "an HTML page, not audio, as servers send for an error or a login"),
    (b"<html", "an HTML page, not audio, as servers send for an error or a login"),
    (b"<?xml", "an XML document, as servers send for an error"),
    (b"{", "JSON text, as servers send for an error"),
)


def list_formats(with_ffmpeg: bool) -> str:
    """The formats that errors name as readable.

    >>> list_formats(with_ffmpeg=False)
    'WAV, FLAC, OGG, MP3 or AIFF'
    """
    of_ffmpeg = [part for c in _CONTAINERS if with_ffmpeg and c.only_ffmpeg for part in c.name.split(" or ")]
    *names, last = dict.fromkeys((*_OF_LIBSNDFILE, *of_ffmpeg))
    return f"{', '.join(names)} or {last}"


def find_container(head: bytes) -> Container | None:
    """The format of a file that starts with `head`, if FFmpeg may have to read it.

    >>> find_container(b"#!AMR\\n").name
    'AMR'
    """
    return next((c for c in _CONTAINERS if head[c.offset :].startswith(c.first_bytes)), None)


def describe(head: bytes, reason: str = "") -> tuple[str, str]:
    """What a file is that could not be read as audio, and what to do about it.

    Args:
        head: its first bytes
        reason: libsndfile's error

    >>> describe(b"version https://git-lfs.github.com/spec/v1")
    ('a Git LFS pointer instead of the audio', 'fetch it with git lfs pull')
    >>> describe(b"Dear reader")[0]
    "text ('Dear reader')"
    """
    for first_bytes, found, advice in _NOT_AUDIO:
        if head.startswith(first_bytes):
            return found, advice
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for first_bytes, found in _MARKUP:
        if text.startswith(first_bytes):
            return found, "download the recording again"
    if not head.strip(b"\0"):
        return "only zero bytes, as an interrupted copy leaves", "copy or download the recording again"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return f"text ({head[:24].decode('ascii')!r})", "give a recording"
    convert = "convert it, for example with ffmpeg"
    if "does not exist" in reason:  # libsndfile reports undecodable MP3s in this way
        return "an MP3 that cannot be decoded, or a file that only starts like one", convert
    if "SF_INFO" in reason:
        return "a header without a sample rate or channels", convert
    return f"no readable audio ({reason.strip(' .')})", convert

"""Decoding of text files that other programs wrote."""

import codecs
from pathlib import Path


def decode_text(content: bytes) -> str:
    r"""Decode UTF-8 or UTF-16. A byte-order mark, or the zero bytes of ASCII characters, indicate UTF-16.

    >>> [decode_text("Ä1".encode(code)) for code in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be")]
    ['Ä1', 'Ä1', 'Ä1', 'Ä1']

    Raises:
        ValueError: if the content is neither
    """
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in content[:200:2]:
        encoding = "utf-16-be"
    elif b"\0" in content[1:200:2]:
        encoding = "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"found an invalid byte at {error.start}, expected UTF-8 or UTF-16; save it as UTF-8"
        ) from None


def read_bounded(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a file.

    Raises:
        OSError: if the file cannot be read
        ValueError: if it has more
    """
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(
            f"found more than {limit >> 20} MiB, expected a smaller file; is this the right file?"
        )
    return content

"""EAF, the format of ELAN: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf."""

import mimetypes
import os
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from emotrace.annotations.tiers import choose_tiers
from emotrace.annotations.times import spans_ms
from emotrace.errors import SegmentError
from emotrace.inference.result import Result
from emotrace.segment import Segment, quoted
from emotrace.system.escaping import escape_control_characters

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"


def parse_segments(text: str, tier: str | None = None) -> list[Segment]:
    """One segment per annotation with times, tier by tier; the participant, or the tier, is the speaker.

    Annotations that refer to others, such as translations, have no times of their own and are left out.

    Raises:
        SegmentError: if the text is no EAF document, a time is missing, or a tier must be chosen
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SegmentError("found a document type, expected none, as ELAN writes; save it from ELAN")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise SegmentError(f"found no XML ({error}), expected an EAF document") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise SegmentError(f"found the element {quoted(root.tag)}, expected ANNOTATION_DOCUMENT")
    times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE", "") for slot in root.iter("TIME_SLOT")}
    tiers: dict[str, list[Segment]] = {}
    for element in root.iter("TIER"):
        name = element.get("TIER_ID", "")
        speaker = element.get("PARTICIPANT") or name
        segments = tiers.setdefault(name, [])
        for annotation in element.iter("ALIGNABLE_ANNOTATION"):
            start_s, end_s = (
                _slot_seconds(times, annotation.get(f"TIME_SLOT_REF{number}"), annotation)
                for number in (1, 2)
            )
            words = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
            segments.append(Segment(start_s, end_s, words, speaker))
    return choose_tiers(tiers, tier)


def _slot_seconds(times: dict[str | None, str], slot: str | None, annotation: ET.Element) -> float:
    value = times.get(slot, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= 12):
        name = annotation.get("ANNOTATION_ID", "")
        raise SegmentError(
            f"found no time of the annotation {quoted(name)}, expected whole milliseconds; align it in ELAN"
        )
    return int(value) / 1000


def format_timeline(result: Result, folder: Path | None = None) -> str:
    """A document with a tier of emotions and a tier of their scores. It refers to the recording.

    Args:
        result: the result
        folder: the folder of the document; None stands for that of the recording

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> document = format_timeline(Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "a.wav", (), "tiny"))
    >>> '<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1500"/>' in document
    True
    >>> "<ANNOTATION_VALUE>anger</ANNOTATION_VALUE>" in document
    True
    """
    spans = list(spans_ms(result.timeline))
    times = [time for start, end, _ in spans for time in (start, end)]
    tiers = {
        "emotion": [span.emotion for _, _, span in spans],
        "score": [f"{span.score:.3f}" for _, _, span in spans],
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<ANNOTATION_DOCUMENT AUTHOR="emotrace" DATE="{datetime.now(UTC).isoformat(timespec="seconds")}" '
        'FORMAT="3.0" VERSION="3.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:noNamespaceSchemaLocation="{_SCHEMA}">',
        '  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        *([_media_descriptor(Path(result.file), folder)] if result.file else []),
        "  </HEADER>",
        "  <TIME_ORDER>",
        *(
            f'    <TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{time}"/>'
            for number, time in enumerate(times, start=1)
        ),
        "  </TIME_ORDER>",
    ]
    for tier, (name, values) in enumerate(tiers.items()):
        lines.append(f'  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="{name}">')
        lines += [_annotation(tier * len(spans) + n, n, value) for n, value in enumerate(values)]
        lines.append("  </TIER>")
    lines += [
        '  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default" TIME_ALIGNABLE="true"/>',
        "</ANNOTATION_DOCUMENT>",
    ]
    return "\n".join(lines) + "\n"


def _media_descriptor(file: Path, folder: Path | None) -> str:
    """The recording's absolute URL, and a relative one that stays valid if both files are moved together."""
    url = file.absolute().as_uri()
    mime_type = mimetypes.guess_type(file.name)[0] or "audio/*"
    return (
        f"    <MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(url)} MIME_TYPE={quoteattr(mime_type)} "
        f"RELATIVE_MEDIA_URL={quoteattr(_relative_url(file, folder))}/>"
    )


def _relative_url(file: Path, folder: Path | None) -> str:
    try:
        path = Path(file.name if folder is None else os.path.relpath(file, folder))
    except ValueError:  # on another drive of Windows
        path = Path(file.name)
    url = quote(os.fsencode(path.as_posix()))
    return url if url.startswith("../") else f"./{url}"


def _annotation(number: int, span: int, value: str) -> str:
    """One annotation of a span. XML 1.0 forbids control characters, so they are escaped."""
    return (
        f'    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number + 1}" '
        f'TIME_SLOT_REF1="ts{2 * span + 1}" TIME_SLOT_REF2="ts{2 * span + 2}">'
        f"<ANNOTATION_VALUE>{escape(escape_control_characters(value))}</ANNOTATION_VALUE>"
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
    )

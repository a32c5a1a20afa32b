"""Tiers of annotation files: which of them are the segments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emotrace.errors import SegmentError
from emotrace.segment import Segment

_SEPARATOR = " - "  # the Montreal Forced Aligner names tiers "Ann - words"
_COMPARED = 20  # tiers; more are hardly levels of one annotation
_UNITS = frozenset(
    (
        "word", "words", "phone", "phones", "phoneme", "phonemes", "segments", "syllable", "syllables",
        "ort-mau", "kan-mau", "mau", "mas", "utterance", "utterances", "sentence", "sentences",
    )
)  # fmt: skip


def choose_tiers(tiers: Mapping[str, list[Segment]], chosen: str | None) -> list[Segment]:
    """The segments of the chosen tier, or of the tiers of all speakers.

    A tier is chosen by its name, or by the part of it after " - ", which then has the tiers of all speakers.
    Tiers with the same times as an earlier one annotate the same segments, and are left out.

    Args:
        tiers: segments by the name of their tier
        chosen: a tier; None stands for all

    >>> ann, bo = [Segment(0, 1, speaker="Ann")], [Segment(1, 2, speaker="Bo")]
    >>> choose_tiers({"Ann": ann, "Bo": bo}, None) == ann + bo
    True
    >>> choose_tiers({"Ann": ann, "Bo": bo}, "Bo") == bo
    True
    >>> choose_tiers({"words": ann, "phones": bo}, None)
    Traceback (most recent call last):
    emotrace.errors.SegmentError: found the tiers 'words', 'phones', of which one must be chosen; ...

    Raises:
        SegmentError: if there is no such tier, or the tiers are levels of one annotation
    """
    names = [name for name, segments in tiers.items() if segments]
    shown = ", ".join(map(repr, names[:10]))
    if chosen is not None:
        if chosen in tiers:
            return tiers[chosen]
        end = _SEPARATOR + chosen
        speakers = {name: name.removesuffix(end) for name in tiers if name.endswith(end)}
        if not speakers:
            raise SegmentError(f"found the tiers {shown}, but no tier {chosen!r}; choose another with --tier")
        return [
            replace(segment, speaker=speaker) for name, speaker in speakers.items() for segment in tiers[name]
        ]
    units = {name.rpartition(_SEPARATOR)[2].strip().lower() for name in names}
    levels = len(names) <= _COMPARED and any(
        _divides(tiers[finer], tiers[name]) for name in names for finer in names
    )
    if levels or (len(units) > 1 and units & _UNITS):
        raise SegmentError(
            f"found the tiers {shown}, of which one must be chosen; add --tier {names[0]!r}, for example"
        )
    seen: set[tuple[tuple[float, float], ...]] = set()
    segments: list[Segment] = []
    for name in names:
        times = tuple((segment.start, segment.end) for segment in tiers[name])
        segments += tiers[name] if times not in seen else []
        seen.add(times)
    return segments


def _divides(finer: Sequence[Segment], segments: Sequence[Segment]) -> bool:
    """Whether a tier divides the segments of another: each starts and ends with one of its own.

    >>> words = [Segment(0, 1), Segment(2, 4)]
    >>> _divides([Segment(0, 1), Segment(2, 3), Segment(3, 4)], words), _divides(words, words)
    (True, False)
    """
    starts, ends = {segment.start for segment in finer}, {segment.end for segment in finer}
    return len(finer) > len(segments) > 1 and all(
        segment.start in starts and segment.end in ends for segment in segments
    )

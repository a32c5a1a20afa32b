"""Counts of a corpus on disk, compared with the published counts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from emotrace.audio import media
from emotrace.audio.reading import SAMPLE_RATE_HZ, read_audio
from emotrace.corpora.base import OpenCorpus, PublishedCounts
from emotrace.corpora.splits import list_speakers
from emotrace.corpora.utterance import Utterance, emotions_in_order
from emotrace.errors import EmotraceError

ROUNDING_S = 0.05  # an utterance may end this much after its file, since label files round times


@dataclass(frozen=True)
class CorpusSummary:
    """Counts of a corpus.

    Attributes:
        opened: the corpus
        duration_s: total duration of the usable utterances
        unusable: names of the utterances whose audio cannot be used, with the reason
    """

    opened: OpenCorpus
    duration_s: float
    unusable: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The counts as `emotrace corpus --json` prints them."""
        utterances, published = self.opened.utterances, self.opened.corpus.published
        return {
            "corpus": self.opened.corpus.name,
            "utterances": len(utterances),
            "duration_s": round(self.duration_s, 3),
            "by_emotion": _by_emotion(utterances),
            "by_speaker": {
                speaker: sum(utterance.speaker == speaker for utterance in utterances)
                for speaker in self.opened.speakers
            },
            "by_session": _by_session(utterances),
            "published": published and _compare(utterances, published),
        }

    def as_text(self) -> str:
        """The counts as a table.

        >>> from emotrace.corpora import open_corpus
        >>> print(summarise(open_corpus("synthetic")).as_text())
        synthetic: 240 utterances, 20 speakers, ...
        """
        counts = self.as_dict()
        speakers = counts["by_speaker"]
        totals = (_count(counts["utterances"], "utterance"), _count(len(speakers), "speaker"))
        lines = [
            f"{counts['corpus']}: {', '.join(totals)}, {counts['duration_s']:.0f} s",
            "",
            *_columns("emotion", counts["by_emotion"]),
            "",
            *_columns("speaker", speakers),
        ]
        for session, by_emotion in counts["by_session"].items():
            lines += ["", *_columns(f"session {session}", by_emotion)]
        if (published := counts["published"]) is not None:
            lines += ["", "as published" if published["matches"] else "differs from the published counts:"]
            lines += [f"  {difference}" for difference in published["differences"]]
        return "\n".join(lines)


def summarise(opened: OpenCorpus) -> CorpusSummary:
    """Count the utterances of a corpus and read the header of every audio file.

    Samples are not read, except those of recordings in the formats of phones and browsers.

    Utterances that cannot be used are part of the counts, but not of the duration.

    >>> from emotrace.corpora import open_corpus
    >>> summarise(open_corpus("synthetic")).as_dict()["by_emotion"]
    {'anger': 60, 'happiness': 60, 'sadness': 60, 'neutral': 60}
    """
    durations: dict[Path, float | str] = {}
    total_s, unusable = 0.0, {}
    for utterance in opened.utterances:
        if isinstance(utterance.audio, Path):
            if utterance.audio not in durations:
                durations[utterance.audio] = _duration(utterance.audio)
            duration = durations[utterance.audio]
        else:
            samples, sample_rate_hz = utterance.audio
            duration = len(samples) / sample_rate_hz
        if isinstance(duration, str):
            unusable[utterance.name] = duration
        elif utterance.start_s >= duration or (utterance.end_s or 0.0) > duration + ROUNDING_S:
            unusable[utterance.name] = f"it reaches past the end of its file, which lasts {duration:.3f} s"
        else:
            end_s = duration if utterance.end_s is None else min(utterance.end_s, duration)
            total_s += end_s - utterance.start_s
    return CorpusSummary(opened, total_s, unusable)


def _by_emotion(utterances: Iterable[Utterance]) -> dict[str, int]:
    counts = Counter(utterance.emotion for utterance in utterances)
    return {emotion: counts[emotion] for emotion in emotions_in_order(counts)}


def _by_session(utterances: Sequence[Utterance]) -> dict[str, dict[str, int]]:
    return {
        session: _by_emotion(utterance for utterance in utterances if utterance.session == session)
        for session in sorted({utterance.session for utterance in utterances if utterance.session})
    }


def _compare(utterances: Sequence[Utterance], published: PublishedCounts) -> dict[str, Any]:
    by_session = _by_session(utterances)
    found = {**_by_emotion(utterances), "speakers": len(list_speakers(utterances))}
    expected = {**published.by_emotion, "speakers": published.speakers}
    differences = [
        f"{key}: {found.get(key, 0)} here, {expected.get(key, 0)} published"
        for key in (*emotions_in_order({*found, *expected} - {"speakers"}), "speakers")
        if found.get(key, 0) != expected.get(key, 0)
    ]
    for session in sorted({*published.by_session, *by_session} if published.by_session else ()):
        here, there = by_session.get(session, {}), published.by_session.get(session, {})
        differences += [
            f"session {session}, {emotion}: {here.get(emotion, 0)} here, {there.get(emotion, 0)} published"
            for emotion in emotions_in_order({*here, *there})
            if here.get(emotion, 0) != there.get(emotion, 0)
        ]
    return {"matches": not differences, "differences": differences}


def _duration(path: Path) -> float | str:
    """The duration of a file in seconds, or the reason why it is unknown."""
    if path.suffix.lower() in media.SUFFIXES:  # their headers state no reliable duration
        try:
            return read_audio(path, SAMPLE_RATE_HZ, minimum_s=0).duration_s
        except EmotraceError as error:
            return str(error)
    try:
        header = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        return f"it is not audio that can be read ({error.error_string.rstrip('.')})"
    if header.frames <= 0:
        return "it holds no samples"
    return float(header.frames / header.samplerate)


def _columns(title: str, counts: Mapping[str, int]) -> list[str]:
    width = max(len(name) for name in (title, *counts))
    rows = {title: "utterances", **{name: str(count) for name, count in counts.items()}}
    return [f"{name:<{width}}  {count:>10}" for name, count in rows.items()]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"

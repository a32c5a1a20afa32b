"""What a corpus holds as it lies on disk, held against what its authors published."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from emotrace.corpora import OpenCorpus, Published, Utterance, emotions_in_order, open_corpus, speakers_of

ROUNDING_S = 0.05  # an end this far past its file's is a rounded one

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """A corpus, how long its utterances last together, and which of them cannot be used, with the reason."""

    opened: OpenCorpus
    duration_s: float
    unusable: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The counts, in the form that `emotrace corpus --json` prints."""
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
            "published": published and _held_against(utterances, published),
        }


def report(name: str, root: str | Path | None = None, **options: str | bool) -> dict[str, Any]:
    """Counts of the corpus `name` under `root` by emotion, speaker and session, beside the published ones.

    Files that cannot be used are counted as their labels say, add nothing to the duration, and are named in
    the log; `survey` lists them. Raises CorpusError as `open_corpus` does.

    >>> report("synthetic")["by_emotion"]
    {'anger': 48, 'happiness': 48, 'sadness': 48, 'neutral': 48}
    """
    result = survey(open_corpus(name, root, **options))
    for utterance, reason in result.unusable.items():
        logger.warning("%s: %s cannot be used: %s", name, utterance, reason)
    return result.as_dict()


def survey(opened: OpenCorpus) -> Survey:
    """Looks at the header of every audio file; the sound itself is not read."""
    lengths: dict[Path, float | str] = {}
    duration_s, unusable = 0.0, {}
    for utterance in opened.utterances:
        if isinstance(utterance.audio, Path):
            if utterance.audio not in lengths:
                lengths[utterance.audio] = _length(utterance.audio)
            length = lengths[utterance.audio]
        else:
            samples, sample_rate_hz = utterance.audio
            length = len(samples) / sample_rate_hz
        if isinstance(length, str):
            unusable[utterance.name] = length
        elif utterance.start_s >= length or (utterance.end_s or 0.0) > length + ROUNDING_S:
            unusable[utterance.name] = f"it reaches beyond the file, which lasts {length:.3f} s"
        else:
            end_s = length if utterance.end_s is None else min(utterance.end_s, length)
            duration_s += end_s - utterance.start_s
    return Survey(opened, duration_s, unusable)


def format_text(report: Mapping[str, Any]) -> str:
    """The report as a table for people.

    >>> print(format_text(report("synthetic")))
    synthetic: 192 utterances, 8 speakers, ...
    """
    speakers = report["by_speaker"]
    totals = (_count(report["utterances"], "utterance"), _count(len(speakers), "speaker"))
    lines = [
        f"{report['corpus']}: {', '.join(totals)}, {report['duration_s']:.0f} s",
        "",
        *_columns("emotion", report["by_emotion"]),
        "",
        *_columns("speaker", speakers),
    ]
    for session, by_emotion in report["by_session"].items():
        lines += ["", *_columns(f"session {session}", by_emotion)]
    if report["published"] is not None:
        lines += ["", "as published" if report["published"]["matches"] else "differs from what is published:"]
        lines += [f"  {difference}" for difference in report["published"]["differences"]]
    return "\n".join(lines)


def _by_emotion(utterances: Iterable[Utterance]) -> dict[str, int]:
    counts = Counter(utterance.emotion for utterance in utterances)
    return {emotion: counts[emotion] for emotion in emotions_in_order(counts)}


def _by_session(utterances: Sequence[Utterance]) -> dict[str, dict[str, int]]:
    return {
        session: _by_emotion(utterance for utterance in utterances if utterance.session == session)
        for session in sorted({utterance.session for utterance in utterances if utterance.session})
    }


def _held_against(utterances: Iterable[Utterance], published: Published) -> dict[str, Any]:
    utterances = tuple(utterances)
    by_session = _by_session(utterances)
    found = {**_by_emotion(utterances), "speakers": len(speakers_of(utterances))}
    expected = {**published.by_emotion, "speakers": published.speakers}
    differences = [
        f"{what}: {found.get(what, 0)} here, {expected.get(what, 0)} published"
        for what in (*emotions_in_order({*found, *expected} - {"speakers"}), "speakers")
        if found.get(what, 0) != expected.get(what, 0)
    ]
    for session in sorted({*published.by_session, *by_session} if published.by_session else ()):
        here, there = by_session.get(session, {}), published.by_session.get(session, {})
        differences += [
            f"session {session}, {emotion}: {here.get(emotion, 0)} here, {there.get(emotion, 0)} published"
            for emotion in emotions_in_order({*here, *there})
            if here.get(emotion, 0) != there.get(emotion, 0)
        ]
    return {"matches": not differences, "differences": differences}


def _length(path: Path) -> float | str:
    """Seconds that a file lasts, or why that cannot be told."""
    try:
        header = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        return f"{path} is not audio that can be read ({error.error_string.rstrip('.')})"
    if header.frames <= 0:
        return f"{path} holds no samples"
    return float(header.frames / header.samplerate)


def _columns(title: str, counts: Mapping[str, int]) -> list[str]:
    width = max(len(name) for name in (title, *counts))
    rows = {title: "utterances", **{name: str(count) for name, count in counts.items()}}
    return [f"{name:<{width}}  {count:>10}" for name, count in rows.items()]


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}{'' if n == 1 else 's'}"

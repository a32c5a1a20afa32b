"""How often what a stream says provisionally differs from what becomes final.

    python research/provisional.py CORPUS ROOT OUTPUT

`emotrace-emodb-1` follows recordings that join three whole utterances of a speaker, neighbours with
different emotions, six recordings for each speaker. Chunks have 50 ms, and a state is taken every 0.75 s,
as the service does. Each state is compared with the final timeline every 0.1 s, at the moments that are not
final yet. The age of a moment is the time from it to the end of the audio that was given. "Differs" counts
any difference: another emotion, or an emotion where there is none in the end, or none where there is one.
Intervals resample speakers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tables import write_table

import emotrace
from emotrace.corpora import Utterance, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import EmotraceError
from emotrace.timeline import Provisional, Span, Timeline

UTTERANCES = 3
RECORDINGS = 6  # per speaker
SEED = 1
CHUNK_S = 0.05
STATE_S = 0.75
GRID_S = 0.1
AGES_S = ((0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.5), (4.5, 6.5))
RESAMPLES = 2000


@dataclass(frozen=True)
class Moment:
    """One moment of one provisional state.

    Attributes:
        age_s: its age in seconds
        different: whether it differs from the final timeline
        another: whether both have an emotion, and not the same one
    """

    age_s: float
    different: bool
    another: bool


def joined(utterances: Sequence[Utterance], random: np.random.Generator) -> np.ndarray:
    """Utterances of one speaker in sequence, neighbours with different emotions."""
    chosen: list[Utterance] = []
    for _ in range(UTTERANCES):
        others = [u for u in utterances if not chosen or u.emotion != chosen[-1].emotion]
        chosen.append(others[random.integers(len(others))])
    return np.concatenate([read_utterance(u).samples for u in chosen])


def follow(recogniser: emotrace.Recogniser, samples: np.ndarray) -> list[Moment]:
    """Every moment of every provisional state of a recording."""
    rate_hz = recogniser.config.sampling_rate
    stream = recogniser.stream(rate_hz)
    states: list[tuple[float, tuple[Span, ...], Provisional]] = []
    closed: list[Span] = []
    pushed_s, due_s = 0.0, STATE_S
    for start in range(0, len(samples), round(CHUNK_S * rate_hz)):
        chunk = samples[start : start + round(CHUNK_S * rate_hz)]
        closed += [event.span for event in stream.push(chunk) if event.kind == "closed"]
        pushed_s += len(chunk) / rate_hz
        if pushed_s >= due_s:
            due_s += STATE_S
            states.append((pushed_s, tuple(closed), stream.provisional()))
    stream.flush()
    final = stream.result().timeline
    moments = []
    for now_s, spans, state in states:
        timeline = Timeline(spans + state.spans)
        for time_s in np.arange(state.final_until_s + GRID_S / 2, state.time_s, GRID_S):
            now, later = emotion_at(timeline, time_s), emotion_at(final, time_s)
            moments.append(Moment(now_s - time_s, now != later, now != later and None not in (now, later)))
    return moments


def emotion_at(timeline: Timeline, time_s: float) -> str | None:
    """The emotion at a time, None in a gap."""
    span = timeline.at(time_s)
    return None if span is None else span.emotion


def row(age: str, by_speaker: Sequence[Sequence[Moment]]) -> dict[str, str]:
    """The share of moments that differ, with its interval."""
    different = np.array([sum(moment.different for moment in moments) for moments in by_speaker])
    counts = np.array([len(moments) for moments in by_speaker])
    drawn = np.random.default_rng(SEED).integers(len(counts), size=(RESAMPLES, len(counts)))
    rates = different[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    another = sum(moment.another for moments in by_speaker for moment in moments)
    return {
        "age of the moment": age,
        "differs from the final": f"{different.sum() / counts.sum():.3f}",
        "95 % over speakers": f"{low:.3f} to {high:.3f}",
        "with another emotion": f"{another / counts.sum():.3f}",
        "moments": str(counts.sum()),
    }


def measure(corpus: str, root: Path) -> tuple[list[dict[str, str]], str]:
    """The rows of the table, and a note."""
    recogniser = emotrace.load("emotrace-emodb-1")
    utterances = [u for u in open_corpus(corpus, root).utterances if u.emotion in recogniser.labels]
    speakers = sorted({u.speaker for u in utterances})
    by_speaker: list[list[Moment]] = []
    for number, speaker in enumerate(speakers):
        random = np.random.default_rng((SEED, number))
        own = [u for u in utterances if u.speaker == speaker]
        moments = [follow(recogniser, joined(own, random)) for _ in range(RECORDINGS)]
        by_speaker.append([moment for found in moments for moment in found])
    rows = [
        row(f"{low:g} to {high:g} s", [[m for m in found if low <= m.age_s < high] for found in by_speaker])
        for low, high in AGES_S
    ]
    rows.append(row("all", by_speaker))
    note = (
        f"{recogniser.config.name} on {corpus}: {len(speakers)} speakers, {RECORDINGS} recordings each, "
        f"{UTTERANCES} utterances a recording, a state every {STATE_S:g} s.\n"
    )
    return rows, note


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    try:
        rows, note = measure(options.corpus, options.root)
    except EmotraceError as error:
        raise SystemExit(f"provisional: {error}") from None
    print(write_table(options.output, rows, note), end="")


if __name__ == "__main__":
    main()

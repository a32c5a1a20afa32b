"""Draw docs/trace.png: the timeline of an utterance by a test speaker of a cross-validation's fold.

    python research/picture.py FOLD ROOT UTTERANCE

For example: runs/emodb/seed-1/fold-03 "$EMOTRACE_DATA/emodb" wav/03a05Wb.wav
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from emotrace.annotations.formats import plot as png
from emotrace.corpora import open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.export.run_export import export_run
from emotrace.inference.recogniser import load
from emotrace.system.files import write_bytes
from emotrace.training.run_folder import read_run


def main(run_folder: str, root: str, name: str) -> None:
    """Trace the utterance and write the picture."""
    run, _, _ = read_run(Path(run_folder))
    utterance = next((u for u in open_corpus(run.corpus, root).utterances if u.name == name), None)
    if utterance is None:
        raise SystemExit(f"{root} has no utterance {name}; expected a path such as wav/03a05Wb.wav")
    if utterance.speaker not in run.test:
        tested = ", ".join(run.test)
        raise SystemExit(f"{name} is by speaker {utterance.speaker}; {run_folder} tests {tested}")
    with tempfile.TemporaryDirectory() as folder:
        export_run(Path(run_folder), Path(folder))
        recogniser = load(folder)
    audio = replace(read_utterance(utterance), name=f"{run.corpus} {name}, recorded as {utterance.emotion}")
    frame_scores = recogniser.frame_scores(audio)
    result = recogniser.result_from_frame_scores(frame_scores, audio)
    picture = png.timeline_png(
        audio, result, recogniser.labels, frame_scores.log_posteriors, frame_scores.times_s
    )
    write_bytes(Path(__file__).parents[1] / "docs" / "trace.png", picture)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python research/picture.py FOLD ROOT UTTERANCE")
    main(*sys.argv[1:])

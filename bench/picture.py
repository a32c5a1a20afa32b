"""Draw docs/trace.png: an utterance of a speaker whom the model of that fold never heard.

python bench/picture.py runs/emodb/seed-1/fold-03 "$EMOTRACE_DATA/emodb" wav/03a05Wb.wav
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from emotrace.corpora import open_corpus
from emotrace.export import export_run
from emotrace.files import write_bytes
from emotrace.formats import png
from emotrace.recogniser import load
from emotrace.training.clips import sound_of
from emotrace.training.runs import read_run


def main(run_folder: str, root: str, name: str) -> None:
    """Trace the utterance of that name."""
    run, _, _ = read_run(Path(run_folder))
    utterance = next(u for u in open_corpus(run.corpus, root).utterances if u.name == name)
    if utterance.speaker not in run.test:
        raise SystemExit(f"{name} is by {utterance.speaker}; this fold tests {', '.join(run.test)}")
    with tempfile.TemporaryDirectory() as folder:
        export_run(Path(run_folder), Path(folder))
        recogniser = load(folder)
    audio = replace(sound_of(utterance), name=f"{run.corpus} {name}, said with {utterance.emotion}")
    evidence = recogniser.evidence(audio)
    result = recogniser.from_evidence(evidence, audio)
    picture = png.picture(audio, result, recogniser.labels, evidence.log_posteriors, evidence.times_s)
    write_bytes(Path(__file__).parents[1] / "docs" / "trace.png", picture)


if __name__ == "__main__":
    main(*sys.argv[1:])

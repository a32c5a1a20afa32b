"""Record recognition and training before a change, and compare them after it.

    python tests/behaviour.py record FILE     write what recognition and training give
    python tests/behaviour.py compare FILE    compare with FILE; the exit code is 1 if anything differs
    python tests/behaviour.py record-emodb    write the records that tests/test_behaviour.py compares with

On one machine all values must be equal to the bit. `tests/test_behaviour.py` compares with a tolerance, since
processors round differently.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import emotrace
from emotrace.corpora import open_corpus
from emotrace.recipes import load_recipe
from emotrace.training.experiment import Experiment
from emotrace.training.progress import no_progress
from emotrace.training.run_folder import create_or_resume
from emotrace.training.split import SpeakerSplit, train_split

EMODB = Path(__file__).parents[2] / "shared" / "data" / "emodb-full" / "wav"
# The models that ship, with what each gave for recordings of EmoDB.
RECORDS = {
    "emotrace-emodb-1": Path(__file__).parent / "records" / "emodb-recognition.json",
    "emotrace-emodb-crema-d-1": Path(__file__).parent / "records" / "emodb-recognition-encoder.json",
}
TINY = """
augmented_copies = 1
stage2_views = 2
precision = "float32"
[front]
width = 8
[back]
width = 16
stacks = 1
dilations = [1, 2, 4]
[stage1]
epochs = 2
[stage2]
epochs = 2
"""


def recognition(files: Iterable[Path], model: str) -> list[dict[str, Any]]:
    """Label, scores and spans of each file, by a model that ships."""
    recogniser = emotrace.load(model, threads=1)
    found = []
    for file in files:
        result = recogniser(file)
        spans = [[span.start, span.end, span.emotion, span.score] for span in result.timeline]
        found.append({"file": file.name, "label": result.label, "scores": result.scores, "timeline": spans})
    return found


def training() -> dict[str, dict[str, Any]]:
    """Digests of all weights, and the predictions, of narrow networks: a final model and one fold."""
    torch.set_num_threads(1)
    corpus = open_corpus("synthetic")
    fold = corpus.folds()[0]
    train, validation, test = fold.train[:3], fold.validation[:1], fold.test[:1]
    few = {*train, *validation, *test}
    corpus = replace(corpus, utterances=tuple(u for u in corpus.utterances if u.speaker in few))
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        recipe = Path(temporary, "tiny.toml")
        recipe.write_text(TINY)
        for system, tested in (("pcnse-sadrn-ctc", ()), ("pcn-sablstm", test)):
            experiment = Experiment(corpus, system, load_recipe([recipe]), "0")
            folder = Path(temporary, "run")
            shutil.rmtree(folder, ignore_errors=True)
            create_or_resume(folder, experiment.fingerprint(seed=1))
            split = SpeakerSplit(train, validation, tested)
            predictions = train_split(experiment, split, fold=0, seed=1, folder=folder, progress=no_progress)
            weights = load_file(folder / "weights.safetensors").values()
            found[f"{system}/{bool(tested)}"] = {
                "weights": sorted(hashlib.sha256(w.numpy().tobytes()).hexdigest()[:16] for w in weights),
                "predictions": [[p.file, p.predicted, dict(p.scores)] for p in predictions],
            }
    return found


def write_emodb_record(results: Iterable[dict[str, Any]], file: Path) -> None:
    """Write labels, scores and spans, rounded, with one line for each recording."""
    record = {
        result["file"]: {
            "label": result["label"],
            "scores": {emotion: round(score, 4) for emotion, score in result["scores"].items()},
            "spans": [[round(start, 3), round(end, 3), label] for start, end, label, _ in result["timeline"]],
        }
        for result in results
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in record.items())
    file.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def main() -> int:
    files = sorted(EMODB.glob("*.wav"))
    if sys.argv[1] == "record-emodb":
        for model, record in RECORDS.items():
            write_emodb_record(recognition(files, model), record)
        return 0
    verb, file = sys.argv[1], Path(sys.argv[2])
    found = {model: recognition(files, model) for model in RECORDS} | {"training": training()}
    if verb == "record":
        file.write_text(json.dumps(found))
        return 0
    before = json.loads(file.read_text())
    differing = [key for key in found if found[key] != before[key]]
    print("equal to the bit" if not differing else f"differs: {', '.join(differing)}")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())

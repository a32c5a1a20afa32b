"""What the product gives today, for comparison with what it gave before a change.

    python tests/behaviour.py record FILE     write it
    python tests/behaviour.py compare FILE    compare it with what was written, and exit 1 where it differs

On one machine everything must be equal to the bit; `tests/test_behaviour.py` compares the recognition with a
committed record within a tolerance, since processors round differently.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import emotrace
from emotrace.corpora import open_corpus
from emotrace.recipes import load_recipe
from emotrace.training.progress import no_progress
from emotrace.training.run_folder import create_or_resume
from emotrace.training.split import Experiment, SpeakerSplit, train_split

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


def recognition(wav_folder: Path) -> list[dict[str, Any]]:
    """Label, scores and spans of every file, by the model that ships."""
    recogniser = emotrace.load(threads=1)
    found = []
    for file in sorted(wav_folder.glob("*.wav")):
        result = recogniser(file)
        spans = [[span.start, span.end, span.emotion, span.score] for span in result.timeline]
        found.append({"file": file.name, "label": result.label, "scores": result.scores, "timeline": spans})
    return found


def training() -> dict[str, dict[str, Any]]:
    """Digests of all weights, and predictions, of a final model and of a fold of narrow networks."""
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


def main() -> int:
    verb, file = sys.argv[1], Path(sys.argv[2])
    data = Path(__file__).parents[2] / "shared" / "data" / "emodb-full" / "wav"
    found = {"recognition": recognition(data), "training": training()}
    if verb == "record":
        file.write_text(json.dumps(found))
        return 0
    before = json.loads(file.read_text())
    differing = [key for key in found if found[key] != before[key]]
    print("equal to the bit" if not differing else f"differs: {', '.join(differing)}")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())

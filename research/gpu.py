"""Cross-validations on a machine that has an accelerator and torch, and perhaps no network and no corpora.

    python research/gpu.py pack PACK "$EMOTRACE_DATA"      here: log-Mels in half precision, and wheels
    python research/gpu.py run PACK OUT [--jobs emodb,…]   there, with PACK carried along

The networks alone, and of utterances as they are: spectra, which functionals hear and of which takes in noise
are made, are too many bytes to carry, and functionals are fitted in minutes anywhere. `pack` writes
`CORPUS.npz` and `CORPUS.json` (under 30 MB for EmoDB and RAVDESS), and the wheels of the packages that such
machines tend to lack. `run` leaves one OUT/JOB.tar.gz for each of `JOBS` with what a cross-validation
reports: figures, predictions, curves, recipe. All else is derived there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ALONE = {"functionals_l2": 0.0, "acoustic_augmentation": False}  # what wants power spectra
HERE = Path(__file__).resolve().parents[1]
WHEELS = (
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "typing-inspection",
    "soundfile",
    "soxr",
    "audmetric",
    "audeer",
    "cffi",
    "pycparser",
)
THERE = (
    "--python-version=3.12",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux_2_28_x86_64",
    "--only-binary=:all:",
    "--no-deps",
)
REPORTED = (
    "metrics.json",
    "predictions.csv",
    "curves.csv",
    "recipe.json",
    "report.md",
    "table.json",
    "table.md",
)


@dataclass(frozen=True)
class Job:
    """A cross-validation: a corpus, a system, settings laid over the default recipe, seeds."""

    corpus: str
    system: str = "pcnse-sadrn-ctc"
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (1, 2, 3)
    folds: tuple[int, ...] | None = None


JOBS = {
    "trial": Job(
        "emodb",
        settings={"stage2_views": 1, "stage1": {"epochs": 1}, "stage2": {"epochs": 1}},
        seeds=(1,),
        folds=(0, 1),
    ),
    "emodb": Job("emodb"),
    "ravdess": Job("ravdess"),
    "emodb-plain": Job("emodb", settings={"concatenated_per_utterance": 0.0}),
    "emodb-wide": Job("emodb", settings={"front": {"width": 48}}),
    "emodb-deep": Job("emodb", settings={"back": {"width": 128, "stacks": 2}}),
    "emodb-long": Job("emodb", settings={"stage1": {"epochs": 80, "patience": 80}}),
}


def pack(folder: Path, data: Path) -> None:
    """Static log-Mels of both corpora, and wheels."""
    import numpy as np

    from emotrace.corpora import open_corpus
    from emotrace.models.architectures import find_system
    from emotrace.models.emotion_model import build_spectrum
    from emotrace.recipes import load_recipe
    from emotrace.training.data.examples import read_examples

    folder.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe()
    spectrum = build_spectrum(recipe, find_system("pcnse"))
    for name in sorted({job.corpus for job in JOBS.values()}):
        corpus = open_corpus(name, data / name)
        examples = read_examples(corpus.utterances, corpus.emotions, spectrum, recipe.max_frames)
        frames = np.concatenate([window.numpy() for example in examples for window in example.windows])
        np.savez(folder / f"{name}.npz", frames=frames.astype(np.float16))
        rows = [
            {
                "name": u.name,
                "emotion": u.emotion,
                "code": u.code,
                "speaker": u.speaker,
                "session": u.session,
                "sex": u.sex,
                "frames": [len(window) for window in example.windows],
                "durations": list(example.durations),
            }
            for u, example in zip(corpus.utterances, examples, strict=True)
        ]
        (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    wheels = ["-c", str(HERE / "constraints.txt"), "-d", str(folder / "wheels"), *THERE, *WHEELS]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", *wheels], check=True)


def experiment(folder: Path, job: Job, device: str) -> Any:
    """The job's experiment, its clips from the pack."""
    import numpy as np
    import torch

    from emotrace.corpora import CORPORA, OpenCorpus, Utterance
    from emotrace.models.architectures import find_system
    from emotrace.models.emotion_model import build_spectrum
    from emotrace.recipe import Recipe
    from emotrace.recipes import load_recipe, merge_settings
    from emotrace.training.data.examples import Example
    from emotrace.training.split import Experiment

    rows = json.loads((folder / f"{job.corpus}.json").read_text(encoding="utf-8"))
    kept = ("name", "emotion", "code", "speaker", "session", "sex")
    utterances = tuple(Utterance(audio=Path(row["name"]), **{key: row[key] for key in kept}) for row in rows)
    corpus = OpenCorpus(CORPORA[job.corpus], utterances)
    settings = merge_settings(load_recipe().model_dump(), {**job.settings, **ALONE})
    recipe = Recipe.model_validate(settings)
    frames = torch.from_numpy(np.load(folder / f"{job.corpus}.npz", allow_pickle=False)["frames"]).float()
    windows = iter(frames.split([count for row in rows for count in row["frames"]]))
    examples = [
        Example(
            utterance.name,
            utterance.speaker,
            corpus.emotions.index(utterance.emotion),
            (tuple(next(windows) for _ in row["frames"]),),
            tuple(row["durations"]),
        )
        for utterance, row in zip(utterances, rows, strict=True)
    ]
    spectrum = build_spectrum(recipe, find_system(job.system))
    key = type(spectrum).__name__, spectrum.bands, recipe.max_frames, False
    return Experiment(corpus, job.system, recipe, "0.1.0", device, read={key: (utterances, examples)})


def run(folder: Path, out: Path, names: list[str], workers: int) -> None:
    """The jobs one after the other, each of its folds and seeds in one of so many processes."""
    import torch

    from emotrace.experiments.cross_validation import run_folds

    device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        job, place = JOBS[name], folder / "runs" / name
        started = time.monotonic()
        metrics = run_folds(
            experiment(folder, job, device),
            output=place,
            seeds=job.seeds,
            folds=job.folds,
            workers=workers,
            progress=lambda epoch: print(epoch, flush=True) if epoch.text else None,
        ).metrics
        seconds = time.monotonic() - started
        print(f"{name} on {device}: UA {metrics.ua:.3f}, WA {metrics.wa:.3f}, {seconds:.0f} s", flush=True)
        with tarfile.open(out / f"{name}.tar.gz", "w:gz") as archive:
            for file in REPORTED:
                if (place / file).exists():
                    archive.add(place / file, f"{name}/{file}")


def main() -> None:
    """Pack or run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack")
    packing.add_argument("pack", type=Path)
    packing.add_argument("data", type=Path)
    running = verbs.add_parser("run")
    running.add_argument("pack", type=Path)
    running.add_argument("out", type=Path)
    running.add_argument("--jobs", default="trial,emodb,ravdess")
    running.add_argument("--workers", type=int, default=8)
    given = parser.parse_args()
    sys.path.insert(0, str(HERE / "src"))
    if given.verb == "pack":
        pack(given.pack, given.data)
        return
    site = given.pack / "site"
    lacking = not all(map(importlib.util.find_spec, ("pydantic", "soundfile", "soxr", "audmetric")))
    if lacking and not site.exists():
        wheels = sorted(map(str, (given.pack / "wheels").glob("*.whl")))
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-index",
            "--no-deps",
            "--target",
            str(site),
        ]
        subprocess.run([*command, *wheels], check=True)
    sys.path.append(str(site))  # what the machine has itself comes first
    run(given.pack, given.out, given.jobs.split(","), given.workers)


if __name__ == "__main__":
    main()

"""Cross-validations of the network alone on a GPU machine without internet access and without the corpora.

    python research/gpu.py pack PACK DATA                  on a machine with the corpora
    python research/gpu.py run PACK OUT [--jobs emodb …]   on the GPU machine, with a copy of PACK

`pack` writes log-Mel spectrograms in half precision (under 30 MB for EmoDB and RAVDESS) and the wheels of
the packages that GPU machines often lack. `run` writes OUT/JOB.tar.gz for each job, with the metrics,
predictions, curves and recipe of the cross-validation. Functionals and acoustic augmentation need power
spectra, which are too large to copy; both are switched off.
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

NETWORK_ALONE = {"functionals_l2": 0.0, "acoustic_augmentation": False}  # both need power spectra
ROOT = Path(__file__).resolve().parents[1]
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
PIP_PLATFORM = (
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
    """A cross-validation; `settings` are laid over the default recipe."""

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
}


def pack(folder: Path, data: Path) -> None:
    """Write the static log-Mel spectrograms of both corpora, and wheels."""
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
    wheels = ["-c", str(ROOT / "constraints.txt"), "-d", str(folder / "wheels"), *PIP_PLATFORM, *WHEELS]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", *wheels], check=True)


def experiment(folder: Path, job: Job, device: str) -> Any:
    """The experiment of a job, with the examples of the pack."""
    import numpy as np
    import torch

    from emotrace.corpora import CORPORA, OpenCorpus, Utterance
    from emotrace.models.architectures import find_system
    from emotrace.models.emotion_model import build_spectrum
    from emotrace.recipe import Recipe
    from emotrace.recipes import load_recipe, merge_settings
    from emotrace.training.data.examples import Example
    from emotrace.training.experiment import Experiment

    rows = json.loads((folder / f"{job.corpus}.json").read_text(encoding="utf-8"))
    fields = ("name", "emotion", "code", "speaker", "session", "sex")
    utterances = tuple(
        Utterance(audio=Path(row["name"]), **{key: row[key] for key in fields}) for row in rows
    )
    corpus = OpenCorpus(CORPORA[job.corpus], utterances)
    settings = merge_settings(load_recipe().model_dump(), {**job.settings, **NETWORK_ALONE})
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
    """Run the jobs in turn, with the folds and seeds of each in parallel processes."""
    import torch

    from emotrace.experiments.cross_validation import run_folds

    device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        job, job_folder = JOBS[name], folder / "runs" / name
        started = time.monotonic()
        metrics = run_folds(
            experiment(folder, job, device),
            output=job_folder,
            seeds=job.seeds,
            folds=job.folds,
            workers=workers,
            progress=lambda epoch: print(epoch, flush=True) if epoch.text else None,
        ).metrics
        seconds = time.monotonic() - started
        print(f"{name} on {device}: UA {metrics.ua:.3f}, WA {metrics.wa:.3f}, {seconds:.0f} s", flush=True)
        with tarfile.open(out / f"{name}.tar.gz", "w:gz") as archive:
            for file in REPORTED:
                if (job_folder / file).exists():
                    archive.add(job_folder / file, f"{name}/{file}")


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
    running.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    running.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    if options.verb == "pack":
        pack(options.pack, options.data)
        return
    site = options.pack / "site"
    incomplete = not all(map(importlib.util.find_spec, ("pydantic", "soundfile", "soxr", "audmetric")))
    if incomplete and not site.exists():
        wheels = sorted(map(str, (options.pack / "wheels").glob("*.whl")))
        pip_options = ["-q", "--no-index", "--no-deps", "--target", str(site)]
        subprocess.run([sys.executable, "-m", "pip", "install", *pip_options, *wheels], check=True)
    sys.path.append(str(site))  # packages of the machine take precedence
    run(options.pack, options.out, options.jobs, options.workers)


if __name__ == "__main__":
    main()

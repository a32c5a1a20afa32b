"""Put a trained model into the package, with the cross-validated figures of its recipe.

    python research/ship_model.py RUN CROSSVAL

RUN is the output folder of `emotrace train`, CROSSVAL that of `emotrace crossval` with the same corpus,
system and recipe. The model in the package is replaced only after the new one has classified an input.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from emotrace.errors import EmotraceError
from emotrace.export.run_export import export_crossvalidated
from emotrace.inference.pretrained import FOLDER, NAME
from emotrace.inference.recogniser import load

LARGEST_BYTES = 12_000_000
LICENCE = "mit"


def ship(run: Path, crossval: Path, target: Path = FOLDER) -> str:
    """Write the model to `target`, and return its size and its measured figures as text.

    Raises:
        EmotraceError: the model has another corpus, started from another model, or is too large.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, NAME)
        config = export_crossvalidated(run, crossval, folder, name=NAME, licence=LICENCE)
        if f"-{config.corpus}-" not in NAME:
            raise EmotraceError(
                f"{run} is trained on {config.corpus}; expected the corpus in the name {NAME}"
            )
        if config.earlier_corpora:
            earlier = ", ".join(config.earlier_corpora)
            raise EmotraceError(
                f"{run} started from a model trained on {earlier}, whose licence may not allow shipping; "
                "train without --init"
            )
        size = sum(file.stat().st_size for file in folder.iterdir())
        if size >= LARGEST_BYTES:
            raise EmotraceError(
                f"the model has {size / 1e6:.1f} MB; expected less than 12 MB, to keep the wheel small"
            )
        noise = np.random.default_rng(0).normal(scale=0.1, size=3 * config.sampling_rate)
        load(folder, threads=1)((noise, config.sampling_rate))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
    figures = "".join(f"{name}  {figure.value:.3f}\n" for name, figure in config.figures.items())
    return f"{target}: {size / 1e6:.1f} MB\n{figures}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python research/ship_model.py RUN CROSSVAL")
    try:
        print(ship(Path(sys.argv[1]), Path(sys.argv[2])), end="")
    except EmotraceError as error:
        sys.exit(f"ship_model: {error}")

"""Put a trained model into the package or beside it, with the cross-validated figures of its recipe.

    python research/ship_model.py RUN [CROSSVAL] [--research] [--other-corpora FOLDER]

RUN is the output folder of `emotrace train`, CROSSVAL that of `emotrace crossval` with the same corpus,
system and recipe, and with its run folders. Without CROSSVAL the figures and the temperature are those of the
run's validation speakers. `--research` writes the model for research, outside the package. FOLDER is the
output of research/other_corpora.py for RUN, whose figures go into the card. The model in place is replaced
only after the new one has classified an input.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotrace.errors import EmotraceError
from emotrace.export.run_export import export_crossvalidated, export_released
from emotrace.inference.pretrained import FOLDER, RESEARCH_FOLDER
from emotrace.inference.recogniser import load

LARGEST_BYTES = 15_000_000
LICENSE_FILE = "LICENSE"


@dataclass(frozen=True)
class Release:
    """A model that is published.

    Attributes:
        folder: where it is put; its name is the model's
        license: its license, by the name that the Hugging Face hub gives it
        corpora: the corpora that it may be trained on
        license_text: the content of its LICENSE; empty: the license of emotrace
    """

    folder: Path
    license: str
    corpora: frozenset[str]
    license_text: str = ""


SHIPPED = Release(FOLDER, "mit", frozenset({"emodb", "crema-d"}))
RESEARCH = Release(
    RESEARCH_FOLDER,
    "cc-by-nc-sa-4.0",
    SHIPPED.corpora | {"nemo", "ravdess"},
    """\
The files in this folder are licensed under the Creative Commons
Attribution-NonCommercial-ShareAlike 4.0 International license (CC BY-NC-SA 4.0):
https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode

You may share and adapt the model for purposes that are not commercial, if you give credit, state your
changes, and license what you adapt in the same way. There is no warranty.

Credit is due to the authors of the speech that the model was trained on:

- Berlin Database of Emotional Speech: F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss (2005);
  free for research
- CREMA-D: H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma (2014); Open Database License
  1.0, content under the Database Contents License 1.0
- RAVDESS: S. R. Livingstone, F. A. Russo (2018); CC BY-NC-SA 4.0
- nEMO: I. Christop (2024); CC BY-NC-SA 4.0

The speech encoder inside `model.onnx` is Moonshine, MIT license; NOTICE.txt has its terms.
""",
)


def other_corpora(folder: Path) -> str:
    """What a card says about corpora that the model was not trained on."""
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = {row.pop("UA by"): row for row in csv.DictReader(file)}
    lines = [
        "UA on corpora that the model was not trained on, among the emotions that it shares with each:",
        "",
    ]
    columns = [name for name in rows["both"] if name != "mean"]
    lines += [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for title, part in (("as it is", "both"), ("adapted to the corpus without labels", "both, adapted")):
        lines.append(f"| {title} | {' | '.join(rows[part][column] for column in columns)} |")
    return "\n".join(lines)


def ship(run: Path, crossval: Path | None, release: Release = SHIPPED, measured: Path | None = None) -> str:
    """Write the model to `release.folder`, and return its size and its measured figures as text.

    Args:
        measured: figures on corpora that the model was not trained on, for its card

    Raises:
        EmotraceError: the model has other corpora, started from another model, or is too large.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, release.folder.name)
        name, license_name = release.folder.name, release.license
        limits = "" if measured is None else other_corpora(measured)
        facts = {"name": name, "licence": license_name, "limits": limits}
        if crossval is None:
            config = export_released(run, folder, **facts)
        else:
            config = export_crossvalidated(run, crossval, folder, **facts)
        trained = {*config.corpus.split(", "), *config.earlier_corpora}
        if config.earlier_corpora or not trained <= release.corpora:
            raise EmotraceError(
                f"{run} was trained on {', '.join(sorted(trained))}; expected a model that started from no "
                f"other model, trained on {' or '.join(sorted(release.corpora))}, whose licenses allow "
                f"{release.license}"
            )
        size = sum(file.stat().st_size for file in folder.iterdir())
        if size >= LARGEST_BYTES:
            raise EmotraceError(
                f"the model has {size / 1e6:.1f} MB; expected less than {LARGEST_BYTES / 1e6:.0f} MB, "
                "to keep downloads small"
            )
        noise = np.random.default_rng(0).normal(scale=0.1, size=3 * config.sampling_rate)
        load(folder, threads=1)((noise, config.sampling_rate))
        if release.license_text:
            (folder / LICENSE_FILE).write_text(release.license_text, encoding="utf-8")
        shutil.rmtree(release.folder, ignore_errors=True)
        shutil.copytree(folder, release.folder)
    figures = "".join(f"{name}  {figure.value:.3f}\n" for name, figure in config.figures.items())
    return f"{release.folder}: {size / 1e6:.1f} MB\n{figures}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("crossval", type=Path, nargs="?")
    parser.add_argument("--research", action="store_true")
    parser.add_argument("--other-corpora", type=Path)
    options = parser.parse_args()
    try:
        release = RESEARCH if options.research else SHIPPED
        print(ship(options.run, options.crossval, release, options.other_corpora), end="")
    except EmotraceError as error:
        raise SystemExit(f"ship_model: {error}") from None

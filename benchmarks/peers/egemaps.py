"""openSMILE's eGeMAPS functionals: 88 values per recording."""

from __future__ import annotations

from pathlib import Path

import opensmile
from peers.server import cores, serve


class Egemaps:
    """openSMILE by its Python interface, with one worker per core for several files."""

    def __init__(self) -> None:
        self.smile = opensmile.Smile(
            opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=cores()
        )

    def versions(self) -> dict[str, dict[str, str]]:
        """The versions of the measured packages."""
        return {"versions": {"opensmile": opensmile.__version__}}

    def clip(self, path: str) -> None:
        """Functionals of one file."""
        self.smile.process_file(path)

    def files(self, folder: str) -> None:
        """Functionals of each file of a folder."""
        self.smile.process_files([str(file) for file in sorted(Path(folder).glob("*.wav"))])


if __name__ == "__main__":
    serve(Egemaps())

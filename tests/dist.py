"""Check that the wheel and the source distribution in a folder are whole: `python tests/dist.py dist`.

`make dist` runs it. The wheel is installed into a fresh environment, outside this tree, and has to recognise
speech there. The source distribution has to give a wheel with the same files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECK = """
import sys
import emotrace
from emotrace.corpora.loaders.synthetic import utterance
assert "site-packages" in emotrace.__file__, emotrace.__file__
assert "torch" not in sys.modules
result = emotrace.load()((utterance(1, 0, "anger", 0), 16000))
print("emotrace", emotrace.__version__, "on Python", sys.version.split()[0], "with", result.model)
"""


def expected_files() -> set[str]:
    """What git has below src/, which is what the wheel must have."""
    listed = subprocess.run(
        ["git", "ls-files", "src/emotrace"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {name.removeprefix("src/") for name in listed.stdout.split("\n") if name}


def package_files(wheel: Path) -> set[str]:
    """The files of a wheel, without those that describe it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def described(wheel: Path) -> set[str]:
    """The names of the files that describe a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {Path(name).name for name in archive.namelist() if ".dist-info/" in name}


def run(*command: object, folder: Path) -> str:
    """Run a command outside this tree, and return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def check(dist: Path, python: str) -> None:
    """Check the newest wheel and source distribution in `dist`.

    Raises:
        SystemExit: a file is missing, or the installed package does not work
    """
    wheel = max(dist.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    source = max(dist.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    found, expected = package_files(wheel), expected_files()
    if found != expected:
        raise SystemExit(f"{wheel.name}: missing {expected - found}, not in git {found - expected}")
    if not {"LICENSE", "METADATA", "entry_points.txt"} <= described(wheel):
        raise SystemExit(f"{wheel.name}: found {described(wheel)}, expected the license and entry points too")
    print(f"{wheel.name}: all {len(found)} files, the license, the type marker and the command")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(python, "-m", "venv", "env", folder=folder)
        installed = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        pip = (installed / "python", "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "-c", ROOT / "constraints.txt", wheel, folder=folder)
        print(run(installed / "python", "-c", CHECK, folder=folder).strip())
        run(installed / "emotrace", "info", folder=folder)
        run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", "again", source, folder=folder)
        (again,) = (folder / "again").glob("*.whl")
        if package_files(again) != found:
            raise SystemExit(f"{source.name}: differs in {package_files(again) ^ found}")
        print(f"{source.name}: builds a wheel with the same files")


if __name__ == "__main__":
    check(Path(sys.argv[1]).absolute(), sys.argv[2] if len(sys.argv) > 2 else sys.executable)

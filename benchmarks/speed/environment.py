"""The environment of the peers, rebuilt when `peers.txt` changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-peers"
REQUIREMENTS = ROOT / "benchmarks" / "peers.txt"


def peer_interpreter(folder: Path = FOLDER) -> Path:
    """The Python interpreter of the peers' environment, which is built if necessary.

    If the packages cannot be installed together, they are installed one by one. A peer without its package is
    reported as missing.
    """
    python, built = folder / "bin" / "python", folder / "built.txt"
    requested = REQUIREMENTS.read_text(encoding="utf-8")
    if built.exists() and built.read_text(encoding="utf-8") == requested:
        return python
    print(f"building {folder}: minutes the first time", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*install, "-r", REQUIREMENTS]).returncode:
        for line in requirements(requested):
            subprocess.run([*install, line])
    built.write_text(requested, encoding="utf-8")
    return python


def requirements(text: str) -> list[str]:
    """The lines of a requirements file that name a package.

    >>> requirements("# peers\\nkeras==3\\n\\nopensmile==2\\n")
    ['keras==3', 'opensmile==2']
    """
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]

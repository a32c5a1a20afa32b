"""The environment of the peers: built once, and again when peers.txt changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-peers"
REQUIREMENTS = ROOT / "benchmarks" / "peers.txt"


def peers_python(folder: Path = FOLDER) -> Path:
    """The Python of the peers' environment, which is built first where it has to be.

    What cannot be installed together is installed one by one; what then cannot be installed at all is told by
    the peer that lacks it.
    """
    python, built = folder / "bin" / "python", folder / "built.txt"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if built.exists() and built.read_text(encoding="utf-8") == wanted:
        return python
    print(f"building {folder}: minutes the first time", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*install, "-r", REQUIREMENTS]).returncode:
        for line in requirements(wanted):
            subprocess.run([*install, line])
    built.write_text(wanted, encoding="utf-8")
    return python


def requirements(text: str) -> list[str]:
    """The lines of a requirements file that name something.

    >>> requirements("# peers\\nkeras==3\\n\\nopensmile==2\\n")
    ['keras==3', 'opensmile==2']
    """
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]

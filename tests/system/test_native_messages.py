"""Messages of C libraries, and of the command line about a damaged MP3."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

SCRIPT = """
import os, sys
from emotrace.system.native_messages import native_messages_discarded
with native_messages_discarded():
    os.write(2, b"from C\\n")
    print("from Python", file=sys.stderr)
os.write(2, b"after it\\n")
print("at the end", file=sys.stderr)
"""


def test_only_messages_of_c_libraries_are_discarded() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["from Python", "after it", "at the end"]


def test_a_closed_standard_error_does_no_harm() -> None:
    command = f'"{sys.executable}" -c "$SCRIPT" 2>&-; echo $?'
    script = SCRIPT.replace('os.write(2, b"from C\\n")', "pass").replace(
        'os.write(2, b"after it\\n")', "pass"
    )
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "SCRIPT": script}, capture_output=True, check=True
    )
    assert done.stdout.endswith(b"0\n")


def test_a_damaged_mp3_gives_only_lines_of_emotrace(tiny_model: Path, tmp_path: Path) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(48_000) / 20) / 2, 16_000, format="MP3")
    content, random = bytearray(file.getvalue()), np.random.default_rng(3)
    for position in random.integers(500, len(content), 200):
        content[position] ^= 0xFF
    (tmp_path / "a.mp3").write_bytes(content)
    (tmp_path / "b.mp3").write_bytes(file.getvalue()[: len(content) // 2])
    command = [sys.executable, "-m", "emotrace", "predict", str(tmp_path), "--model", str(tiny_model)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    assert len(lines) >= 2
    assert [line for line in lines if not line.startswith("emotrace: ")] == []

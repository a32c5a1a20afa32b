"""The demo does the main job, from nothing to a picture, in the time it is given."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from emotrace.corpora.loaders.synthetic import multi_emotion_clip
from emotrace.inference.recogniser import load

LIMIT_S = 240  # four minutes, on two processors


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S + 60)
def test_the_demo_trains_measures_and_draws_within_four_minutes(tmp_path: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "emotrace", "demo", "--output", str(tmp_path / "demo")],
        capture_output=True, text=True, check=False, timeout=LIMIT_S + 30, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < LIMIT_S
    assert (tmp_path / "demo" / "trace.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    for span in multi_emotion_clip().truth:
        assert f"{span.emotion} {span.start:.2f}-{span.end:.2f} s" in done.stdout
    assert "UA (UAR)" in done.stdout
    assert str(tmp_path / "demo" / "trace.png") in done.stdout
    assert "front-pcnse: epoch 1 of" in done.stderr
    assert "back: epoch 1 of" in done.stderr
    example = multi_emotion_clip()
    result = load(tmp_path / "demo" / "model")((example.samples, example.sample_rate_hz))
    assert len(result.timeline) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]

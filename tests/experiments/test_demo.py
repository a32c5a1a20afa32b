"""The demo trains, measures, exports and plots on the synthetic corpus."""

import subprocess
import sys
from pathlib import Path

import pytest

from emotrace.corpora.loaders.synthetic import multi_emotion_clip
from emotrace.inference.recogniser import load


@pytest.mark.slow
def test_the_demo_trains_measures_and_plots(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "emotrace", "demo", "--output", str(tmp_path / "demo")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
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

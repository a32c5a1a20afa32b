"""The demo traces a recording, trains, and reaches its bars on speakers and a clip that are new to it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from emotrace.corpora.loaders.synthetic import SAMPLE_RATE_HZ, multi_emotion_clip, utterance
from emotrace.evaluation.metrics import Metrics
from emotrace.experiments.demo import Demonstration, _as_one_stage, trace_with_shipped_model
from emotrace.inference.recogniser import load
from emotrace.inference.result import Result
from emotrace.timeline import Span, Timeline
from emotrace.training.progress import Epoch

LABELS = ("anger", "sadness")
TRUTH = Timeline((Span(0.0, 2.0, "anger", 1.0), Span(2.0, 4.0, "sadness", 1.0)))
FOUND = Timeline((Span(0.0, 2.5, "anger", 0.9), Span(2.5, 4.0, "sadness", 0.8)))
PNG = b"\x89PNG\r\n\x1a\n"


def test_the_report_has_ua_both_timelines_eder_the_picture_and_what_to_try_next() -> None:
    demonstration = Demonstration(
        Metrics(4, 2, 0.75, 0.75, 0.7, None, None, LABELS, ((2, 0), (1, 1))),
        Result("anger", 0.6, {"anger": 0.6, "sadness": 0.4}, FOUND, 4.0, None, (), "demo"),
        TRUTH,
        Path("runs/demo/run/model"),
        Path("runs/demo/trace.png"),
    )
    lines = demonstration.as_text().splitlines()
    assert "  UA (mean recall of the emotions)  0.750" in lines
    assert "sadness                1        1   50.0 %" in lines
    assert "  0.00    2.00  anger    1.00  |####################....................|" in lines
    assert "  0.00    2.50  anger    0.90  |#########################...............|" in lines
    assert "  EDER (share of the time with a wrong emotion)  0.125" in lines
    assert "picture  runs/demo/trace.png" in lines
    assert lines[-1].startswith("Next: emotrace trace RECORDING.wav")
    assert max(map(len, lines)) < 120


def test_the_shipped_model_traces_a_synthetic_clip_or_a_recording_first(tmp_path: Path) -> None:
    recording = tmp_path / "my.wav"
    soundfile.write(recording, utterance(1, 3, "anger", 0), SAMPLE_RATE_HZ)
    for audio, name in ((None, "synthetic clip"), (recording, str(recording))):
        picture = tmp_path / "shipped-model.png"
        report = trace_with_shipped_model(audio, picture)
        assert report.startswith("The shipped model, emotrace-")
        assert f"\n{name}  " in report
        assert ("AUDIO=my.wav" in report) == (audio is None)
        assert report.endswith(f"picture  {picture}")
        assert picture.read_bytes().startswith(PNG)


def test_both_stages_count_as_one_training() -> None:
    reported: list[Epoch] = []
    report = _as_one_stage(reported.append)
    for stage, number in (("front-pcnse", 1), ("front-pcnse", 14), ("back", 1), ("back", 12)):
        report(Epoch(stage=stage, number=number, of=16))
    assert [(epoch.number, epoch.of) for epoch in reported] == [(1, 26), (14, 26), (15, 26), (26, 26)]
    assert {(epoch.run, epoch.stage) for epoch in reported} == {("training", "")}


@pytest.mark.slow
def test_the_demo_reaches_its_bars(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "emotrace", "demo", "--output", str(tmp_path / "demo")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (ua,) = re.findall(r"UA \(mean recall of the emotions\)  ([\d.]+)", done.stdout)
    (eder,) = re.findall(r"EDER \(share of the time with a wrong emotion\)  ([\d.]+)", done.stdout)
    assert float(ua) >= 0.95
    assert float(eder) <= 0.10
    assert "64 utterances of 8 synthetic speakers who took no part in training" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Next: ")
    assert "training: epoch 26 of 26" in done.stderr
    assert (tmp_path / "demo" / "trace.png").read_bytes().startswith(PNG)
    clip = multi_emotion_clip()
    result = load(tmp_path / "demo" / "run" / "model")((clip.samples, clip.sample_rate_hz))
    found = [span.emotion for span in result.timeline]
    assert [span.emotion for span in clip.truth] == list(dict.fromkeys(found))
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]

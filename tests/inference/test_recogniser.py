import copy
import dataclasses
import io
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_model import with_endless_loop

import emotrace
from emotrace.audio.reading import Audio
from emotrace.errors import AudioError, EmotraceError, ModelError
from emotrace.inference.model_folder import load_model_folder, write_config
from emotrace.inference.onnx_session import OnnxSession, WindowOutputs
from emotrace.inference.recogniser import Recogniser, load

SpeechLike = Callable[..., np.ndarray]
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def recogniser(tiny_model: Path) -> Recogniser:
    return load(tiny_model, threads=1)


@pytest.fixture(scope="module")
def classifier(tiny_classifier: Path) -> Recogniser:
    return load(tiny_classifier, threads=1)


def test_the_label_is_the_likeliest_and_its_scores_sum_to_one(
    recogniser: Recogniser, classifier: Recogniser, speech_like: SpeechLike
) -> None:
    for model in (recogniser, classifier):
        for loudness, label in ((0.3, "anger"), (0.05, "sadness")):
            result = model((speech_like(2.0, loudness), RATE_HZ))
            assert result.label == label
            assert result.scores is not None
            assert result.score == result.scores[label] == max(result.scores.values())
            assert sum(result.scores.values()) == pytest.approx(1.0)
            assert tuple(result.scores) == model.labels


def test_to_hf_gives_the_format_of_transformers_pipelines(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    result = recogniser((speech_like(2.0, 0.05), RATE_HZ))
    entries = result.to_hf()
    assert [entry["label"] for entry in entries] == ["sadness", "anger"]
    assert {entry["label"]: entry["score"] for entry in entries} == result.scores
    assert result.abstaining_below(1.0).to_hf() == entries
    assert recogniser((np.zeros(RATE_HZ), RATE_HZ)).to_hf() == []


def test_a_result_as_a_dictionary_has_the_documented_keys(
    recogniser: Recogniser, speech_like: SpeechLike, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([speech_like(6.0)] * 2, axis=1), 48_000, subtype="FLOAT")
    found = recogniser(tmp_path / "a.wav").to_dict()
    assert list(found) == [
        "schema_version", "model", "file", "duration_s", "label", "score", "scores", "timeline", "warnings",
    ]  # fmt: skip
    assert found["schema_version"] == 1
    assert found["model"] == "tiny"
    assert found["file"] == str(tmp_path / "a.wav")
    assert found["duration_s"] == 2.0
    assert found["label"] == "anger"
    (span,) = found["timeline"]
    assert list(span) == ["start", "end", "emotion", "score"]
    assert (span["start"], span["end"], span["emotion"]) == (0.0, 2.0, "anger")
    assert found["warnings"] == ["resampled 48000 Hz to 16000 Hz", "2 channels mixed to mono"]


@pytest.mark.parametrize("seconds", [3.0, 9.0, 21.3])
def test_the_timeline_finds_where_the_emotion_changes(
    recogniser: Recogniser, speech_like: SpeechLike, seconds: float
) -> None:
    loud, soft, nothing = (speech_like(seconds, loudness) for loudness in (0.3, 0.05, 1e-4))
    timeline = recogniser((np.concatenate([loud, nothing, soft]), RATE_HZ)).timeline
    # The network sees 175 ms at once, so a little of the loud part outweighs the silence. The density of
    # labels is averaged over half a second, in whose last half this network labels silence as sadness.
    assert [span.emotion for span in timeline if span.duration_s > 0.4] == ["anger", "sadness"]
    assert timeline[0].start == 0.0
    tolerance_s = 0.09 + recogniser.config.decoder.density_window_s / 2
    assert timeline[0].end == pytest.approx(seconds, abs=tolerance_s)
    assert timeline[-1].start == pytest.approx(2 * seconds, abs=tolerance_s)
    assert timeline[-1].end == pytest.approx(3 * seconds)


def test_posteriors_of_overlapping_windows_agree_with_those_of_the_whole(
    make_model: Callable[..., Path], speech_like: SpeechLike, tmp_path: Path, recogniser: Recogniser
) -> None:
    """The tiny network has no context, so windows must change nothing."""
    uncut = load(make_model(tmp_path / "uncut", window_samples=500 * 80_240), threads=1)
    random = np.random.default_rng(1)
    for samples in (2800, 80_239, 80_240, 80_399, 80_400, 120_400, 333_333):
        loudness = np.repeat(random.uniform(0, 0.5, samples // 4000 + 1), 4000)[:samples]
        audio = Audio((loudness * speech_like(samples / RATE_HZ)).astype(np.float32), RATE_HZ)
        whole, stitched = uncut.frame_scores(audio), recogniser.frame_scores(audio)
        np.testing.assert_allclose(
            np.exp(stitched.log_posteriors),
            np.exp(whole.log_posteriors)[: len(stitched.log_posteriors)],
            atol=1e-5,
        )
        assert len(whole.log_posteriors) - len(stitched.log_posteriors) in (0, 1)


def test_scores_of_windows_are_averaged_by_their_duration(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    loud, soft = speech_like(10.0, 0.3), speech_like(5.0, 0.05)
    scores = recogniser((np.concatenate([loud, soft]), RATE_HZ)).scores
    assert scores is not None
    # Windows that start at 0, 2.5 and 5 s contain no soft part (or hardly any), those at 7.5 and 10 s do.
    windows = [recogniser((np.concatenate([loud, soft])[a:b], RATE_HZ)).scores for a, b in
               [(k * 40_000, min(240_000, k * 40_000 + 80_240)) for k in range(5)]]  # fmt: skip
    durations = [80_240] * 4 + [80_000 - 80_000 % 160]
    expected = np.average([w["anger"] for w in windows if w], weights=durations)
    assert scores["anger"] == pytest.approx(expected, abs=1e-3)
    assert 0.5 < scores["anger"] < 0.9


def test_a_classifier_traces_by_short_clips_and_warns(
    classifier: Recogniser, speech_like: SpeechLike
) -> None:
    result = classifier((np.concatenate([speech_like(6.0, 0.3), speech_like(8.0, 0.05)]), RATE_HZ))
    assert [span.emotion for span in result.timeline] == ["anger", "sadness"]
    assert result.timeline[1].start == pytest.approx(6.0, abs=0.5)
    assert (result.timeline[0].start, result.timeline[1].end) == (0.0, 14.0)
    assert [str(warning) for warning in result.warnings] == [
        "timeline of windows of 1 s every 0.25 s: this model names one emotion a clip"
    ]


def test_a_classifier_accepts_audio_shorter_than_its_clips(
    classifier: Recogniser, speech_like: SpeechLike
) -> None:
    (span,) = classifier((speech_like(0.2), RATE_HZ)).timeline
    assert (span.start, span.end, span.emotion) == (0.0, 0.2, "anger")


def test_digital_silence_has_no_label_and_no_scores(recogniser: Recogniser) -> None:
    found = recogniser((np.zeros(RATE_HZ), RATE_HZ)).to_dict()
    assert (found["label"], found["score"], found["scores"], found["timeline"]) == (None, None, None, [])
    assert found["warnings"] == ["digital silence"]


def test_an_utterance_that_is_all_blank_still_has_a_timeline(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    result = recogniser((speech_like(2.0, 0.001), RATE_HZ))
    assert len(result.timeline) == 1
    assert result.timeline[0].emotion == result.label


@pytest.fixture
def rejecting_recogniser(make_model: Callable[..., Path], tmp_path: Path) -> Recogniser:
    """A recogniser whose model can reject: here it rejects very soft noise."""
    return load(make_model(tmp_path / "model", calibration={"rejection_threshold": 0.5}), threads=1)


def test_a_rejected_recording_has_scores_but_no_label_and_no_spans(
    rejecting_recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    result = rejecting_recogniser((speech_like(12.0, 0.001), RATE_HZ))
    assert (result.label, result.timeline.spans) == (None, ())
    assert [warning.code for warning in result.warnings] == ["rejected"]
    assert result.scores is not None
    assert sum(result.scores.values()) == pytest.approx(1)
    assert result.abstaining_below(1.0) is result


def test_rejected_windows_do_not_count_beside_others(
    make_model: Callable[..., Path], tmp_path: Path, speech_like: SpeechLike
) -> None:
    decoder = {"label_range_db": 100.0}  # soft windows count as well
    calibration = {"rejection_threshold": 0.5}
    unrejecting = load(make_model(tmp_path / "a", decoder=decoder), threads=1)
    rejecting = load(make_model(tmp_path / "b", decoder=decoder, calibration=calibration), 1)
    audio = np.concatenate([speech_like(20.0, 0.001), speech_like(10.0, 0.3)]), RATE_HZ
    result, other = rejecting(audio), unrejecting(audio)
    assert result.label == "anger"
    assert result.scores is not None and other.scores is not None  # noqa: PT018
    assert result.scores["anger"] > other.scores["anger"] + 0.1
    assert (result.timeline[0].start, result.timeline[-1].end) == (pytest.approx(20.0, abs=0.5), 30.0)


@pytest.mark.parametrize(
    ("loudness", "log_odds", "labelled"), [(0.3, 0.1, False), (0.3, 1e6, False), (0.001, -1e6, True)]
)
def test_functionals_can_cause_and_prevent_rejection(
    rejecting_recogniser: Recogniser, speech_like: SpeechLike, monkeypatch: pytest.MonkeyPatch,
    loudness: float, log_odds: float, labelled: bool,
) -> None:  # fmt: skip
    audio = speech_like(8.0, loudness), RATE_HZ
    assert bool(rejecting_recogniser(audio).label) != labelled
    original = OnnxSession.run_window

    def run_window(session: OnnxSession, samples: np.ndarray) -> WindowOutputs:
        outputs = original(session, samples)
        return dataclasses.replace(outputs, label_scores=outputs.label_scores + np.array([0, 0, log_odds]))

    monkeypatch.setattr(OnnxSession, "run_window", run_window)
    assert bool(rejecting_recogniser(audio).label) == labelled


def test_a_higher_temperature_makes_scores_more_equal(
    make_model: Callable[..., Path], recogniser: Recogniser, speech_like: SpeechLike, tmp_path: Path
) -> None:
    hot_recogniser = load(make_model(tmp_path / "hot", calibration={"temperature": 1000.0}), threads=1)
    audio = speech_like(2.0), RATE_HZ
    hot, cold = hot_recogniser(audio), recogniser(audio)
    assert hot.label == cold.label
    assert hot.score is not None and cold.score is not None and 0.5 < hot.score < cold.score  # noqa: PT018


def test_path_bytes_file_object_and_samples_give_the_same(
    recogniser: Recogniser, speech_like: SpeechLike, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, speech_like(1.5), RATE_HZ)
    content = path.read_bytes()
    sources = [path, str(path), content, io.BytesIO(content), soundfile.read(path)]
    results = [recogniser(source) for source in sources]
    assert {(result.label, result.score, result.timeline) for result in results} == {
        (results[0].label, results[0].score, results[0].timeline)
    }


def test_each_channel_of_a_call_has_its_own_result(
    recogniser: Recogniser, speech_like: SpeechLike, tmp_path: Path
) -> None:
    call = np.stack([speech_like(3.0, 0.3), speech_like(3.0, 0.05), np.zeros(3 * RATE_HZ)], axis=1)
    soundfile.write(tmp_path / "call.wav", call, RATE_HZ, subtype="FLOAT")
    found = recogniser.recognise_channels(tmp_path / "call.wav")
    assert [(result.channel, result.label) for result in found] == [(1, "anger"), (2, "sadness"), (3, None)]
    for result in found[:2]:
        alone = recogniser((call[:, (result.channel or 0) - 1].astype(np.float32), RATE_HZ))
        assert (result.scores, result.timeline) == (alone.scores, alone.timeline)
    assert list(found[0].to_dict())[:4] == ["schema_version", "model", "file", "channel"]
    assert {result.file for result in found} == {str(tmp_path / "call.wav")}
    (mono,) = recogniser.recognise_channels((speech_like(2.0), RATE_HZ))
    assert mono.channel == 1
    with pytest.raises(AudioError, match="found no samples"):
        recogniser.recognise_channels((np.zeros(0), RATE_HZ))


def test_recognisers_can_be_pickled_and_copied(
    recogniser: Recogniser, classifier: Recogniser, speech_like: SpeechLike
) -> None:
    for model in (recogniser, classifier):
        expected = model((speech_like(2.0), RATE_HZ))
        for twin in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
            assert twin((speech_like(2.0), RATE_HZ)) == expected
            assert twin is not model


def test_a_recogniser_can_be_called_from_many_threads(
    recogniser: Recogniser, speech_like: SpeechLike
) -> None:
    sources = [(speech_like(1.0 + i / 4, 0.3 if i % 2 else 0.05, seed=i), RATE_HZ) for i in range(8)]
    alone = [recogniser(source) for source in sources]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(recogniser, sources)) == alone


def test_a_stopped_recogniser_ends_at_its_next_window(tiny_model: Path, speech_like: SpeechLike) -> None:
    stopped = load(tiny_model, threads=1)
    stream = stopped.stream(RATE_HZ)
    stream.push(speech_like(6.0))
    stopped.stop()
    with pytest.raises(EmotraceError, match="stopped before it was done"):
        stream.push(speech_like(6.0))


@pytest.fixture
def endless_model(tiny_model: Path, tmp_path: Path) -> Path:
    """A model that never ends."""
    folder = tmp_path / "endless"
    shutil.copytree(tiny_model, folder)
    (folder / "model.onnx").write_bytes(with_endless_loop((folder / "model.onnx").read_bytes()))
    write_config(folder, load_model_folder(tiny_model).config)
    return folder


def test_a_network_that_never_ends_can_be_stopped(endless_model: Path, speech_like: SpeechLike) -> None:
    endless = load(endless_model)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(endless, (speech_like(1.0), RATE_HZ))
        while not endless._session._running:
            time.sleep(0.001)
        endless.stop()
        with pytest.raises(EmotraceError, match="stopped before it was done"):
            running.result()


def test_an_interrupt_ends_a_network_that_never_ends(endless_model: Path, speech_like: SpeechLike) -> None:
    endless = load(endless_model)

    def interrupt() -> None:
        while not endless._session._running:
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor() as pool:
        pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            endless((speech_like(1.0), RATE_HZ))


def test_audio_shorter_than_the_models_minimum_is_an_error(recogniser: Recogniser) -> None:
    with pytest.raises(AudioError, match="found 50 ms"):
        recogniser((np.ones(800), RATE_HZ))


def test_network_outputs_that_are_not_finite_are_an_error(
    make_model: Callable[..., Path], tmp_path: Path, recogniser: Recogniser
) -> None:
    with pytest.raises(ModelError, match="not finite"):
        recogniser.frame_scores(Audio(np.full(RATE_HZ, np.nan, dtype=np.float32), RATE_HZ))


def test_real_speech_gets_a_label(recogniser: Recogniser, data: Path) -> None:
    for file in sorted((data / "samples").glob("*.wav")):
        result = recogniser(file)
        assert result.label in recogniser.labels
        assert str(result.warnings[0]) == "resampled 48000 Hz to 16000 Hz"
        assert all(0 <= span.start < span.end <= result.duration_s for span in result.timeline)


def test_recognition_runs_without_the_libraries_for_training(
    tiny_model: Path, speech_like: SpeechLike, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(1.5), RATE_HZ)
    script = (
        "import sys\n"
        "for name in ('torch', 'librosa', 'matplotlib', 'onnx', 'scipy', 'sklearn', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "import emotrace\n"
        f"print(emotrace.load({str(tiny_model)!r})({str(tmp_path / 'a.wav')!r}).label)\n"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stdout == "anger\n"


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import sys, emotrace; print([m for m in ('numpy', 'onnxruntime', 'torch') if m in sys.modules])"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"


def test_decoder_settings_come_from_the_model(
    make_model: Callable[..., Path], recogniser: Recogniser, speech_like: SpeechLike, tmp_path: Path
) -> None:
    decoder = {"switch_penalty": 1000.0, "decision_delay_s": 2.0}
    reluctant = load(make_model(tmp_path / "model", decoder=decoder), threads=1)
    audio = np.concatenate([speech_like(2.0, 0.3), speech_like(2.0, 0.05)]), RATE_HZ
    assert len(recogniser(audio).timeline) == 2
    assert len(reluctant(audio).timeline) == 1
    assert reluctant.stream(RATE_HZ).latency_s == recogniser.stream(RATE_HZ).latency_s + 1.0


def test_clip_length_and_hop_come_from_the_model(
    make_model: Callable[..., Path], speech_like: SpeechLike, tmp_path: Path
) -> None:
    decoder = {"clip_s": 0.5, "clip_hop_s": 0.1}
    model = load(
        make_model(tmp_path / "model", output="log_scores", system="pcn", decoder=decoder), threads=1
    )
    frame_scores = model.frame_scores(model.read((speech_like(2.0), RATE_HZ)))
    assert (frame_scores.first_s, frame_scores.step_s) == (0.25, 0.1)
    assert len(frame_scores.log_posteriors) == 16


def test_public_names_exist() -> None:
    for name in [*emotrace.__all__, "__version__"]:
        assert getattr(emotrace, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = emotrace.nonsense


def test_training_functions_without_their_libraries_name_the_extra() -> None:
    script = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import emotrace\n"
        "try:\n"
        "    emotrace.train\n"
        "except emotrace.MissingExtraError as error:\n"
        "    print(error)\n"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (
        'emotrace.train needs torch, which is not installed; run: pip install "emotrace[train]"'
        in process.stdout
    )


def test_a_model_folder_may_move(tiny_model: Path, tmp_path: Path, speech_like: SpeechLike) -> None:
    moved = shutil.copytree(tiny_model, tmp_path / "moved")
    assert emotrace.load(moved)((speech_like(1.0), RATE_HZ)).label == "anger"

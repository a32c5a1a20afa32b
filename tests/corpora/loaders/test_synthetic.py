import functools
import itertools

import numpy as np
import pytest

from emotrace.corpora.loaders import synthetic
from emotrace.errors import CorpusError

RATE = synthetic.SAMPLE_RATE_HZ


def loudness(samples):
    return np.sqrt(np.mean(samples**2))


def pitch_hz(samples):
    """The median over loud frames of the strongest period between 60 and 500 Hz, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::256]
    frames = frames[np.mean(frames**2, axis=1) > 0.2 * np.mean(samples**2)]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames * np.hanning(1024), 2048)) ** 2)
    low, high = RATE // 500, RATE // 60
    return np.median(RATE / (low + np.argmax(correlation[:, low:high], axis=1)))


@functools.cache
def mean(measure, speaker, emotion):
    return np.mean([measure(synthetic.utterance(1, speaker, emotion, index)) for index in range(6)])


@pytest.mark.parametrize("speaker", range(synthetic.SPEAKERS))
class TestEverySpeaker:
    def test_anger_is_louder_than_sadness(self, speaker):
        assert mean(loudness, speaker, "anger") > 2 * mean(loudness, speaker, "sadness")

    def test_anger_is_higher_than_sadness(self, speaker):
        assert mean(pitch_hz, speaker, "anger") > 1.1 * mean(pitch_hz, speaker, "sadness")


def test_loudness_alone_does_not_separate_anger_from_neutral():
    angry = [mean(loudness, speaker, "anger") for speaker in range(8)]
    neutral = [mean(loudness, speaker, "neutral") for speaker in range(8)]
    assert min(angry) < max(neutral)


def test_women_speak_higher_than_men():
    men = [mean(pitch_hz, speaker, "neutral") for speaker in (0, 2, 4, 6)]
    women = [mean(pitch_hz, speaker, "neutral") for speaker in (1, 3, 5, 7)]
    assert max(men) < min(women)


def test_the_same_seed_gives_the_same_bytes():
    one, other = (synthetic.utterance(3, 2, "happiness", 1) for _ in range(2))
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "changed", [(4, 2, "happiness", 1), (3, 1, "happiness", 1), (3, 2, "anger", 1), (3, 2, "happiness", 0)]
)
def test_another_seed_speaker_emotion_or_index_gives_other_bytes(changed):
    assert synthetic.utterance(3, 2, "happiness", 1).tobytes() != synthetic.utterance(*changed).tobytes()


def test_an_utterance_is_the_same_in_a_smaller_corpus():
    small = {utterance.name: utterance.audio[0] for utterance in synthetic.utterances(speakers=2, each=1)}
    large = {utterance.name: utterance.audio[0] for utterance in synthetic.utterances(speakers=3, each=2)}
    assert all(np.array_equal(samples, large[name]) for name, samples in small.items())


def test_utterances_last_one_to_three_seconds_within_full_scale():
    for utterance in synthetic.utterances(seed=2, each=2):
        samples, rate = utterance.audio
        assert rate == 16000
        assert 1 <= len(samples) / rate <= 3
        assert np.isfinite(samples).all()
        assert 0.01 < np.abs(samples).max() < 1


def test_every_speaker_has_as_many_utterances_of_each_emotion():
    utterances = synthetic.utterances(speakers=5, each=3)
    for speaker, emotion in itertools.product((f"s{i:02}" for i in range(5)), synthetic.MANNERS):
        assert sum((one.speaker, one.emotion) == (speaker, emotion) for one in utterances) == 3


def test_an_unknown_emotion_is_refused():
    with pytest.raises(CorpusError, match="no synthetic speech for boredom; available: anger"):
        synthetic.utterance(1, 0, "boredom", 0)


def test_true_spans_tile_the_clip():
    clip = synthetic.multi_emotion_clip(emotions=("neutral", "anger", "sadness", "happiness"))
    spans = clip.truth.spans
    assert [span.emotion for span in spans] == ["neutral", "anger", "sadness", "happiness"]
    assert spans[0].start == 0
    assert spans[-1].end == len(clip.samples) / clip.sample_rate_hz
    assert all(span.end - span.start >= 4 for span in spans)
    for one, following in itertools.pairwise(spans):
        assert one.end == following.start


def test_the_loudness_of_the_clip_changes_where_its_truth_changes():
    clip = synthetic.multi_emotion_clip(emotions=("anger", "sadness"))
    change = round(clip.truth.spans[0].end * RATE)
    assert loudness(clip.samples[:change]) > 2 * loudness(clip.samples[change:])


def test_the_clips_speaker_is_not_in_the_corpus():
    known = {utterance.audio[0].tobytes() for utterance in synthetic.utterances()}
    first = synthetic.multi_emotion_clip(emotions=("anger",)).samples
    assert not any(first.tobytes().startswith(sound) for sound in known)

"""An epoch holds each example once, in batches of similar length and random order."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from emotrace.audio.reading import Audio, read_audio
from emotrace.corpora import Utterance, utterance_audio
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import AudioError
from emotrace.features.log_mel import LogMel
from emotrace.training.data.examples import Batch, Example, epoch_batches, read_examples, window_batches


def clips_of(lengths: list[int]) -> list[Example]:
    """Clips whose values are their own numbers and whose labels are too."""
    return [
        Example(str(i), "a", i, ((torch.full((length, 2), float(i)),),), (length,))
        for i, length in enumerate(lengths)
    ]


def passed(examples: list[Example], size: int, seed: int = 0) -> list[Batch]:
    return list(epoch_batches(examples, size, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize(("count", "size"), [(10, 4), (8, 4), (3, 8), (1, 4), (5, 1)])
def test_an_epoch_holds_each_example_once(count: int, size: int) -> None:
    lengths = [20 + 7 * i for i in range(count)]
    batches = passed(clips_of(lengths), size)
    assert sorted(label for batch in batches for label in batch.labels.tolist()) == list(range(count))
    for batch in batches:
        for row, length, label in zip(batch.x, batch.lengths.tolist(), batch.labels.tolist(), strict=True):
            assert length == lengths[label]
            assert (row[:length] == label).all()
            assert (row[length:] == 0).all()


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(9, 4, [4, 5]), (5, 4, [5]), (10, 4, [2, 4, 4]), (1, 4, [1]), (3, 1, [1, 1, 1])],
)
def test_the_last_batch_never_holds_a_single_example(count: int, size: int, sizes: list[int]) -> None:
    batches = passed(clips_of([50] * count), size)
    assert sorted(len(batch.labels) for batch in batches) == sizes


def test_a_batch_holds_examples_of_similar_length() -> None:
    random = torch.Generator().manual_seed(5)
    examples = clips_of(torch.randint(50, 500, (64,), generator=random).tolist())
    padded = sum(batch.x.shape[0] * batch.x.shape[1] for batch in passed(examples, 8))
    assert padded < 1.15 * sum(
        len(example.windows[0]) for example in examples
    )  # in any order it would be 1.6


def test_the_order_depends_on_the_generator_alone() -> None:
    examples = clips_of([20 + i % 9 for i in range(40)])

    def order(seed: int) -> list[list[int]]:
        return [batch.labels.tolist() for batch in passed(examples, 4, seed)]

    first = order(1)
    torch.manual_seed(99)
    assert order(1) == first
    assert order(2) != first
    assert {frozenset(group) for group in order(2)} != {frozenset(group) for group in first}


def test_all_views_and_windows_of_an_example_are_drawn() -> None:
    views = tuple(
        tuple(torch.full((16, 1), 10.0 * view + window) for window in range(2)) for view in range(3)
    )
    example = Example("a", "a", 0, views, (400, 400))
    generator = torch.Generator().manual_seed(0)
    drawn = [next(epoch_batches([example], 1, generator)).x[0, 0, 0].item() for _ in range(100)]
    assert set(drawn) == {0.0, 1.0, 10.0, 11.0, 20.0, 21.0}


def test_every_window_is_scored_once() -> None:
    windows = [tuple(torch.full((16 + i + w, 1), 10.0 * i + w) for w in range(1 + i % 3)) for i in range(7)]
    examples = [Example(str(i), "a", i, (w,), (1,) * len(w)) for i, w in enumerate(windows)]
    seen: list[tuple[int, int]] = []
    for places, batch in window_batches(examples, size=4):
        assert len(places) <= 4
        for (example, window), row, label in zip(places, batch.x, batch.labels.tolist(), strict=True):
            assert (row[0].item(), label) == (10.0 * example + window, example)
            seen.append((example, window))
    assert sorted(seen) == [(i, w) for i in range(7) for w in range(1 + i % 3)]


def noise(seconds: float) -> tuple[object, int]:
    samples: Tensor = torch.rand(round(16_000 * seconds), generator=torch.Generator().manual_seed(0)) - 0.5
    return samples.numpy(), 16_000


def test_a_long_utterance_is_cut_into_the_windows_of_the_runtime() -> None:
    utterance = Utterance("a", noise(8.0), "anger", "A", "ann")
    (example,) = read_examples([utterance], ["rest", "anger"], LogMel(bands=18), max_frames=500)
    assert [len(window) for window in example.windows] == [500, 500, 298]
    assert example.durations == (80_240, 80_240, 47_920)
    assert example.label == 1
    # Before a window's first sample there is nothing, so its first frame alone is another.
    assert torch.allclose(example.windows[0][251:], example.windows[1][1:250], atol=1e-4)


def test_a_silent_segment_of_a_file_is_silence() -> None:
    samples, rate = noise(2.0)
    samples[16_000:] = 0
    whole = Utterance("a", (samples, rate), "anger", "A", "ann")
    assert not read_utterance(whole).silent
    part = Utterance("a", (samples, rate), "anger", "A", "ann", start_s=1.0)
    assert read_utterance(part).silent


def test_a_short_segment_is_padded_with_silence() -> None:
    utterance = Utterance("x/b.wav#1.9", noise(2.0), "anger", "A", "ann", start_s=1.9)
    observed = read_utterance(utterance)
    assert len(observed.samples) == 2_800
    assert observed.samples[:1_600].any()
    assert not observed.samples[1_600:].any()
    assert not observed.silent
    (example,) = read_examples([utterance], ["anger"], LogMel(bands=18), max_frames=500)
    assert [len(window) for window in example.windows] == [16]


def test_a_recording_with_many_utterances_is_read_once_unless_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def weight_feature_sets(source: Path, *args: Any, **more: Any) -> Audio:
        read.append(source)
        return read_audio(source, *args, **more)

    monkeypatch.setattr(utterance_audio, "read_audio", weight_feature_sets)
    path = tmp_path / "call.wav"
    soundfile.write(path, noise(3.0)[0], 16_000)
    parts = [Utterance(f"call#{i}", path, "anger", "A", "ann", None, None, i, i + 1.0) for i in range(3)]
    examples = read_examples(parts, ["anger"], LogMel(bands=18), max_frames=500)
    assert read == [path]
    assert not torch.equal(examples[0].windows[0], examples[1].windows[0])
    before = read_utterance(parts[0]).samples
    soundfile.write(path, noise(3.0)[0][::-1], 16_000)
    os.utime(path, ns=(0, 0))
    assert not np.array_equal(read_utterance(parts[0]).samples, before)


@pytest.mark.parametrize("name", ["missing.wav", "x" * 300 + ".wav", "\0.wav"])
def test_an_unreadable_file_is_an_audio_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError):
        read_utterance(Utterance(name, tmp_path / name, "anger", "A", "ann"))


def test_the_error_for_a_segment_beyond_the_file_names_it() -> None:
    utterance = Utterance("x/b.wav#2.5", noise(2.0), "anger", "A", "ann", start_s=2.5)
    with pytest.raises(AudioError, match=r"x/b\.wav#2\.5 starts at 2\.500 s, but its file lasts only 2"):
        read_examples([utterance], ["anger"], LogMel(bands=18), max_frames=500)


def test_a_part_that_ends_after_the_file_is_refused_with_a_tenth_of_a_second_of_tolerance() -> None:
    rounded = Utterance("x/b.wav#1", noise(2.0), "anger", "A", "ann", start_s=1.0, end_s=2.09)
    assert read_utterance(rounded).duration_s == 1.0
    utterance = Utterance("x/b.wav#1", noise(2.0), "anger", "A", "ann", start_s=1.0, end_s=2.5)
    with pytest.raises(AudioError, match=r"x/b\.wav#1 ends at 2\.500 s, but its file lasts only 2\.000 s"):
        read_utterance(utterance)


def test_an_utterance_shorter_than_a_frame_is_refused() -> None:
    utterance = Utterance("x/b.wav", noise(0.0006), "anger", "A", "ann")
    with pytest.raises(AudioError, match=r"x/b\.wav: found 0\.6 ms of audio, expected at least 25 ms"):
        read_utterance(utterance)

import itertools

import numpy as np
import pytest

from emotrace.audio.windowing import frames_in, samples_in, window_frames, window_samples


def test_five_seconds_of_frames_are_80240_samples() -> None:
    assert samples_in(500) == 80_240
    assert frames_in(80_240) == 500
    assert frames_in(80_239) == 499


def test_windows_cover_every_frame_and_overlap_by_half() -> None:
    for frames in range(1, 2100):
        windows = window_frames(frames)
        covered = np.unique(np.concatenate([np.arange(*window) for window in windows]))
        assert covered.tolist() == list(range(frames))
        assert [start for start, _ in windows] == [250 * k for k in range(len(windows))]
        assert all(stop - start <= 500 for start, stop in windows)


def test_every_window_reaches_further_than_the_one_before() -> None:
    for frames in range(1, 2100):
        windows = window_frames(frames)
        assert all(later[1] > earlier[1] for earlier, later in itertools.pairwise(windows))


def test_windows_after_the_first_are_longer_than_half_a_window() -> None:
    for frames in range(501, 2100):
        assert all(stop - start > 250 for start, stop in window_frames(frames))


@pytest.mark.parametrize("samples", [2800, 80_239, 80_240, 80_399, 80_400, 160_000, 1_000_001])
def test_windows_in_samples_hold_the_frames_of_windows_in_frames(samples: int) -> None:
    in_samples = window_samples(samples)
    in_frames = window_frames(frames_in(samples))
    assert [(start // 160, start // 160 + frames_in(stop - start)) for start, stop in in_samples] == in_frames
    assert samples - in_samples[-1][1] in range(160)


def test_a_hop_that_leaves_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="found 600 and 500"):
        window_frames(1000, max_frames=500, hop_frames=600)

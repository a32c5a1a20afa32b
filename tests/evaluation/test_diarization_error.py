"""Errors of timelines, compared with counts of milliseconds."""

from itertools import pairwise

import numpy as np
import pytest

from emotrace.evaluation.diarization_error import boundary_errors_s, change_times_s, error_durations
from emotrace.timeline import Span, Timeline

EMOTIONS = ("anger", "happiness", "sadness")


def draw_spans(random: np.random.Generator, duration_ms: int) -> list[tuple[int, int, str]]:
    """Spans in whole milliseconds, some with gaps between."""
    edges = np.sort(random.choice(duration_ms, size=8, replace=False))
    pairs = list(zip(edges[::2], edges[1::2], strict=True)) if random.random() < 0.5 else []
    pairs = pairs or list(pairwise(edges))
    return [(int(a), int(b), EMOTIONS[random.integers(3)]) for a, b in pairs]


def timeline(spans: list[tuple[int, int, str]]) -> Timeline:
    return Timeline(tuple(Span(a / 1000, b / 1000, emotion, 1.0) for a, b, emotion in spans))


@pytest.mark.parametrize("seed", range(20))
def test_errors_agree_with_a_count_of_milliseconds(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, found = draw_spans(random, 4000), draw_spans(random, 4500)  # found spans may reach past the end
    true_labels, found_labels = [""] * 4000, [""] * 4000
    for row, spans in ((true_labels, truth), (found_labels, found)):
        for start, stop, emotion in spans:
            row[start:stop] = [emotion] * len(row[start:stop])
    error = error_durations(timeline(truth), timeline(found), 4.0)
    pairs = list(zip(true_labels, found_labels, strict=True))
    assert error.missed_s == pytest.approx(sum(bool(s) and not t for s, t in pairs) / 1000)
    assert error.false_s == pytest.approx(sum(bool(t) and not s for s, t in pairs) / 1000)
    assert error.confused_s == pytest.approx(sum(bool(s) and bool(t) and s != t for s, t in pairs) / 1000)
    assert error.rate == pytest.approx(sum(s != t for s, t in pairs) / 4000)


def test_recordings_count_by_their_duration() -> None:
    truth = timeline([(0, 1000, "anger")])
    both = error_durations(truth, truth, 1.0) + error_durations(
        timeline([(0, 3000, "anger")]), Timeline(), 3.0
    )
    assert both.rate == 0.75


def test_boundary_errors_are_distances_to_the_nearest_change() -> None:
    truth = timeline([(0, 1000, "anger"), (1000, 2000, "sadness"), (2000, 3000, "anger")])
    found = timeline([(0, 1200, "anger"), (1400, 3000, "sadness")])
    assert change_times_s(truth) == [1.0, 2.0]
    assert boundary_errors_s(truth, found) == pytest.approx([0.3, 0.7])
    assert boundary_errors_s(found, truth) == pytest.approx([0.3])

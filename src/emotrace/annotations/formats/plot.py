"""PNG pictures of timelines: waveform, spectrogram, emotion scores and spans on one time axis."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from emotrace.annotations.recording_summary import RecordingSummary
from emotrace.audio.reading import Audio
from emotrace.decoding.spans import moving_average
from emotrace.errors import MissingExtraError
from emotrace.inference.result import Result
from emotrace.system.escaping import escape_control_characters
from emotrace.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# An emotion has the same colour in every picture. The emotions of one model remain distinguishable with
# red-green colour blindness, since they differ in lightness too; a test simulates it.
COLOURS = {
    "anger": "#d62728",
    "happiness": "#f2b200",
    "sadness": "#1f5fa8",
    "neutral": "#8d959c",
    "fear": "#b57edc",
    "disgust": "#0f8f5f",
    "boredom": "#5c4033",
    "surprise": "#7fd4f0",
    "calm": "#d9e88f",
    "excitement": "#ffd98a",
    "frustration": "#5a1e5e",
    "emphatic": "#f08a4b",
    "positive": "#1b6ca8",
    "rest": "#dfe5ea",
}
_SPARE_COLOURS = ("#17becf", "#bcbd22", "#393b79", "#637939", "#843c39", "#5254a3", "#ad494a", "#6b6ecf")
_SCORE_WINDOW_S = 0.5  # the posteriors of CTC models are averaged over this time
_MINIMUM_LABELS_PER_S = 0.02  # with fewer, there is no score
_LETTER_WIDTH = 0.0085  # width of one letter as a fraction of the picture


def require_matplotlib() -> None:
    """Check that matplotlib is installed.

    Raises:
        MissingExtraError: if it is not
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            'found no matplotlib, which pictures need; run: pip install "emotrace[plot]"'
        ) from None


def format_timeline(result: Result, summary: RecordingSummary, labels: Sequence[str]) -> bytes:
    """The picture of one recording; that of digital silence has no scores over time."""
    if result.scores is None:
        return _draw(summary, result, labels)
    return _draw(summary, result, labels, summary.posteriors, summary.times_s)


def timeline_png(
    audio: Audio,
    result: Result,
    labels: Sequence[str],
    log_posteriors: npt.NDArray[np.float64] | None = None,
    times_s: npt.NDArray[np.float64] | None = None,
    truth: Timeline | None = None,
) -> bytes:
    """Draw one recording and its timeline as a PNG.

    Args:
        audio: the recording
        result: its result
        labels: the model's emotions, in the order of its outputs
        log_posteriors: shape (frame, K + 1), blank last; None omits their panel
        times_s: centre of each of those frames in seconds
        truth: the true timeline, drawn below the recognised one; None if it is unknown

    Raises:
        MissingExtraError: if matplotlib is not installed
    """
    summary = RecordingSummary(audio.sample_rate_hz)
    summary.add_samples(audio.samples)
    posteriors = None if log_posteriors is None else np.exp(log_posteriors)
    return _draw(summary, result, labels, posteriors, times_s, truth)


def _draw(
    summary: RecordingSummary,
    result: Result,
    labels: Sequence[str],
    posteriors: npt.NDArray[np.float64] | None = None,
    times_s: npt.NDArray[np.float64] | None = None,
    truth: Timeline | None = None,
) -> bytes:
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    has_posteriors = posteriors is not None and times_s is not None
    heights = [1.0, 1.6, *([1.6] if has_posteriors else []), 0.45 if truth is None else 0.9]
    figure = Figure(figsize=(10, 1.4 + 1.15 * sum(heights)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    colours = choose_colours([*labels, *(span.emotion for span in truth or ())])
    label = "no label" if result.label is None else f"{result.label} {result.score:.2f}"
    name = escape_control_characters(Path(result.file).name) if result.file else "samples"
    name = name.encode(errors="backslashreplace").decode()  # it may contain bytes that are not valid UTF-8
    panels[0].set_title(f"{name}: {label}", loc="left", fontsize=11, parse_math=False)
    _draw_waveform(panels[0], summary)
    for span in result.timeline:
        panels[0].axvspan(span.start, span.end, color=colours[span.emotion], alpha=0.25, linewidth=0)
    _draw_spectrogram(panels[1], summary)
    if posteriors is not None and times_s is not None:
        _draw_posteriors(panels[2], posteriors, times_s, labels, colours)
    panels[-1].set_xlim(0, summary.duration_s)
    rows = [("recognised", result.timeline), *([("true", truth)] if truth else [])]
    _draw_spans(panels[-1], rows, colours)
    panels[-1].set_xlabel("time (s)", fontsize=10)
    figure.align_ylabels(panels)
    _add_legend(figure, colours)
    file = io.BytesIO()
    with warnings.catch_warnings():  # the font lacks some scripts, which file names may use
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def choose_colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label. Labels that are not in `COLOURS` get spare colours.

    >>> choose_colours(["anger", "mirth"])
    {'anger': '#d62728', 'mirth': '#17becf'}
    """
    unknown = [label for label in dict.fromkeys(labels) if label not in COLOURS]
    spare = {label: _SPARE_COLOURS[index % len(_SPARE_COLOURS)] for index, label in enumerate(unknown)}
    return {label: COLOURS.get(label) or spare[label] for label in dict.fromkeys(labels)}


def _draw_waveform(panel: "Axes", summary: RecordingSummary) -> None:
    times_s = (np.arange(len(summary.lowest)) + 0.5) * summary.column_s
    panel.fill_between(times_s, summary.lowest, summary.highest, color="#333333", linewidth=0.3)
    panel.set_ylabel("waveform", fontsize=9)
    panel.set_yticks([])


def _draw_spectrogram(panel: "Axes", summary: RecordingSummary) -> None:
    """Power in dB relative to the maximum."""
    power = summary.power.T
    panel.imshow(
        10 * np.log10(np.maximum(power / max(float(power.max()), 1e-20), 1e-10)),
        extent=(0, summary.duration_s, 0, summary.sample_rate_hz / 2000),
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-70,
        vmax=0,
    )
    panel.set_ylabel("frequency (kHz)", fontsize=9)


def _draw_posteriors(
    panel: "Axes",
    posteriors: npt.NDArray[np.float64],
    times_s: npt.NDArray[np.float64],
    labels: Sequence[str],
    colours: dict[str, str],
) -> None:
    """The share of each emotion in the posteriors, without blank, where there are labels."""
    values = posteriors[:, :-1]
    if posteriors[:, -1].any() and len(times_s) > 1:
        step_s = float(times_s[1] - times_s[0])
        values = moving_average(values, max(1, round(_SCORE_WINDOW_S / step_s)))
        total = values.sum(axis=1, keepdims=True)
        values = np.where(total < _MINIMUM_LABELS_PER_S * step_s, np.nan, values / np.maximum(total, 1e-300))
    for index, label in enumerate(labels):
        panel.plot(times_s, values[:, index], color=colours[label], linewidth=1.8)
    panel.set_ylim(0, 1.02)
    panel.set_yticks([0, 0.5, 1])
    panel.grid(axis="y", linewidth=0.4, color="#cccccc")
    panel.set_ylabel("score (0 to 1)", fontsize=9)


def _draw_spans(panel: "Axes", rows: Sequence[tuple[str, Timeline]], colours: dict[str, str]) -> None:
    """Bars; the emotion's name is in each bar that is wide enough."""
    letter_s = _LETTER_WIDTH * panel.get_xlim()[1]
    for row, (_, timeline) in enumerate(rows):
        for span in timeline:
            panel.broken_barh(
                [(span.start, span.duration_s)], (-row - 0.4, 0.8), color=colours[span.emotion], linewidth=0
            )
            if span.duration_s >= letter_s * len(span.emotion):
                middle = (span.start + span.end) / 2
                name = panel.text(middle, -row, span.emotion, ha="center", va="center", fontsize=9)
                name.set(color=_readable_on(colours[span.emotion]), clip_on=True, in_layout=False)
    panel.set_ylim(-len(rows) + 0.5, 0.5)
    panel.set_yticks([-row for row in range(len(rows))], [name for name, _ in rows], fontsize=9)


def _readable_on(colour: str) -> str:
    """Black or white, whichever has more contrast (WCAG 2)."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"


def _add_legend(figure: "Figure", colours: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=colour, label=label) for label, colour in colours.items()]
    figure.legend(
        handles=patches, loc="outside lower center", ncols=min(7, len(patches)), fontsize=10, frameon=False
    )

"""Claims about results as text, JSON, CSV and pictures."""

import csv
import io
import json
import sys
from collections.abc import Callable

import numpy as np
import pytest

from emotrace.annotations.formats import csv_table, json_text, plot, text
from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.audio.reading import Audio
from emotrace.errors import MissingExtraError
from emotrace.inference.result import Result
from emotrace.timeline import Span, Timeline
from emotrace.warning import RecognitionWarning

TIMELINE = Timeline((Span(0.0, 0.8, "anger", 0.9), Span(1.2, 2.0, "sadness", 0.6)))
RESULT = Result(
    "anger",
    0.7,
    {"anger": 0.7, "sadness": 0.2, "neutral": 0.1},
    TIMELINE,
    2.0,
    'a, "b".wav',
    (RecognitionWarning("short", "short"),),
    "tiny",
)
DIGITAL_SILENCE = RecognitionWarning("silence", "digital silence")
SILENCE = Result(None, None, None, Timeline(), 1.0, "s.wav", (DIGITAL_SILENCE,), "tiny")
LABELS = ("anger", "sadness", "neutral")


def test_lists_of_any_length_are_valid_json() -> None:
    for results in ([], [RESULT], [RESULT, SILENCE, RESULT]):
        document = "".join(json_text.format_timelines(results))
        assert json.loads(document) == [result.to_dict() for result in results]


def test_a_json_object_is_one_line_and_keeps_unusual_names() -> None:
    assert "\n" not in json_text.format_object(RESULT)
    assert json.loads(json_text.format_object(RESULT))["file"] == 'a, "b".wav'


def test_top_k_keeps_the_best_scores() -> None:
    assert json.loads(json_text.format_object(RESULT, top_k=2))["scores"] == {"anger": 0.7, "sadness": 0.2}
    assert json.loads(json_text.format_object(SILENCE, top_k=2))["scores"] is None
    assert text.format_prediction(RESULT, top_k=1).endswith("anger  anger 0.70")


def test_csv_is_read_back_unchanged() -> None:
    table = "".join(csv_table.format_predictions([RESULT, SILENCE], PredictionOptions(LABELS)))
    rows = list(csv.DictReader(io.StringIO(table)))
    assert rows[0]["file"] == 'a, "b".wav'
    assert [float(rows[0][f"score_{label}"]) for label in LABELS] == [0.7, 0.2, 0.1]
    assert (rows[1]["label"], rows[1]["score"], rows[1]["warnings"]) == ("", "", "digital silence")
    spans = list(csv.DictReader(io.StringIO("".join(csv_table.format_timelines([RESULT, SILENCE])))))
    assert [(float(row["start"]), float(row["end"]), row["emotion"]) for row in spans] == [
        (span.start, span.end, span.emotion) for span in TIMELINE
    ]


def test_bars_have_the_same_width_for_every_span() -> None:
    for start, end in ((0.0, 0.001), (0.0, 2.0), (1.999, 2.0), (0.7, 0.71)):
        result = Result(
            "anger", 1.0, {"anger": 1.0}, Timeline((Span(start, end, "anger", 1.0),)), 2.0, "a", (), "m"
        )
        bar = text.format_timeline(result).splitlines()[1].split("|")[1]
        assert len(bar) == 40
        assert "#" in bar


def test_silence_has_no_label() -> None:
    assert text.format_prediction(SILENCE) == "s.wav  no label"
    assert text.format_timeline(SILENCE) == "s.wav  1.00 s  no label\n"


def test_timelines_refuse_overlapping_spans() -> None:
    with pytest.raises(ValueError, match="without overlap"):
        Timeline((Span(0.0, 1.0, "anger", 1.0), Span(0.9, 2.0, "anger", 1.0)))


@pytest.mark.parametrize(("name", "seconds"), [("a.wav", 0.2), ("$x^2$.wav", 2.0), ("\u97f3.wav", 130.0)])
def test_pictures_are_drawn_for_any_length_and_any_name(
    speech_like: Callable[..., np.ndarray], seconds: float, name: str
) -> None:
    matplotlib_image = pytest.importorskip("matplotlib.image")
    audio = Audio(speech_like(seconds), 16_000, name=name)
    result = Result(
        "anger",
        0.9,
        {"anger": 0.9, "mirth": 0.1},
        Timeline((Span(0, 0.1, "mirth", 0.9),)),
        seconds,
        name,
        (),
        "m",
    )
    posteriors = np.log(np.full((9, 3), 1 / 3))
    picture = plot.timeline_png(
        audio, result, ["anger", "mirth"], posteriors, np.linspace(0.0875, seconds, 9), truth=TIMELINE
    )
    pixels = matplotlib_image.imread(io.BytesIO(picture))
    assert pixels.shape[0] > 400
    assert pixels.shape[1] == 1200
    assert np.ptp(pixels) > 0.5


def test_the_picture_of_silence_has_no_posteriors() -> None:
    pytest.importorskip("matplotlib")
    audio = Audio(np.zeros(16_000, dtype=np.float32), 16_000, silent=True, name="s.wav")
    assert plot.timeline_png(audio, SILENCE, LABELS).startswith(b"\x89PNG")


def test_the_true_timeline_makes_the_picture_higher(speech_like: Callable[..., np.ndarray]) -> None:
    image = pytest.importorskip("matplotlib.image")
    audio = Audio(speech_like(2.0), 16_000, name="a.wav")
    plain, compared = (
        plot.timeline_png(audio, RESULT, LABELS),
        plot.timeline_png(audio, RESULT, LABELS, truth=TIMELINE),
    )
    assert image.imread(io.BytesIO(compared)).shape[0] > image.imread(io.BytesIO(plain)).shape[0]


def test_pictures_without_matplotlib_raise_an_error_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'pip install "emotrace\[plot\]"'):
        plot.timeline_png(Audio(np.zeros(16_000, dtype=np.float32), 16_000), SILENCE, LABELS)


def test_known_emotions_have_different_colours() -> None:
    known = plot.choose_colours(list(plot.COLOURS))
    assert len(set(known.values())) == len(known)
    assert set(plot.choose_colours([*LABELS, "mirth", "awe"])) == {*LABELS, "mirth", "awe"}

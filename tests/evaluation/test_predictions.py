from pathlib import Path

import pytest

from emotrace.errors import RunError
from emotrace.evaluation.predictions import Prediction, read_predictions, write_predictions

HEADER = "file,speaker,fold,seed,truth,predicted,anger,rest\n"


def prediction(file: str = "a.wav", seed: int = 1, **scores: float) -> Prediction:
    return Prediction(file, "03", 0, seed, "anger", "rest", scores or {"anger": 0.25, "rest": 0.75})


def test_written_predictions_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    written = (prediction('odd, "name"\n.wav'), prediction("ä.wav"), prediction("ä.wav", seed=2))
    write_predictions(path, written)
    assert read_predictions(path) == written


ODD_NAMES = [
    "a\rb.wav,03,0,1,anger,anger,1,0\rc.wav", "=HYPERLINK(1)", "+1", "-a.wav", "@x", "'=x", "''-x", "'x",
    "\tx", "\r", "\udcff.wav", "\uff1dx", "-", "--1",
]  # fmt: skip


def test_odd_names_are_read_back_and_are_neither_rows_nor_formulas(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    written = tuple(prediction(name) for name in ODD_NAMES)
    write_predictions(path, written)
    assert read_predictions(path) == written
    for cell in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n"):
        assert cell.lstrip('"')[:1] not in ("=", "@", "\t", "\r", "\uff1d")


def test_scores_keep_six_significant_digits(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    write_predictions(path, [prediction(anger=1e-9 / 3, rest=2 / 3)])
    assert dict(read_predictions(path)[0].scores) == pytest.approx(
        {"anger": 1e-9 / 3, "rest": 2 / 3}, rel=1e-5
    )


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    write_predictions(path, [prediction()])
    earlier = path.read_text()
    with pytest.raises(RunError, match="one set of labels"):
        write_predictions(path, [prediction("b.wav"), prediction("c.wav", anger=1.0)])
    with pytest.raises(RunError, match="twice with seed 1"):
        write_predictions(path, [prediction("b.wav"), prediction("b.wav")])
    with pytest.raises(RunError, match="no predictions"):
        write_predictions(path, [])
    assert path.read_text() == earlier
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has the columns \(none\); expected file, speaker"),
        ("file,emotion\na.wav,anger\n", "has the columns file, emotion; expected file, speaker"),
        (HEADER.replace(",anger,rest", ""), "then one per label"),
        (HEADER.replace("rest", "anger"), "then one per label"),
        (HEADER, "no row below its header"),
        (HEADER + "a.wav,03,0,1,anger,rest,0.25\n", "line 2, has 7 cells; expected 8"),
        (
            HEADER + "a.wav,03,0,1,anger,joy,0.25,0.75\n",
            "line 2, has the label 'joy'; expected one of anger, rest",
        ),
        (HEADER + "a.wav,03,0,1,anger,rest,much,0.75\n", "line 2, has text instead of a number: .*much"),
        (HEADER + "a.wav,03,x,1,anger,rest,0.25,0.75\n", "line 2, has text instead of a number: .*x"),
        (HEADER + "a.wav,03,0,1,anger,rest,nan,0.75\n", "line 2, has a score that is not finite"),
        (HEADER + 2 * "a.wav,03,0,1,anger,rest,0.25,0.75\n", "has a.wav twice with seed 1"),
        (HEADER + 'a.wav,"03,0,1', "cannot be read as a table"),
    ],
)
def test_the_error_for_a_damaged_table_names_the_line_and_the_cause(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    with pytest.raises(RunError, match=message) as raised:
        read_predictions(path)
    assert str(path) in str(raised.value)


def test_missing_files_folders_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        read_predictions(tmp_path / "predictions.csv")
    with pytest.raises(RunError, match="cannot be read"):
        read_predictions(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match="cannot be read"):
        read_predictions(tmp_path / "binary")

"""The models that ship recognise EmoDB as they did when the files in `records/` were written.

`python tests/behaviour.py record-emodb` writes the records again after an intended change.
"""

import json
from pathlib import Path

import pytest
from behaviour import RECORDS, recognition, training

TOLERANCE = 1e-3  # processors round differently


def compare_with_record(model: str, wav_folder: Path, every: int) -> None:
    """Compare each `every`-th recording with the record."""
    if not wav_folder.is_dir():
        pytest.skip(f"NO REAL SPEECH: {wav_folder} is not a folder")
    record = json.loads(RECORDS[model].read_text(encoding="utf-8"))
    files = sorted(wav_folder.glob("*.wav"))
    assert [file.name for file in files] == list(record)
    for found in recognition(files[::every], model):
        expected = record[found["file"]]
        assert found["label"] == expected["label"], found["file"]
        assert found["scores"] == pytest.approx(expected["scores"], abs=TOLERANCE), found["file"]
        spans = found["timeline"]
        assert [emotion for _, _, emotion, _ in spans] == [emotion for _, _, emotion in expected["spans"]]
        times = [time for start, end, *_ in spans for time in (start, end)]
        recorded = [time for start, end, _ in expected["spans"] for time in (start, end)]
        assert times == pytest.approx(recorded, abs=TOLERANCE), found["file"]


@pytest.mark.parametrize("model", RECORDS)
def test_every_twentieth_recording_of_emodb_has_the_recorded_scores_and_spans(data: Path, model: str) -> None:
    compare_with_record(model, data / "emodb-full" / "wav", every=20)


@pytest.mark.slow
@pytest.mark.parametrize("model", RECORDS)
def test_every_recording_of_emodb_has_the_recorded_scores_and_spans(data: Path, model: str) -> None:
    compare_with_record(model, data / "emodb-full" / "wav", every=1)


@pytest.mark.slow
def test_training_twice_gives_the_same_weights_and_predictions() -> None:
    assert training() == training()

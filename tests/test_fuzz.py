"""Damaged input gives a result or a clear error; `make fuzz` tests more inputs."""

import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz.__main__ import run_survey
from fuzz.check import check_file, check_pipe
from fuzz.folders import sign
from fuzz.networks import INVALID_OUTPUTS, other_networks
from fuzz.ogg import with_checksums
from fuzz.sources import OTHER_FORMATS, RIFF_FORMATS, sources
from fuzz.survey import survey
from fuzz.worker import FORMATS, NO_FILES, format_of_input, make_input

from emotrace.errors import ModelError
from emotrace.inference.recogniser import load

MUTATED = [number for number in range(200) if format_of_input(number) not in NO_FILES]


def test_500_damaged_inputs_are_refused_in_one_line_or_give_a_valid_result() -> None:
    found = run_survey(seed=2_000, count=500)
    assert found.faults == []
    assert found.inputs == 500
    assert set(found.outcomes) == set(FORMATS)


@pytest.mark.parametrize("file_format", [*RIFF_FORMATS, *OTHER_FORMATS])
def test_every_source_file_is_valid_before_it_is_damaged(file_format: str, tiny_model: Path) -> None:
    recogniser = load(tiny_model, threads=1)
    *whole, short = [check_file(recogniser, content) for content in sources(file_format)]
    assert [(verdict.outcome, verdict.fault) for verdict in whole] == [("result", None)] * len(whole)
    assert "expected at least 175 ms" in short.message
    if file_format.startswith("wav") and file_format not in ("wav µ-law", "wav ADPCM"):
        assert check_pipe(recogniser, sources(file_format)[0]).outcome == "result"


def test_a_number_gives_the_same_input_every_time_and_numbers_differ() -> None:
    contents = [make_input(0, number) for number in MUTATED]
    assert contents == [make_input(0, number) for number in MUTATED]
    assert len(set(contents)) > 0.9 * len(contents)


def test_checksums_of_ogg_pages_are_those_of_libraries() -> None:
    for content in sources("vorbis"):
        assert with_checksums(content) == content
        assert with_checksums(with_checksums(content, serial=7), serial=1) == content


@pytest.mark.parametrize("name", INVALID_OUTPUTS)
def test_a_network_with_invalid_output_is_refused(name: str, tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "model.onnx").write_bytes(other_networks(tiny_model)[name]())
    sign(folder)
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 6_700)
    with pytest.raises(ModelError) as error:
        load(folder, threads=1)((samples, 16_000))
    assert str(error.value).isprintable()


WORKER = """
import json, os, signal, sys, time
start, stop = map(int, sys.argv[1:])
for number in range(start, stop):
    print(json.dumps({"number": number}), flush=True)
    if number == 3: os.kill(os.getpid(), signal.SIGSEGV)
    if number == 5: time.sleep(3_600)
    if number == 7: sys.exit()
    print(json.dumps({"number": number, "outcomes": {"file": "result"}, "faults": []}), flush=True)
"""


@pytest.mark.slow
def test_a_survey_reports_crashes_and_hangs_and_continues() -> None:
    found = survey(
        lambda start, stop: [sys.executable, "-c", WORKER, str(start), str(stop)],
        lambda number: "even" if number % 2 == 0 else "odd",
        count=10,
        hang_s=30.0,
    )
    assert found.inputs == 10
    assert [fault.split(":")[0] for fault in found.faults] == [f"input {i} (odd)" for i in (3, 5, 7)]
    assert "code -11" in found.faults[0]
    assert "hung" in found.faults[1]
    assert found.outcomes["even"] == {"file: result": 5}

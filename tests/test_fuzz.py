"""Bad input, systematically, in small; `make fuzz` does it at large."""

import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz.__main__ import survey_of
from fuzz.folders import sign
from fuzz.judge import judge_file, judge_pipe
from fuzz.networks import IMPOSTORS, other_networks
from fuzz.ogg import resealed
from fuzz.sources import OTHER_KINDS, RIFF_KINDS, sources
from fuzz.survey import survey
from fuzz.worker import KINDS, content_of, kind_of

from emotrace.errors import ModelError
from emotrace.inference.recogniser import load

MUTATED = [number for number in range(200) if kind_of(number) != "model folder"]


def test_500_damaged_inputs_are_refused_in_one_line_or_give_what_a_result_may_be() -> None:
    found = survey_of(seed=2_000, count=500)
    assert found.faults == []
    assert found.inputs == 500
    assert set(found.outcomes) == set(KINDS)


@pytest.mark.parametrize("kind", [*RIFF_KINDS, *OTHER_KINDS])
def test_what_is_damaged_was_whole(kind: str, tiny_model: Path) -> None:
    recogniser = load(tiny_model, threads=1)
    *whole, short = [judge_file(recogniser, content) for content in sources(kind)]
    assert [(verdict.outcome, verdict.fault) for verdict in whole] == [("result", None)] * len(whole)
    assert "expected at least 175 ms" in short.said
    if kind.startswith("wav") and kind not in ("wav µ-law", "wav ADPCM"):
        assert judge_pipe(recogniser, sources(kind)[0]).outcome == "result"


def test_an_input_is_the_same_whenever_it_is_made_and_no_two_are_alike() -> None:
    contents = [content_of(0, number) for number in MUTATED]
    assert contents == [content_of(0, number) for number in MUTATED]
    assert len(set(contents)) > 0.9 * len(contents)


def test_pages_of_ogg_are_sealed_as_libraries_seal_them() -> None:
    for content in sources("vorbis"):
        assert resealed(content) == content
        assert resealed(resealed(content, serial=7), serial=1) == content


@pytest.mark.parametrize("name", IMPOSTORS)
def test_a_network_that_gives_what_it_may_not_is_refused(name: str, tiny_model: Path, tmp_path: Path) -> None:
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
def test_a_survey_notices_deaths_and_hangs_and_goes_on() -> None:
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

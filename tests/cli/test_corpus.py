"""`emotrace corpus` as users call it."""

import json

import pytest
from corpora import replicas

from emotrace.cli.app import main


@pytest.fixture
def call(capfd):
    """Call the command line; its exit code, and what it wrote to either stream."""

    def run(*tokens):
        with pytest.raises(SystemExit) as end:
            main(["corpus", *map(str, tokens)])
        return end.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def iemocap(tmp_path):
    return replicas.iemocap(tmp_path / "IEMOCAP_full_release", replicas.iemocap_few())


def test_it_says_where_the_disk_differs_from_the_published_table(call, iemocap):
    code, out, _ = call("iemocap", "--root", iemocap)
    assert code == 0
    assert "iemocap: 40 utterances, 10 speakers" in out
    assert "session 3, happiness: 2 here, 60 published" in out


def test_it_stops_over_missing_audio_unless_told_to_go_on(call, iemocap, caplog):
    gone = iemocap / "Session1" / "sentences" / "wav" / "Ses01F_impro01" / "Ses01F_impro01_F000.wav"
    gone.unlink()
    code, out, err = call("iemocap", "--root", iemocap, "--json")
    assert (code, out) == (2, "")
    assert "lists 1 file that is not there" in err
    assert gone.name in err
    code, out, _ = call("iemocap", "--root", iemocap, "--json", "--allow-missing")
    assert code == 0
    assert json.loads(out)["utterances"] == 39
    assert gone.name in caplog.text


def test_it_writes_a_database_that_it_reads_again(call, trees, tmp_path):
    root, database = trees["emodb"](tmp_path / "corpus"), tmp_path / "database"
    code, out, err = call("emodb", "--root", root, "--json", "--to", "audformat", "--output", database)
    assert code == 0
    assert f"wrote {database}" in err
    written = json.loads(out)
    code, out, _ = call(
        "audformat",
        "--root",
        database,
        "--json",
        "--emotion-column",
        "emotion",
        "--speaker-column",
        "speaker",
    )
    assert code == 0
    assert {**json.loads(out), "corpus": "emodb", "published": written["published"]} == written


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("--to", "audformat"), "--to and --output belong together"),
        (("--output", "somewhere"), "--to and --output belong together"),
        (("--allow-missing",), "synthetic has no option allow_missing; its options: none"),
        (("--emotion-column", "emotion"), "synthetic has no option emotion_column"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(call, tokens, said):
    code, out, err = call("synthetic", *tokens)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1

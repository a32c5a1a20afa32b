"""Claims about `emotrace corpus`."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import replicas


@pytest.fixture
def iemocap(tmp_path):
    return replicas.iemocap(tmp_path / "IEMOCAP_full_release", replicas.iemocap_few())


def test_differences_from_the_published_counts_are_listed(call, iemocap):
    code, out, _ = call("corpus", "iemocap", "--root", iemocap)
    assert code == 0
    assert "iemocap: 40 utterances, 10 speakers" in out
    assert "session 3, happiness: 2 here, 60 published" in out


def test_missing_audio_is_an_error_unless_it_is_allowed(call, iemocap):
    missing = iemocap / "Session1" / "sentences" / "wav" / "Ses01F_impro01" / "Ses01F_impro01_F000.wav"
    missing.unlink()
    code, out, err = call("corpus", "iemocap", "--root", iemocap, "--json")
    assert (code, out) == (2, "")
    assert "unpack all audio, or leave such files out with --allow-missing" in err
    assert missing.name in err
    code, out, err = call("corpus", "iemocap", "--root", iemocap, "--json", "--allow-missing")
    assert code == 0
    assert json.loads(out)["utterances"] == 39
    assert missing.name in err


def tiny_emodb(root: Path) -> Path:
    (root / "wav").mkdir(parents=True)
    for speaker in ("03", "08", "09", "10", "16"):
        for code in "WLEAFTN":
            soundfile.write(root / "wav" / f"{speaker}a01{code}a.wav", np.zeros(4_800), 16_000)
    return root


def test_a_written_audformat_database_is_read_back(call, tmp_path):
    root, database = tiny_emodb(tmp_path / "corpus"), tmp_path / "database"
    code, out, err = call(
        "corpus", "emodb", "--root", root, "--json", "--to", "audformat", "--output", database
    )
    assert code == 0
    assert f"wrote {database}" in err
    written = json.loads(out)
    code, out, _ = call(
        "corpus",
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
    ("tokens", "message"),
    [
        (("--to", "audformat"), "--to and --output need each other"),
        (("--output", "somewhere"), "--to and --output need each other"),
        (("--allow-missing",), "synthetic has no option allow_missing; its options: none"),
        (("--emotion-column", "emotion"), "synthetic has no option emotion_column"),
    ],
)
def test_a_wrong_call_gives_one_line(call, tokens, message):
    code, out, err = call("corpus", "synthetic", *tokens)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_corpus_prints_json(call, corpus_root) -> None:
    code, out, err = call("corpus", "manifest", "--root", corpus_root, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["utterances"], found["by_emotion"]) == (20, {"anger": 10, "sadness": 10})


def test_labels_are_renamed_and_emotions_chosen(call, tmp_path):
    arguments = ("corpus", "emodb", "--root", tiny_emodb(tmp_path), "--json")
    code, out, err = call(*arguments, "--map", "L=neutral,fear=dread", "--emotions", "neutral,dread")
    assert (code, err) == (0, "")
    assert json.loads(out)["by_emotion"] == {"neutral": 10, "dread": 5}
    code, out, err = call(*arguments, "--map", "L:neutral")
    assert (code, out) == (2, "")
    assert "--map is 'L:neutral'; expected pairs such as angry=anger,exc=happiness" in err


def test_a_pattern_finds_the_speakers_of_folders(call, tmp_path):
    for emotion in ("anger", "calm"):
        (tmp_path / emotion).mkdir()
        for speaker in ("anna", "bert"):
            soundfile.write(tmp_path / emotion / f"{speaker}_01.wav", np.zeros(4_800), 16_000)
    code, out, _ = call("corpus", "folders", "--root", tmp_path, "--speaker-pattern", "[a-z]+(?=_)")
    assert code == 0
    assert "folders: 4 utterances, 2 speakers" in out
    code, _, err = call("corpus", "folders", "--root", tmp_path)
    assert code == 2
    assert "use EMOTION/SPEAKER/FILE, or a --speaker-pattern" in err

"""TESS: two actresses; the release has one misspelt name."""

import pytest

from emotrace.corpora import open_corpus
from emotrace.errors import CorpusError


def test_files_may_lie_in_the_root_or_in_folders(sound, trees, tmp_path):
    nested, flat = trees["tess"](tmp_path / "nested"), tmp_path / "flat"
    for path in nested.rglob("*.wav"):
        sound(flat / path.name)
    labels = [
        sorted((utterance.speaker, utterance.code) for utterance in open_corpus("tess", root).utterances)
        for root in (nested, flat)
    ]
    assert labels[0] == labels[1]
    assert len(labels[0]) == 14


def test_the_misspelt_name_belongs_to_the_older_actress(sound, tmp_path):
    sound(tmp_path / "OAF_bite_sad.ogg")
    sound(tmp_path / "OA_bite_neutral.ogg")
    utterances = open_corpus("tess", tmp_path).utterances
    assert [(utterance.speaker, utterance.emotion) for utterance in utterances] == [
        ("OAF", "sadness"),
        ("OAF", "neutral"),
    ]


def test_two_speakers_have_no_folds(trees, tmp_path):
    with pytest.raises(CorpusError, match="OAF and YAF only, too few for training, validation and test"):
        open_corpus("tess", trees["tess"](tmp_path)).folds()

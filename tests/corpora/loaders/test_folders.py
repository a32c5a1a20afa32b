"""Folders named by emotion."""

import pytest

from emotrace.corpora import open_corpus
from emotrace.errors import CorpusError


@pytest.fixture
def named(sound, tmp_path):
    """Files with the speaker in their names."""
    for emotion in ("Anger", "Wut"):
        for speaker in ("anna", "bert"):
            sound(tmp_path / emotion / f"{speaker}_01.wav")
    return tmp_path


def labels(opened):
    return [(utterance.emotion, utterance.code, utterance.speaker) for utterance in opened.utterances]


EXPECTED = [
    ("anger", "Anger", "anna"),
    ("anger", "Anger", "bert"),
    ("Wut", "Wut", "anna"),
    ("Wut", "Wut", "bert"),
]


@pytest.mark.parametrize("pattern", ["[a-z]+(?=_)", "/([a-z]+)_", r"(\w+)/(?P<speaker>[a-z]+)_"])
def test_a_pattern_finds_the_speaker_in_the_path(named, pattern):
    assert labels(open_corpus("folders", named, speaker_pattern=pattern)) == EXPECTED


def test_without_a_pattern_speakers_are_folders(sound, tmp_path):
    for emotion in ("Anger", "Wut"):
        for speaker in ("anna", "bert"):
            sound(tmp_path / emotion / speaker / "monday" / "01.wav")
    assert labels(open_corpus("folders", tmp_path)) == EXPECTED


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (None, "has no folder of a speaker for Anger/anna_01.wav"),
        ("carl", "has no match of 'carl' for Anger/anna_01.wav"),
        ("(x?)", "has no match of"),
        ("(", "is not a regular expression"),
    ],
)
def test_files_without_a_speaker_are_refused(named, pattern, reason):
    options = {} if pattern is None else {"speaker_pattern": pattern}
    with pytest.raises(CorpusError, match=reason.replace("(", r"\(")):
        open_corpus("folders", named, **options)


def test_files_that_are_not_audio_are_ignored(named):
    (named / "Anger" / "notes.txt").write_text("no audio")
    (named / "readme").mkdir()
    assert labels(open_corpus("folders", named, speaker_pattern="[a-z]+(?=_)")) == EXPECTED

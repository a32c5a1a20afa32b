"""Databases in audformat: found, chosen, refused, and written."""

import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from corpora import replicas

from emotrace.corpora import CORPORA, OpenCorpus, open_corpus
from emotrace.corpora.audformat_export import to_audformat
from emotrace.corpora.loaders import synthetic
from emotrace.errors import CorpusError, MissingExtraError

SAID = "file,start,end,emotion,sure\n"


@pytest.fixture
def root(trees, tmp_path):
    return trees["audformat"](tmp_path / "database")


def complaint(root, **options):
    with pytest.raises(CorpusError) as caught:
        open_corpus("audformat", root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_line(root, file, line):
    path = root / file
    path.write_text(path.read_text() + line + "\n")


def change_header(root, old, new):
    text = (root / "db.yaml").read_text()
    assert old in text
    (root / "db.yaml").write_text(text.replace(old, new))


def test_segments_speakers_and_their_sex_are_found(root):
    utterances = open_corpus("audformat", root).utterances
    assert [(u.name, u.emotion, u.code, u.speaker, u.sex) for u in utterances[:3]] == [
        ("audio/a.wav#0.0-0.5", "anger", "anger", "a", "female"),
        ("audio/a.wav#0.5-", "calm", "calm", "a", "female"),
        ("audio/b.wav#0.0-0.5", "anger", "anger", "b", "male"),
    ]
    assert utterances[4].sex is None


def test_whole_files_are_named_by_their_file(root):
    rows = "".join(f"audio/{speaker}.wav,0 days,,anger,0.9\n" for speaker in "abcde")
    (root / "db.said.csv").write_text(SAID + rows)
    assert open_corpus("audformat", root).utterances[0].name == "audio/a.wav"


def test_rows_without_an_emotion_are_left_out(root):
    with_line(root, "db.said.csv", "audio/a.wav,0 days 00:00:00.100000,0 days 00:00:00.200000,,")
    assert len(open_corpus("audformat", root).utterances) == 10


def test_parquet_is_read_as_csv_is(root):
    audformat = pytest.importorskip("audformat")
    before = open_corpus("audformat", root).utterances
    database = audformat.Database.load(str(root))
    database.save(str(root), storage_format="parquet")
    for path in root.glob("db.*.csv"):
        path.unlink()
    assert open_corpus("audformat", root).utterances == before


def second_gold(root):
    """A second column whose scheme is the emotions', in a table of its own."""
    change_header(
        root,
        "tables:\n",
        "tables:\n  gold:\n    type: filewise\n    columns:\n      label: {scheme_id: emotion}\n",
    )
    rows = "".join(f"audio/{speaker}.wav,calm\n" for speaker in "abcde")
    (root / "db.gold.csv").write_text("file,label\n" + rows)


def test_several_columns_of_emotions_are_listed_to_choose_from(root):
    second_gold(root)
    assert complaint(root).endswith(
        "2 columns for the emotion; choose with --emotion-column one of gold/label, said/emotion"
    )
    for asked in ("gold/label", "label"):
        assert open_corpus("audformat", root, emotion_column=asked).emotions == ("calm",)
    assert open_corpus("audformat", root, emotion_column="said/emotion").emotions == ("anger", "calm")


def test_no_column_of_emotions_and_an_unknown_one_list_all_there_are(root):
    known = "one of files/speaker, said/emotion, said/sure"
    assert f"no column mood for the emotion; choose with --emotion-column {known}" in complaint(
        root, emotion_column="mood"
    )
    change_header(root, "emotion", "feeling")
    (root / "db.said.csv").write_text((root / "db.said.csv").read_text().replace("emotion", "feeling"))
    assert (
        "no column for the emotion; choose with --emotion-column one of files/speaker, said/feeling"
        in complaint(root)
    )
    assert open_corpus("audformat", root, emotion_column="feeling").emotions == ("anger", "calm")


def test_the_column_of_speakers_can_be_chosen(root):
    change_header(root, "speaker: {scheme_id: speaker}", "who: {scheme_id: confidence}")
    rows = "".join(f"audio/{speaker}.wav,{number}\n" for number, speaker in enumerate("abcde"))
    (root / "db.files.csv").write_text("file,who\n" + rows)
    assert (
        "no column for the speaker; choose with --speaker-column one of files/who, said/emotion"
        in complaint(root)
    )
    assert len(open_corpus("audformat", root, speaker_column="files/who").speakers) == 5


def test_an_utterance_without_a_speaker_is_refused(root):
    text = (root / "db.files.csv").read_text()
    (root / "db.files.csv").write_text(text.replace("audio/b.wav,b\n", ""))
    assert "names no speaker for 2 utterances: audio/b.wav#0.0-0.5, audio/b.wav#0.5-" in complaint(root)


def test_missing_audio_is_named_and_counted_and_stops_the_reading(root, caplog):
    (root / "audio" / "c.wav").unlink()
    assert "lists 2 files that are not there: audio/c.wav#0.0-0.5, audio/c.wav#0.5-" in complaint(root)
    assert open_corpus("audformat", root, allow_missing=True).speakers == ("a", "b", "d", "e")
    assert "audio/c.wav" in caplog.text


@pytest.mark.parametrize("file", ["/etc/a.wav", "../a.wav", "audio/../../a.wav", "C:/a.wav"])
def test_audio_outside_the_database_is_refused(root, file):
    with_line(root, "db.said.csv", f"{file},0 days,,calm,0.5")
    assert f"lists {file}, which is not below" in complaint(root)


def test_a_segment_that_ends_before_it_starts_is_refused(root):
    with_line(root, "db.said.csv", "audio/a.wav,0 days 00:00:00.500000,0 days 00:00:00.200000,calm,0.5")
    assert "audio/a.wav#0.5-0.2, which ends before it starts" in complaint(root)


class Trap:
    """What runs a command where it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_table_stored_as_a_pickle_alone_is_refused_unread(root, tmp_path):
    sprung = tmp_path / "sprung"
    (root / "db.files.csv").unlink()
    (root / "db.files.pkl").write_bytes(pickle.dumps(Trap(f"touch {sprung}")))
    assert "has the table files only as a pickle" in complaint(root)
    assert not sprung.exists()


def test_a_pickle_beside_a_table_is_never_read_whatever_its_age(root, tmp_path):
    before = open_corpus("audformat", root).utterances
    sprung = tmp_path / "sprung"
    for table, age in (("files", 1e9), ("said", 4e9)):
        path = root / f"db.{table}.pkl"
        path.write_bytes(pickle.dumps(Trap(f"touch {sprung}")))
        os.utime(path, (age, age))
    assert open_corpus("audformat", root).utterances == before
    assert not sprung.exists()


def test_a_header_that_would_run_something_is_refused_unrun(root, tmp_path):
    sprung = tmp_path / "sprung"
    change_header(root, "source: made in code", f'source: !!python/object/apply:os.system ["touch {sprung}"]')
    assert "is not the plain YAML of an audformat header" in complaint(root)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  files:\n", "  ../files:\n", "a table's name is letters"),
        ("  files:\n", "  fires:\n", "has no db.fires.csv, though db.yaml lists that table"),
        ("name: little\n", "", "is not an audformat header, which has name, source and usage"),
        ("usage: unrestricted", "usage: whatever", "cannot be read as an audformat database"),
        ("{scheme_id: emotion}", "{scheme_id: mood}", "cannot be read as an audformat database"),
    ],
)
def test_a_damaged_header_is_refused_in_one_line(root, old, new, said):
    change_header(root, old, new)
    assert said in complaint(root)


def test_a_damaged_table_is_refused_in_one_line(root):
    with_line(root, "db.said.csv", "audio/a.wav,soon,later,calm,0.5")
    assert "cannot be read as an audformat database" in complaint(root)


def test_without_the_package_the_error_says_what_brings_it(root, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "audformat", None)
    with pytest.raises(MissingExtraError, match=r'pip install "emotrace\[train\]"'):
        open_corpus("audformat", root)


@pytest.mark.parametrize("name", ["emodb", "ravdess", "manifest", "iemocap", "fau-aibo"])
def test_what_is_written_reads_back_the_same(name, trees, tmp_path):
    opened = open_corpus(name, trees[name](tmp_path / "corpus"))
    to_audformat(opened, tmp_path / "database")
    back = open_corpus("audformat", tmp_path / "database").utterances
    assert back == tuple(replace(utterance, code=utterance.emotion) for utterance in opened.utterances)
    for one, other in zip(opened.utterances, back, strict=True):
        assert other.audio.read_bytes() == one.audio.read_bytes()


def test_the_package_reads_what_is_written(trees, tmp_path):
    audformat = pytest.importorskip("audformat")
    opened = open_corpus("iemocap", replicas.iemocap(tmp_path / "corpus", replicas.iemocap_few()))
    to_audformat(opened, tmp_path / "database")
    table = audformat.Database.load(str(tmp_path / "database"))["utterances"].df
    assert len(table) == len(opened.utterances)
    assert set(table["code"]) == {"neu", "hap", "sad", "ang"}
    assert set(table["session"]) == {"1", "2", "3", "4", "5"}


def test_made_speech_is_written_as_sound(tmp_path):
    few = OpenCorpus(CORPORA["synthetic"], tuple(synthetic.utterances(speakers=1, each=1)))
    to_audformat(few, tmp_path / "database")
    samples, rate = soundfile.read(tmp_path / "database" / f"{few.utterances[0].name}.wav", dtype="float32")
    assert rate == 16000
    assert np.array_equal(samples, few.utterances[0].audio[0])


def test_nothing_is_written_over_or_outside(trees, sound, tmp_path):
    opened = open_corpus("manifest", trees["manifest"](tmp_path / "corpus"))
    with pytest.raises(CorpusError, match="is not an empty folder"):
        to_audformat(opened, tmp_path / "corpus")
    sound(tmp_path / "a.wav")
    (tmp_path / "corpus" / "up.csv").write_text("file,emotion,speaker\n../a.wav,anger,x\n")
    with pytest.raises(CorpusError, match="lies outside its corpus's folder"):
        to_audformat(open_corpus("manifest", tmp_path / "corpus" / "up.csv"), tmp_path / "database")


def test_known_emotions_are_written_alike(root):
    change_header(root, "labels: [anger, calm]", "labels: [Anger, calm]")
    text = (root / "db.said.csv").read_text()
    (root / "db.said.csv").write_text(text.replace("anger", "Anger"))
    first = open_corpus("audformat", root).utterances[0]
    assert (first.emotion, first.code) == ("anger", "Anger")

"""Databases in audformat: reading, choice of columns, refusals, writing."""

import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from corpora import replicas

from emotrace.corpora import CORPORA, OpenCorpus, open_corpus
from emotrace.corpora.audformat_export import write_audformat
from emotrace.corpora.loaders import synthetic
from emotrace.errors import CorpusError, MissingExtraError

LABELS = "file,start,end,emotion,sure\n"


@pytest.fixture
def root(trees, tmp_path):
    return trees["audformat"](tmp_path / "database")


def error_message(root, **options):
    with pytest.raises(CorpusError) as caught:
        open_corpus("audformat", root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def append_line(root, file, line):
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
    (root / "db.labels.csv").write_text(LABELS + rows)
    assert open_corpus("audformat", root).utterances[0].name == "audio/a.wav"


def test_rows_without_an_emotion_are_left_out(root):
    append_line(root, "db.labels.csv", "audio/a.wav,0 days 00:00:00.100000,0 days 00:00:00.200000,,")
    assert len(open_corpus("audformat", root).utterances) == 10


def test_parquet_and_csv_give_the_same_utterances(root):
    audformat = pytest.importorskip("audformat")
    before = open_corpus("audformat", root).utterances
    database = audformat.Database.load(str(root))
    database.save(str(root), storage_format="parquet")
    for path in root.glob("db.*.csv"):
        path.unlink()
    assert open_corpus("audformat", root).utterances == before


def add_second_emotion_column(root):
    """Add a second column with the scheme of the emotions, in another table."""
    change_header(
        root,
        "tables:\n",
        "tables:\n  gold:\n    type: filewise\n    columns:\n      label: {scheme_id: emotion}\n",
    )
    rows = "".join(f"audio/{speaker}.wav,calm\n" for speaker in "abcde")
    (root / "db.gold.csv").write_text("file,label\n" + rows)


def test_the_error_for_several_emotion_columns_lists_them(root):
    add_second_emotion_column(root)
    assert error_message(root).endswith(
        "2 columns for the emotion; choose with --emotion-column one of gold/label, labels/emotion"
    )
    for column in ("gold/label", "label"):
        assert open_corpus("audformat", root, emotion_column=column).emotions == ("calm",)
    assert open_corpus("audformat", root, emotion_column="labels/emotion").emotions == ("anger", "calm")


def test_the_error_for_a_missing_emotion_column_lists_all_columns(root):
    known = "one of files/speaker, labels/emotion, labels/sure"
    assert f"no column mood for the emotion; choose with --emotion-column {known}" in error_message(
        root, emotion_column="mood"
    )
    change_header(root, "emotion", "feeling")
    (root / "db.labels.csv").write_text((root / "db.labels.csv").read_text().replace("emotion", "feeling"))
    assert (
        "no column for the emotion; choose with --emotion-column one of files/speaker, labels/feeling"
        in error_message(root)
    )
    assert open_corpus("audformat", root, emotion_column="feeling").emotions == ("anger", "calm")


def test_the_column_of_speakers_can_be_chosen(root):
    change_header(root, "speaker: {scheme_id: speaker}", "who: {scheme_id: confidence}")
    rows = "".join(f"audio/{speaker}.wav,{number}\n" for number, speaker in enumerate("abcde"))
    (root / "db.files.csv").write_text("file,who\n" + rows)
    assert (
        "no column for the speaker; choose with --speaker-column one of files/who, labels/emotion"
        in error_message(root)
    )
    assert len(open_corpus("audformat", root, speaker_column="files/who").speakers) == 5


def test_an_utterance_without_a_speaker_is_refused(root):
    text = (root / "db.files.csv").read_text()
    (root / "db.files.csv").write_text(text.replace("audio/b.wav,b\n", ""))
    assert "has no speaker for 2 utterances: audio/b.wav#0.0-0.5, audio/b.wav#0.5-" in error_message(root)


def test_missing_audio_is_refused_unless_allowed(root, caplog):
    (root / "audio" / "c.wav").unlink()
    assert "lists 2 files that do not exist: audio/c.wav#0.0-0.5, audio/c.wav#0.5-" in error_message(root)
    assert open_corpus("audformat", root, allow_missing=True).speakers == ("a", "b", "d", "e")
    assert "audio/c.wav" in caplog.text


@pytest.mark.parametrize("file", ["/etc/a.wav", "../a.wav", "audio/../../a.wav", "C:/a.wav"])
def test_audio_outside_the_database_is_refused(root, file):
    append_line(root, "db.labels.csv", f"{file},0 days,,calm,0.5")
    assert f"lists {file}, which is not below" in error_message(root)


def test_a_segment_that_ends_before_it_starts_is_refused(root):
    append_line(root, "db.labels.csv", "audio/a.wav,0 days 00:00:00.500000,0 days 00:00:00.200000,calm,0.5")
    assert "audio/a.wav#0.5-0.2, which ends before it starts" in error_message(root)


class MaliciousPickle:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_table_stored_only_as_a_pickle_is_refused_without_reading_it(root, tmp_path):
    marker = tmp_path / "marker"
    (root / "db.files.csv").unlink()
    (root / "db.files.pkl").write_bytes(pickle.dumps(MaliciousPickle(f"touch {marker}")))
    assert "has the table files only as a pickle" in error_message(root)
    assert not marker.exists()


def test_a_pickle_beside_a_table_is_never_read_whatever_its_age(root, tmp_path):
    before = open_corpus("audformat", root).utterances
    marker = tmp_path / "marker"
    for table, age in (("files", 1e9), ("labels", 4e9)):
        path = root / f"db.{table}.pkl"
        path.write_bytes(pickle.dumps(MaliciousPickle(f"touch {marker}")))
        os.utime(path, (age, age))
    assert open_corpus("audformat", root).utterances == before
    assert not marker.exists()


def test_a_header_with_executable_tags_is_refused_without_running_them(root, tmp_path):
    marker = tmp_path / "marker"
    change_header(root, "source: a test", f'source: !!python/object/apply:os.system ["touch {marker}"]')
    assert "is not the plain YAML of an audformat header" in error_message(root)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  files:\n", "  ../files:\n", "expected a name of letters"),
        ("  files:\n", "  fires:\n", "has no db.fires.csv, though db.yaml lists that table"),
        ("name: little\n", "", "is not an audformat header; expected name, source and usage"),
        ("usage: unrestricted", "usage: whatever", "cannot be read as an audformat database"),
        ("{scheme_id: emotion}", "{scheme_id: mood}", "cannot be read as an audformat database"),
    ],
)
def test_a_damaged_header_is_refused_in_one_line(root, old, new, message):
    change_header(root, old, new)
    assert message in error_message(root)


def test_a_damaged_table_is_refused_in_one_line(root):
    append_line(root, "db.labels.csv", "audio/a.wav,soon,later,calm,0.5")
    assert "cannot be read as an audformat database" in error_message(root)


def test_the_error_for_a_missing_package_names_the_extra(root, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "audformat", None)
    with pytest.raises(MissingExtraError, match=r'pip install "emotrace\[train\]"'):
        open_corpus("audformat", root)


@pytest.mark.parametrize("name", ["emodb", "ravdess", "manifest", "iemocap", "fau-aibo"])
def test_a_written_database_reads_back_the_same(name, trees, tmp_path):
    opened = open_corpus(name, trees[name](tmp_path / "corpus"))
    write_audformat(opened, tmp_path / "database")
    back = open_corpus("audformat", tmp_path / "database").utterances
    assert back == tuple(replace(utterance, code=utterance.emotion) for utterance in opened.utterances)
    for one, other in zip(opened.utterances, back, strict=True):
        assert other.audio.read_bytes() == one.audio.read_bytes()


def test_audformat_reads_a_written_database(trees, tmp_path):
    audformat = pytest.importorskip("audformat")
    opened = open_corpus("iemocap", replicas.iemocap(tmp_path / "corpus", replicas.iemocap_few()))
    write_audformat(opened, tmp_path / "database")
    table = audformat.Database.load(str(tmp_path / "database"))["utterances"].df
    assert len(table) == len(opened.utterances)
    assert set(table["code"]) == {"neu", "hap", "sad", "ang"}
    assert set(table["session"]) == {"1", "2", "3", "4", "5"}


def test_synthetic_speech_is_written_as_audio_files(tmp_path):
    few = OpenCorpus(CORPORA["synthetic"], tuple(synthetic.utterances(speakers=1, each=1)))
    write_audformat(few, tmp_path / "database")
    samples, rate = soundfile.read(tmp_path / "database" / f"{few.utterances[0].name}.wav", dtype="float32")
    assert rate == 16000
    assert np.array_equal(samples, few.utterances[0].audio[0])


def test_existing_folders_and_audio_outside_the_corpus_are_refused(trees, sound, tmp_path):
    opened = open_corpus("manifest", trees["manifest"](tmp_path / "corpus"))
    with pytest.raises(CorpusError, match="is not an empty folder"):
        write_audformat(opened, tmp_path / "corpus")
    sound(tmp_path / "a.wav")
    (tmp_path / "corpus" / "up.csv").write_text("file,emotion,speaker\n../a.wav,anger,x\n")
    with pytest.raises(CorpusError, match="lies outside its corpus's folder"):
        write_audformat(open_corpus("manifest", tmp_path / "corpus" / "up.csv"), tmp_path / "database")


def test_known_emotions_are_lower_case(root):
    change_header(root, "labels: [anger, calm]", "labels: [Anger, calm]")
    text = (root / "db.labels.csv").read_text()
    (root / "db.labels.csv").write_text(text.replace("anger", "Anger"))
    first = open_corpus("audformat", root).utterances[0]
    assert (first.emotion, first.code) == ("anger", "Anger")

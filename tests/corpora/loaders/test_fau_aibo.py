"""The FAU Aibo Emotion Corpus, on a replica of all 18216 chunks."""

from collections import Counter

import pytest
from corpora import replicas

from emotrace.corpora import open_corpus
from emotrace.corpora.summary import summarise
from emotrace.errors import CorpusError
from emotrace.training.split import final_split

LABELS = "labels/IS2009EmotionChallenge/chunk_labels_5cl_corpus.txt"
CHILDREN = {"Ohm": list(range(1, 8)), "Mont": [1, 2]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return replicas.fau_aibo(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def few(tmp_path):
    return replicas.fau_aibo(tmp_path, replicas.fau_aibo_few(), CHILDREN)


def test_the_papers_chunks_are_found_in_each_school_and_class(whole, caplog):
    utterances = open_corpus("fau-aibo", whole).utterances
    found = Counter((utterance.session, utterance.code) for utterance in utterances)
    assert found == {
        (school, code): n for school, counts in replicas.TABLE_2.items() for code, n in counts.items()
    }
    assert Counter(utterance.session for utterance in utterances) == {"Ohm": 9959, "Mont": 8257}
    assert Counter(utterance.emotion for utterance in utterances) == {
        "anger": 1492,
        "emphatic": 3601,
        "neutral": 10967,
        "positive": 889,
        "rest": 1267,
    }
    assert not caplog.records


def test_one_school_trains_and_validates_and_the_other_tests(whole):
    opened = open_corpus("fau-aibo", whole)
    (fold,) = opened.folds()
    assert fold.validation == ("Ohm_27", "Ohm_28", "Ohm_29", "Ohm_31", "Ohm_32")  # the last five in order
    assert len(fold.train) == 21
    assert {speaker[:4] for speaker in fold.train} == {"Ohm_"}
    assert fold.test == tuple(f"Mont_{n:02}" for n in range(1, 26))
    assert opened.protocol == "fau-aibo-5-train-ohm21-validate-ohm5-test-mont25"


def test_the_final_split_has_no_speaker_of_the_test_school(whole):
    part = final_split(open_corpus("fau-aibo", whole))
    assert {speaker[:4] for speaker in (*part.train, *part.validation)} == {"Ohm_"}
    assert len(part.train) == 21


def test_the_replica_matches_what_is_published(whole):
    assert summarise(open_corpus("fau-aibo", whole)).as_dict()["published"] == {
        "matches": True,
        "differences": [],
    }


def test_differences_are_listed_by_school_and_class(few):
    differences = summarise(open_corpus("fau-aibo", few)).as_dict()["published"]["differences"]
    assert "session Mont, positive: 7 here, 215 published" in differences
    assert "speakers: 9 here, 51 published" in differences


@pytest.mark.parametrize(("school", "purpose"), [("Ohm", "needed to train"), ("Mont", "needed to test")])
@pytest.mark.parametrize("allow_missing", [True, False])
def test_a_missing_school_is_refused(few, school, purpose, allow_missing):
    lines = (few / LABELS).read_text().splitlines()
    (few / LABELS).write_text("\n".join(line for line in lines if not line.startswith(school)))
    with pytest.raises(CorpusError, match=f"no chunk of the school {school}, {purpose}"):
        open_corpus("fau-aibo", few, allow_missing=allow_missing)


def test_a_school_without_audio_is_refused_even_where_missing_audio_is_allowed(few):
    for path in (few / "wav").glob("Mont*"):
        path.unlink()
    with pytest.raises(CorpusError, match="no chunk of the school Mont"):
        open_corpus("fau-aibo", few, allow_missing=True)


def test_missing_audio_is_refused_unless_allowed(few, caplog):
    before = open_corpus("fau-aibo", few).utterances
    for name in ("Ohm_01_001_00", "Ohm_01_001_01"):
        (few / "wav" / f"{name}.wav").unlink()
    with pytest.raises(
        CorpusError, match=r"2 files that do not exist: wav/Ohm_01_001_00.wav, .*--allow-missing"
    ):
        open_corpus("fau-aibo", few)
    after = open_corpus("fau-aibo", few, allow_missing=True).utterances
    assert {u.name for u in before} - {u.name for u in after} == {
        "wav/Ohm_01_001_00.wav",
        "wav/Ohm_01_001_01.wav",
    }
    assert "Ohm_01_001_00" in caplog.text


def test_lines_with_a_byte_order_mark_windows_ends_and_no_confidence_are_read(few):
    before = open_corpus("fau-aibo", few).utterances
    lines = (few / LABELS).read_text().splitlines()
    text = "\ufeff" + "\r\n".join(line.rsplit(" ", 1)[0] for line in lines) + "\r\n\r\n"
    (few / LABELS).write_bytes(text.encode())
    assert open_corpus("fau-aibo", few).utterances == before


def test_unknown_lines_are_left_out_with_a_warning(few, caplog):
    before = open_corpus("fau-aibo", few).utterances
    with (few / LABELS).open("a") as file:
        file.write("Ohm_01_900_00 X 0.5\n")
    assert open_corpus("fau-aibo", few).utterances == before
    assert "left out 1 line not like" in caplog.text


def test_a_chunk_labelled_twice_is_refused(few):
    with (few / LABELS).open("a") as file:
        file.write("Ohm_01_001_00 R 0.5\n")
    with pytest.raises(CorpusError, match="line 71: Ohm_01_001_00 is labelled twice"):
        open_corpus("fau-aibo", few)


def test_five_children_are_too_few_to_train_and_validate(tmp_path):
    root = replicas.fau_aibo(tmp_path, replicas.fau_aibo_few(), {"Ohm": [1, 2, 3, 4, 5], "Mont": [1]})
    with pytest.raises(CorpusError, match="found 5 children of the school Ohm"):
        open_corpus("fau-aibo", root).folds()

"""CREMA-D, on a replica of all 7442 utterances."""

import pytest
from corpora import replicas

from emotrace.corpora import open_corpus
from emotrace.corpora.summary import summarise
from emotrace.errors import CorpusError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return replicas.crema_d(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def few(tmp_path):
    return replicas.crema_d(tmp_path, actors=7, sentences=1)


def test_the_replica_matches_what_is_published(whole, caplog):
    result = summarise(open_corpus("crema-d", whole)).as_dict()
    assert result["utterances"] == 7442
    assert result["by_emotion"] == {
        "anger": 1271,
        "happiness": 1271,
        "sadness": 1271,
        "neutral": 1087,
        "fear": 1271,
        "disgust": 1271,
    }
    assert result["published"] == {"matches": True, "differences": []}
    assert not caplog.records


def test_five_folds_of_actors_in_order(whole):
    opened = open_corpus("crema-d", whole)
    folds = opened.folds()
    assert [fold.name for fold in folds] == ["1001-1019", "1020-1037", "1038-1055", "1056-1073", "1074-1091"]
    assert folds[0].validation == ("1020", "1021")
    assert folds[4].validation == ("1001", "1002")
    assert opened.protocol == "crema-d-6-5fold-91actors"


def test_sex_is_read_from_the_table_of_actors(few):
    assert {utterance.sex for utterance in open_corpus("crema-d", few).utterances} == {None}
    table = (
        "ActorID,Age,Sex,Race,Ethnicity\r\n1001,51,Male,Caucasian,Not Hispanic\r\n1002,21,Female,Asian,\r\n"
    )
    (few / "VideoDemographics.csv").write_text(table, newline="")
    sexes = {utterance.speaker: utterance.sex for utterance in open_corpus("crema-d", few).utterances}
    assert (sexes["1001"], sexes["1002"], sexes["1003"]) == ("male", "female", None)


def test_a_table_of_actors_without_the_columns_is_refused(few):
    (few / "VideoDemographics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CorpusError, match="has no columns ActorID and Sex"):
        open_corpus("crema-d", few)

"""Labels can be renamed, and corpora restricted to some emotions."""

import pytest

from emotrace.corpora import open_corpus
from emotrace.corpora.labels import near_name, select_labels
from emotrace.corpora.summary import CorpusSummary
from emotrace.errors import CorpusError


@pytest.fixture
def manifest(sound, tmp_path):
    """A manifest with labels of a user."""
    rows = ["file,emotion,speaker"]
    for speaker in "abcd":
        for label in ("angry", "Joyful", "neutral"):
            sound(tmp_path / f"{speaker}_{label}.wav")
            rows.append(f"{speaker}_{label}.wav,{label},{speaker}")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_labels_are_renamed_and_codes_kept(manifest):
    opened = open_corpus("manifest", manifest, label_map={"angry": "anger", "Joyful": "happiness"})
    assert opened.emotions == ("anger", "happiness", "neutral")
    assert {utterance.code for utterance in opened.utterances} == {"angry", "Joyful", "neutral"}
    assert opened.label_map == {"angry": "anger", "Joyful": "happiness"}


def test_codes_of_a_corpus_are_renamed(trees, tmp_path):
    root = trees["iemocap-all-six"](tmp_path)
    opened = open_corpus("iemocap-all-six", root, label_map={"exc": "happiness"})
    merged = open_corpus("iemocap-all-exc", root, emotions=["happiness"])
    assert [u.name for u in opened.utterances if u.emotion == "happiness"] == [
        u.name for u in merged.utterances
    ]


def test_emotions_are_chosen_by_their_new_names(manifest):
    opened = open_corpus("manifest", manifest, label_map={"angry": "anger"}, emotions=["neutral", "anger"])
    assert opened.emotions == ("anger", "neutral")
    assert len(opened.utterances) == 8


def test_an_open_corpus_is_restricted(manifest):
    opened = open_corpus("manifest", manifest)
    assert open_corpus(opened, emotions=["neutral"]) == select_labels(opened, emotions=["neutral"])


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"label_map": {"furious": "anger"}}, "has no label furious to rename; expected one of"),
        ({"label_map": {"angry": " "}}, "the new name of angry is empty"),
        ({"emotions": ["anger"]}, "has no emotion anger; expected some of neutral, Joyful, angry"),
        ({"emotions": []}, "no emotion is chosen"),
        ({"emotions": "neutral"}, "found the emotion 'neutral' alone, expected a list"),
    ],
)
def test_unknown_labels_are_refused(manifest, choice, reason):
    with pytest.raises(CorpusError, match=reason):
        open_corpus("manifest", manifest, **choice)


def test_near_names_are_reported_with_the_option_that_renames_them(manifest, caplog):
    open_corpus("manifest", manifest)
    assert caplog.messages == ["manifest: found angry for anger; to rename, add --map angry=anger"]


def test_renamed_labels_are_not_reported(manifest, caplog):
    open_corpus("manifest", manifest, label_map={"angry": "anger"})
    assert not caplog.records


@pytest.mark.parametrize(
    ("label", "noun"),
    [
        ("angry", "anger"),
        ("Sad", "sadness"),
        ("suprise", "surprise"),
        ("happines", "happiness"),
        ("Anger", "anger"),
        ("fear ", "fear"),
        ("anger", None),
        ("awe", None),
        ("pride", None),
        ("contempt", None),
    ],
)
def test_only_other_spellings_of_known_emotions_are_near(label, noun):
    assert near_name(label) == noun


def test_published_counts_are_those_of_the_chosen_emotions(trees, tmp_path):
    opened = open_corpus("emodb", trees["emodb"](tmp_path), emotions=["anger", "fear"])
    assert CorpusSummary(opened, 0.0, {}).as_dict()["published"]["differences"] == [
        "anger: 5 here, 127 published",
        "fear: 5 here, 69 published",
        "speakers: 5 here, 10 published",
    ]
    assert opened.protocol == "emodb-2-loso5"


def test_the_four_emotions_of_the_whole_emodb_are_its_smaller_edition(data):
    chosen = open_corpus("emodb", data / "emodb-full", emotions=["anger", "happiness", "sadness", "neutral"])
    assert chosen.utterances == open_corpus("emodb", data / "emodb").utterances
    assert chosen.protocol == "emodb-4-loso10"
    assert CorpusSummary(chosen, 0.0, {}).as_dict()["published"]["matches"]

"""Several corpora are read as one, and one of them can be left out."""

from pathlib import Path

import pytest

from emotrace.corpora import Fold, Utterance, open_corpus
from emotrace.corpora.protocols import (
    choose_protocol,
    collection_folds,
    corpus_out_folds,
    refuse_trained_corpora,
)
from emotrace.errors import CorpusError


@pytest.fixture
def root(trees, tmp_path):
    return trees["collection"](tmp_path)


@pytest.fixture
def opened(root):
    return open_corpus("collection", root)


def test_names_and_speakers_of_corpora_do_not_collide(opened, root):
    assert {u.corpus for u in opened.utterances} == {"emodb", "emovo"}
    for utterance in opened.utterances:
        assert utterance.name.startswith(f"{utterance.corpus}/")
        assert utterance.speaker.startswith(f"{utterance.corpus}/")
    assert len(opened.speakers) == 5 + 4
    assert open_corpus("collection", root / "collection.toml").utterances == opened.utterances


def test_labels_and_weights_are_those_of_the_file(opened):
    emovo = [u for u in opened.utterances if u.corpus == "emovo"]
    assert {u.emotion for u in emovo if u.code == "sor"} == {"fear"}
    assert {u.corpus_weight for u in emovo} == {2.0}


def test_emotions_of_all_corpora_are_chosen(root):
    text = (root / "collection.toml").read_text()
    (root / "collection.toml").write_text('emotions = ["anger", "boredom"]\n' + text)
    opened = open_corpus("collection", root)
    assert {(u.corpus, u.emotion) for u in opened.utterances} == {
        ("emodb", "anger"),
        ("emodb", "boredom"),
        ("emovo", "anger"),
    }


def test_environment_variables_name_the_root(root, monkeypatch):
    monkeypatch.setenv("SPEECH", str(root))
    path = root / "other.toml"
    path.write_text('[corpora.emodb]\nroot = "$SPEECH/berlin"\n[corpora.emovo]\nroot = "${SPEECH}/emovo"\n')
    assert len(open_corpus("collection", path).utterances) == 35 + 28


TWO = '[corpora.emodb]\nroot = "berlin"\n[corpora.emovo]\nroot = "emovo"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("corpora = ", "is not a TOML file"),
        ("", r"found no corpus, expected two or more tables \[corpora.NAME\]; add one"),
        ("corpora = 3", r"corpora is 3, expected two or more tables \[corpora.NAME\]"),
        ("corpora.emodb = 3", "corpora.emodb is 3, expected a table"),
        ('[corpora.emodb]\nroot = "berlin"', r"found 1 of the tables \[corpora.NAME\], expected two or more"),
        (TWO + "weight = 0", "corpora.emovo.weight is 0, expected a number above 0; correct it"),
        (TWO + "weight = 'much'", "corpora.emovo.weight is 'much', expected a number above 0"),
        (TWO + 'emotions = "anger"', "corpora.emovo.emotions is 'anger', expected a list, such as"),
        ("emotions = [3]\n" + TWO, "emotions.0 is 3, expected a list, such as"),
        (TWO + "map = { exc = 3 }", "corpora.emovo.map.exc is 3, expected new names, such as"),
        (TWO + "colour = true", "emovo: emovo has no option colour"),
        (TWO.replace('"emovo"', '"nowhere"'), "emovo: .*nowhere does not exist"),
        (TWO.replace("corpora.emodb", "corpora.joy"), "joy: unknown corpus joy"),
        ('emotions = ["joy"]\n' + TWO, "no corpus has the emotion joy"),
        ('emotions = ["boredom"]\n' + TWO, "emovo has none of the emotions boredom"),
        (
            "speakers = 3\n" + TWO,
            "found the key speakers, expected corpora and emotions; remove or correct it",
        ),
        (TWO + '[corpora."a/b"]\ncorpus = "synthetic"', "found the name 'a/b'"),
        (TWO + '[corpora.again]\ncorpus = "collection"\nroot = "."', "again is a collection itself"),
        (
            TWO + '[corpora.again]\ncorpus = "emodb"\nroot = "berlin"',
            r"again has the corpus emodb; name it \[corpora.emodb\]",
        ),
        (TWO.replace("corpora.emovo", "corpora.nemo") + 'corpus = "folders"', "nemo has the corpus folders"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_place(root, text, reason):
    (root / "collection.toml").write_text(text)
    with pytest.raises(CorpusError, match=reason) as caught:
        open_corpus("collection", root)
    assert "\n" not in str(caught.value)


def test_the_same_recordings_under_two_names_are_refused(trees, tmp_path):
    trees["folders"](tmp_path / "mine")
    path = tmp_path / "two.toml"
    members = [f'[corpora.{name}]\ncorpus = "folders"\nroot = "mine"\n' for name in "ab"]
    path.write_text("".join(members))
    with pytest.raises(CorpusError, match="a and b are the same corpus"):
        open_corpus("collection", path)


def speakers(**counts: int) -> list[Utterance]:
    """One utterance of each speaker of some corpora."""
    return [
        Utterance(f"{corpus}/{i}", Path(), "anger", "W", f"{corpus}/{i:02}", corpus=corpus)
        for corpus, n in counts.items()
        for i in range(n)
    ]


def test_no_corpus_is_on_both_sides_of_a_fold():
    utterances = speakers(a=9, b=4, c=2)
    folds = corpus_out_folds(utterances)
    assert [fold.name for fold in folds] == ["a", "b", "c"]
    for fold in folds:
        assert {speaker[0] for speaker in fold.test} == {fold.name}
        assert fold.name not in {speaker[0] for speaker in (*fold.train, *fold.validation)}
        assert len(fold.train) + len(fold.validation) + len(fold.test) == 15
    assert [fold.validation for fold in folds] == [("b/00",), ("a/00", "a/01"), ("a/00", "a/01", "b/00")]


def test_a_fold_that_trains_on_its_test_corpus_is_refused():
    fold = Fold("a", train=("a/01", "b/00"), validation=("b/01",), test=("a/00",))
    with pytest.raises(CorpusError, match="fold a trains on a and tests it too"):
        refuse_trained_corpora(fold, speakers(a=2, b=2))


def test_tiny_corpora_have_a_validation_speaker():
    assert [fold.validation for fold in corpus_out_folds(speakers(a=2, b=3))] == [("b/00",), ("a/00",)]


def test_by_default_a_part_of_every_corpus_is_tested():
    utterances = speakers(a=10, b=5, c=2)
    folds = collection_folds(utterances)
    assert [fold.test for fold in folds][:3] == [
        ("a/00", "a/01", "b/00", "c/00"),
        ("a/02", "a/03", "b/01"),
        ("a/04", "a/05", "b/02", "c/01"),
    ]
    assert folds[0].validation == ("a/02", "a/03", "b/01")
    tested = [speaker for fold in folds for speaker in fold.test]
    assert sorted(tested) == sorted(utterance.speaker for utterance in utterances)


def test_pairs_of_a_dialogue_stay_together():
    pairs = [
        Utterance(f"a/{i}", Path(), "anger", "W", f"a/{i}", session=f"a/{i // 2}", corpus="a")
        for i in range(8)
    ]
    for fold in collection_folds([*pairs, *speakers(b=4)]):
        tested = {speaker for speaker in fold.test if speaker.startswith("a")}
        assert len(tested) == 2 * len({int(speaker[2:]) // 2 for speaker in tested})


def test_leave_one_corpus_out_is_a_protocol_of_collections(opened, trees, tmp_path):
    left_out = choose_protocol(opened, "leave-one-corpus-out")
    assert left_out.protocol == "collection-7-loco2"
    assert [fold.name for fold in left_out.folds()] == ["emodb", "emovo"]
    with pytest.raises(CorpusError, match="emodb is one corpus"):
        choose_protocol(open_corpus("emodb", trees["emodb"](tmp_path / "one")), "leave-one-corpus-out")


def test_real_corpora_are_read_as_one(data, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTRACE_DATA", str(data))
    names = ("emodb", "ravdess", "nemo", "emovo", "tess", "crema-d")
    members = "".join(f'[corpora.{name}]\nroot = "$EMOTRACE_DATA/{name}"\n' for name in names)
    path = tmp_path / "six.toml"
    path.write_text('emotions = ["anger", "happiness", "sadness", "neutral"]\n' + members)
    opened = choose_protocol(open_corpus("collection", path), "leave-one-corpus-out")
    assert opened.protocol == "collection-4-loco6"
    assert {fold.name: len(fold.test) for fold in opened.folds()} == {
        "crema-d": 78, "emodb": 10, "emovo": 6, "nemo": 9, "ravdess": 12, "tess": 2,
    }  # fmt: skip

from itertools import combinations
from pathlib import Path

import pytest

from emotrace.corpora import Fold, Utterance, leave_one_speaker_out, speaker_groups
from emotrace.corpora.splits import corpus_folds, corpus_scheme, session_groups
from emotrace.errors import CorpusError

SPEAKERS = [f"{i:02}" for i in range(1, 13)]


@pytest.mark.parametrize(
    "folds",
    [leave_one_speaker_out(SPEAKERS), speaker_groups(SPEAKERS, 6), speaker_groups(SPEAKERS, 5)],
    ids=["one out", "six groups", "five groups"],
)
class TestEveryScheme:
    def test_no_speaker_is_in_two_parts(self, folds):
        for fold in folds:
            for one, other in combinations((fold.train, fold.validation, fold.test), 2):
                assert not set(one) & set(other)

    def test_every_speaker_is_in_every_fold(self, folds):
        for fold in folds:
            assert sorted(fold.train + fold.validation + fold.test) == SPEAKERS

    def test_every_speaker_is_tested_exactly_once(self, folds):
        assert sorted(speaker for fold in folds for speaker in fold.test) == SPEAKERS


def test_the_next_two_speakers_validate_cyclically():
    folds = leave_one_speaker_out(["03", "08", "09", "10", "11"])
    assert folds[0].validation == ("08", "09")
    assert folds[4].validation == ("03", "08")
    assert folds[4].train == ("09", "10")


def test_six_folds_of_twelve_actors_group_neighbours():
    folds = speaker_groups(SPEAKERS, 6)
    assert [fold.test for fold in folds][:2] == [("01", "02"), ("03", "04")]
    assert folds[5].validation == ("01", "02")


def test_six_folds_of_24_actors_validate_on_the_next_folds_first_two():
    actors = [f"{i:02}" for i in range(1, 25)]
    first = speaker_groups(actors, 6)[0]
    assert first.test == ("01", "02", "03", "04")
    assert first.validation == ("05", "06")
    assert len(first.train) == 18


def test_groups_differ_by_one_speaker_at_most():
    sizes = [len(fold.test) for fold in speaker_groups(SPEAKERS, 5)]
    assert sorted(sizes) == [2, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [(("a", "b"), ("b",), ("c",)), (("a",), ("b",), ("a",)), (("a", "a"), ("b",), ("c",))],
)
def test_a_speaker_twice_in_a_fold_is_refused(train, validation, test):
    with pytest.raises(CorpusError, match="exactly one part"):
        Fold("x", train, validation, test)


@pytest.mark.parametrize("empty", ["train", "validation", "test"])
def test_an_empty_part_is_refused(empty):
    parts = {"train": ("a",), "validation": ("b",), "test": ("c",)} | {empty: ()}
    with pytest.raises(CorpusError, match=f"no speaker in {empty}"):
        Fold("x", **parts)


def test_too_few_speakers_are_refused_with_the_reason():
    with pytest.raises(CorpusError, match=r"3 speakers \(a, b, c\).*disjoint speakers, at least 4"):
        leave_one_speaker_out(["a", "b", "c"])
    with pytest.raises(CorpusError, match="at least 6 for 6 folds"):
        speaker_groups(["a", "b", "c"], 6)


def test_two_folds_cannot_validate():
    with pytest.raises(CorpusError, match="at least 3"):
        speaker_groups(SPEAKERS, 2)


def test_a_repeated_speaker_is_refused():
    with pytest.raises(CorpusError, match="listed twice"):
        leave_one_speaker_out(["a", "a", "b", "c"])


def in_sessions(*pairs):
    return [
        Utterance(f"{i}.wav", Path("a"), "anger", "W", speaker, session=session)
        for i, (speaker, session) in enumerate(pairs)
    ]


def test_who_shares_a_session_is_tested_together():
    utterances = in_sessions(*((f"{s}{x}", s) for s in "1234" for x in "ab"))
    folds = corpus_folds(utterances)
    assert [fold.test for fold in folds] == [("1a", "1b"), ("2a", "2b"), ("3a", "3b"), ("4a", "4b")]
    assert folds[3].validation == ("1a", "1b")
    assert folds[3].train == ("2a", "2b", "3a", "3b")
    assert corpus_scheme(utterances) == "4fold-4sessions"


def test_two_sessions_make_two_folds():
    folds = corpus_folds(in_sessions(("a", "1"), ("b", "1"), ("c", "2"), ("d", "2")))
    assert [(fold.train, fold.validation, fold.test) for fold in folds] == [
        (("d",), ("c",), ("a", "b")),
        (("b",), ("a",), ("c", "d")),
    ]


def test_many_sessions_make_ten_folds_that_each_test_whole_sessions():
    utterances = in_sessions(*((f"{s:02}{x}", str(s)) for s in range(23) for x in "ab"))
    folds = corpus_folds(utterances)
    assert len(folds) == 10
    assert sorted(speaker for fold in folds for speaker in fold.test) == sorted(
        {u.speaker for u in utterances}
    )
    for fold in folds:
        assert {speaker[:2] for speaker in fold.test}.isdisjoint(speaker[:2] for speaker in fold.train)


def test_sessions_that_all_speakers_share_do_not_group_them():
    utterances = in_sessions(*((speaker, time) for speaker in "abcde" for time in ("morning", "evening")))
    assert session_groups(utterances) == [("a",), ("b",), ("c",), ("d",), ("e",)]
    assert corpus_scheme(utterances) == "loso5"


def test_sessions_are_linked_by_who_is_in_both():
    assert session_groups(in_sessions(("a", "1"), ("b", "1"), ("c", "2"), ("b", "2"), ("d", None))) == [
        ("a", "b", "c"),
        ("d",),
    ]

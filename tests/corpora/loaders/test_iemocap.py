"""IEMOCAP, on a replica of the whole release: 10039 utterances, of which the paper uses 2280."""

import shutil
from collections import Counter

import pytest
from corpora import replicas

from emotrace.corpora import PublishedCounts, open_corpus
from emotrace.corpora.loaders import iemocap
from emotrace.corpora.summary import summarise
from emotrace.errors import CorpusError

NAMES = {"neu": "neutral", "hap": "happiness", "sad": "sadness", "ang": "anger"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return replicas.iemocap(tmp_path_factory.mktemp("whole") / "IEMOCAP_full_release")


@pytest.fixture
def few(tmp_path):
    return replicas.iemocap(tmp_path, replicas.iemocap_few())


def test_the_replica_is_as_large_as_the_release(whole):
    assert len(list(whole.rglob("*.wav"))) == 10039


def test_the_papers_2280_are_found_in_each_session_and_class(whole, caplog):
    opened = open_corpus("iemocap", whole)
    assert len(opened.utterances) == 2280
    found = Counter((utterance.session, utterance.emotion) for utterance in opened.utterances)
    assert found == {
        (session, NAMES[code]): n
        for session, counts in replicas.TABLE_1.items()
        for code, n in counts.items()
        if code != "exc"
    }
    assert Counter(utterance.emotion for utterance in opened.utterances) == {
        "neutral": 1099,
        "happiness": 284,
        "sadness": 608,
        "anger": 289,
    }
    assert opened.protocol == "iemocap-impro-4-noexc-loso5"
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("iemocap-exc", {"anger": 289, "happiness": 947, "sadness": 608, "neutral": 1099}),
        ("iemocap-script", {"anger": 814, "happiness": 311, "sadness": 476, "neutral": 609}),
        ("iemocap-all", {"anger": 1103, "happiness": 595, "sadness": 1084, "neutral": 1708}),
        ("iemocap-all-exc", {"anger": 1103, "happiness": 1636, "sadness": 1084, "neutral": 1708}),
        (
            "iemocap-all-six",
            {
                "anger": 1103,
                "happiness": 595,
                "sadness": 1084,
                "neutral": 1708,
                "excitement": 1041,
                "frustration": 1849,
            },
        ),
    ],
)
def test_the_other_variants_have_the_counts_of_the_literature(whole, name, counts):
    utterances = open_corpus(name, whole).utterances
    assert Counter(utterance.emotion for utterance in utterances) == counts
    known = {"iemocap-exc": 2943, "iemocap-all-exc": 5531}
    assert len(utterances) == known.get(name, len(utterances))


def test_merged_excitement_explains_the_papers_row_totals(whole):
    utterances = open_corpus("iemocap-exc", whole).utterances
    assert Counter(utterance.session for utterance in utterances) == {
        "1": 521,
        "2": 530,
        "3": 627,
        "4": 534,
        "5": 731,
    }


def test_any_set_of_labels_can_be_read(whole):
    found = iemocap.read(
        whole, parts=("scripted",), emotions={"fea": "fear", "sur": "surprise", **iemocap.FOUR}
    )
    assert {utterance.emotion for utterance in found} == {"fear", "surprise", *NAMES.values()}
    assert all("_script" in utterance.name for utterance in found)


def test_the_speaker_comes_from_the_turn_and_not_from_the_dialogue(whole):
    utterances = open_corpus("iemocap", whole).utterances
    by_name = {utterance.name.rsplit("/")[-1]: utterance for utterance in utterances}
    man = by_name["Ses01F_impro01_M000.wav"]
    assert (man.speaker, man.sex, man.session) == ("Ses01M", "male", "1")
    woman = by_name["Ses01M_impro01_F000.wav"]
    assert (woman.speaker, woman.sex, woman.session) == ("Ses01F", "female", "1")
    assert len({utterance.speaker for utterance in utterances}) == 10


def test_the_irregular_dialogue_is_read(whole):
    names = [utterance.name for utterance in open_corpus("iemocap-all", whole).utterances]
    assert any("/Ses05M_script01_1b/Ses05M_script01_1b_F" in name for name in names)


def test_both_directions_of_each_session_share_their_training_speakers(whole):
    folds = open_corpus("iemocap", whole).folds()
    assert [fold.name for fold in folds] == ["1F", "1M", "2F", "2M", "3F", "3M", "4F", "4M", "5F", "5M"]
    for one, other in zip(folds[::2], folds[1::2], strict=True):
        assert one.train == other.train
        assert len(one.train) == 8
        assert (one.test, one.validation) == (other.validation, other.test)
        assert {speaker[:5] for speaker in one.test + one.validation} == {f"Ses0{one.name[0]}"}


@pytest.mark.parametrize(
    "name", ["iemocap", "iemocap-exc", "iemocap-all", "iemocap-all-exc", "iemocap-all-six"]
)
def test_the_replica_matches_what_is_published(whole, name):
    assert summarise(open_corpus(name, whole)).as_dict()["published"] == {"matches": True, "differences": []}


def test_differences_are_listed_by_session_and_class(few):
    differences = summarise(open_corpus("iemocap", few)).as_dict()["published"]["differences"]
    assert differences[0] == "anger: 10 here, 289 published"
    assert "session 3, happiness: 2 here, 60 published" in differences
    assert len(differences) == 4 + 5 * 4
    assert "session 5, sadness: 2 here, 133 published" in summarise(open_corpus("iemocap", few)).as_text()


def test_counts_by_emotion_are_sums_over_sessions():
    published = PublishedCounts.from_sessions({"1": {"anger": 1}, "2": {"anger": 2, "fear": 3}}, speakers=2)
    assert published.by_emotion == {"anger": 3, "fear": 3}


def test_the_error_for_the_parent_folder_names_the_right_one(whole):
    with pytest.raises(CorpusError, match=r"point --root at .*IEMOCAP_full_release, which has it"):
        open_corpus("iemocap", whole.parent)


@pytest.mark.parametrize("gone", ["Session3", "Session3/dialog/EmoEvaluation"])
def test_a_missing_session_is_refused(few, gone):
    shutil.rmtree(few / gone)
    with pytest.raises(CorpusError, match=r"lacks Session3/dialog/EmoEvaluation; .* each of the five"):
        open_corpus("iemocap", few)


def test_a_missing_speaker_is_refused(few):
    for path in (few / "Session2" / "dialog" / "EmoEvaluation").glob("Ses*.txt"):
        path.write_bytes(path.read_bytes().replace(b"_M0", b"_F1"))
    with pytest.raises(CorpusError, match="has no utterance of Ses02M"):
        open_corpus("iemocap", few, allow_missing=True)


def test_missing_audio_is_refused_unless_allowed(few, caplog):
    gone = sorted((few / "Session1" / "sentences" / "wav" / "Ses01F_impro01").glob("*.wav"))[:2]
    labels = (few / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt").read_text("latin-1")
    four = [path for path in gone if any(f"{path.stem}\t{code}" in labels for code in iemocap.FOUR)]
    assert four
    before = open_corpus("iemocap", few).utterances
    for path in gone:
        path.unlink()
    with pytest.raises(
        CorpusError, match=rf"{len(four)} files? that do(es)? not exist: .*{four[0].name}.*--allow-missing"
    ):
        open_corpus("iemocap", few)
    after = open_corpus("iemocap", few, allow_missing=True).utterances
    assert len(after) == len(before) - len(four)
    assert four[0].name in caplog.text


def test_unknown_lines_are_left_out_with_a_warning(few, caplog):
    before = open_corpus("iemocap", few).utterances
    path = few / "Session4" / "dialog" / "EmoEvaluation" / "Ses04F_impro01.txt"
    unknown = [
        "[broken",
        "[1.0 - 2.0]\tSes03F_impro01_F999\tneu\t[2, 2, 2]",
        "[1.0 - 2.0]\tSes04F_impro01_F999\tnew\t[2]",
    ]
    path.write_text(path.read_text("latin-1") + "\n".join(unknown))
    assert open_corpus("iemocap", few).utterances == before
    assert len(caplog.records) == 1
    assert "left out 3 lines not like" in caplog.text
    assert "Session4/dialog/EmoEvaluation/Ses04F_impro01.txt, line" in caplog.text


def test_a_turn_labelled_twice_is_refused(few):
    folder = few / "Session1" / "dialog" / "EmoEvaluation"
    shutil.copy(folder / "Ses01F_impro01.txt", folder / "Ses01F_impro01_old.txt")
    with pytest.raises(
        CorpusError, match=r"Ses01F_impro01_old.txt, line 3 .* labels Ses01F_impro01_F000 a second"
    ):
        iemocap.read(few, emotions=iemocap.EMOTIONS)


@pytest.mark.parametrize("arguments", [{"parts": ("acted",)}, {"emotions": {"joy": "happiness"}}])
def test_unknown_parts_and_codes_are_refused(few, arguments):
    with pytest.raises(CorpusError, match=r"IEMOCAP has no (acted|joy); expected some of"):
        iemocap.read(few, **arguments)

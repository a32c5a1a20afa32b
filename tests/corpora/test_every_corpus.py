"""The contract of every corpus."""

import re
from pathlib import Path

import pytest

from emotrace.corpora import CORPORA, EMOTIONS, open_corpus
from emotrace.corpora.summary import CorpusSummary

PROTOCOLS = {
    "emodb": "emodb-7-loso5",
    "ravdess": "ravdess-8-6fold-7actors",
    "crema-d": "crema-d-6-5fold-7actors",
    "nemo": "nemo-6-loso4",
    "emovo": "emovo-7-loso4",
    "tess": "tess-7-2speakers",
    "savee": "savee-7-loso4",
    "iemocap": "iemocap-impro-4-noexc-loso5",
    "iemocap-exc": "iemocap-impro-4-exc-loso5",
    "iemocap-script": "iemocap-script-4-noexc-loso5",
    "iemocap-all": "iemocap-all-4-noexc-loso5",
    "iemocap-all-exc": "iemocap-all-4-exc-loso5",
    "iemocap-all-six": "iemocap-all-6-ownexc-loso5",
    "fau-aibo": "fau-aibo-5-train-ohm2-validate-ohm5-test-mont3",
    "manifest": "manifest-2-loso5",
    "audformat": "audformat-2-loso5",
    "folders": "folders-2-loso5",
    "collection": "collection-7-5fold-2corpora",
    "synthetic": "synthetic-4-loso20",
}

TESS_EMOTIONS = ("anger", "happiness", "sadness", "neutral", "fear", "disgust", "surprise")

# The speakers that a protocol tests, if it does not test all of them.
TESTED = {"fau-aibo": ("Mont_01", "Mont_02", "Mont_03")}


@pytest.fixture(scope="module", params=list(CORPORA))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def root(name, trees, tmp_path_factory):
    return trees[name] and trees[name](tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def opened(name, root):
    return open_corpus(name, root)


def test_names_are_unique(opened):
    names = [utterance.name for utterance in opened.utterances]
    assert len(set(names)) == len(names) > 0


def test_utterances_are_ordered_by_name(opened):
    names = [utterance.name for utterance in opened.utterances]
    assert names == sorted(names)


def test_names_do_not_depend_on_the_machine(opened, root):
    for utterance in opened.utterances:
        assert str(root) not in utterance.name
        assert "\\" not in utterance.name


def test_reading_twice_gives_the_same(opened, root):
    assert open_corpus(opened.corpus.name, root).utterances == opened.utterances


def test_emotions_are_nouns_and_codes_are_kept(opened):
    assert opened.emotions == tuple(emotion for emotion in EMOTIONS if emotion in opened.emotions)
    for utterance in opened.utterances:
        if utterance.corpus is not None:  # codes are those of the corpora in the collection
            assert utterance.code
            continue
        assert opened.corpus.emotions.get(utterance.code, utterance.code) == utterance.emotion


def test_all_emotions_of_the_corpus_are_found(opened):
    assert set(opened.corpus.emotions.values()) <= set(opened.emotions)


def test_audio_exists(opened):
    for utterance in opened.utterances:
        if isinstance(utterance.audio, Path):
            assert utterance.audio.is_file()
        else:
            assert len(utterance.audio[0]) > 0


def test_sex_is_female_male_or_unknown(opened):
    assert {utterance.sex for utterance in opened.utterances} <= {"male", "female", None}


@pytest.fixture(scope="module")
def folds(opened):
    if len(opened.speakers) < 3:
        pytest.skip("two speakers are too few for folds; tests/corpora/loaders/test_tess.py expects an error")
    return opened.folds()


def test_every_test_speaker_is_tested_exactly_once(opened, folds):
    tested = [speaker for fold in folds for speaker in fold.test]
    assert tuple(sorted(tested)) == TESTED.get(opened.corpus.name, opened.speakers)


def test_no_speaker_is_in_two_parts_of_a_fold(opened, folds):
    for fold in folds:
        speakers = fold.train + fold.validation + fold.test
        assert sorted(speakers) == list(opened.speakers)


def test_names_of_folds_are_unique(folds):
    names = [fold.name for fold in folds]
    assert len(set(names)) == len(names)


def test_the_protocol_has_its_full_name(opened):
    assert opened.protocol == PROTOCOLS[opened.corpus.name]


def test_facts_are_stated(opened):
    corpus = opened.corpus
    assert re.fullmatch(r"[a-z-]+", corpus.name)
    assert all((corpus.title, corpus.citation, corpus.license, corpus.layout))


def test_files_of_operating_systems_are_ignored(opened, root, caplog):
    if root is None:
        pytest.skip("this corpus has no files")
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        (folder / "._03a01Wa.wav").write_bytes(b"")
        (folder / "Thumbs.db").write_bytes(b"")
        (folder / ".DS_Store").write_bytes(b"")
    assert open_corpus(opened.corpus.name, root).utterances == opened.utterances
    assert not caplog.records


@pytest.mark.parametrize(
    ("corpus", "counts", "speakers", "protocol"),
    [
        ("emodb", {"anger": 127, "neutral": 79, "happiness": 71, "sadness": 62}, 10, "emodb-4-loso10"),
        (
            "crema-d",
            {"anger": 4, "happiness": 999, "sadness": 1000, "neutral": 3, "fear": 2, "disgust": 5},
            78,
            "crema-d-6-5fold-78actors",
        ),
        ("tess", dict.fromkeys(TESS_EMOTIONS, 200), 2, "tess-7-2speakers"),
        (
            "ravdess",
            {"neutral": 48}
            | dict.fromkeys(["calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"], 96),
            12,
            "ravdess-8-6fold-12actors",
        ),
    ],
)
def test_real_speech_is_counted(data, caplog, corpus, counts, speakers, protocol):
    opened = open_corpus(corpus, data / corpus)
    found = [utterance.emotion for utterance in opened.utterances]
    assert {emotion: found.count(emotion) for emotion in opened.emotions} == counts
    assert len(opened.speakers) == speakers
    assert opened.protocol == protocol
    assert not caplog.records


@pytest.mark.parametrize(
    ("corpus", "folder", "utterances", "protocol"),
    [
        ("emodb", "emodb-full", 535, "emodb-7-loso10"),
        ("nemo", "nemo", 4481, "nemo-6-loso9"),
        ("emovo", "emovo", 588, "emovo-7-loso6"),
    ],
)
def test_a_whole_release_has_the_published_counts(data, caplog, corpus, folder, utterances, protocol):
    opened = open_corpus(corpus, data / folder)
    assert len(opened.utterances) == utterances
    assert (opened.protocol, len(opened.folds())) == (protocol, len(opened.speakers))
    assert CorpusSummary(opened, 0.0, {}).as_dict()["published"] == {"matches": True, "differences": []}
    assert not caplog.records

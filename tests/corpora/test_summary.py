import json

import pytest

from emotrace.corpora import CORPORA, open_corpus
from emotrace.corpora.loaders import emodb
from emotrace.corpora.summary import summarise

KEYS = ["corpus", "utterances", "duration_s", "by_emotion", "by_speaker", "by_session", "published"]


@pytest.fixture(scope="module", params=list(CORPORA))
def summary(request, trees, tmp_path_factory):
    """The summary of a tiny version of each corpus."""
    tree = trees[request.param]
    return summarise(open_corpus(request.param, tree and tree(tmp_path_factory.mktemp("corpus"))))


def test_the_summary_has_the_keys_of_the_json_output(summary):
    result = summary.as_dict()
    assert list(result) == KEYS
    assert json.loads(json.dumps(result)) == result


def test_counts_add_up(summary):
    result = summary.as_dict()
    assert sum(result["by_emotion"].values()) == result["utterances"]
    assert sum(result["by_speaker"].values()) == result["utterances"]


def test_the_table_names_every_emotion_and_speaker(summary):
    counts, words = summary.as_dict(), summary.as_text().split()
    assert {*counts["by_emotion"], *counts["by_speaker"]} <= set(words)


def test_sessions_are_counted_by_emotion(trees, tmp_path):
    summary = summarise(open_corpus("manifest", trees["manifest"](tmp_path)))
    assert summary.as_dict()["by_session"] == {"evening": {"calm": 5}, "morning": {"anger": 5}}
    assert "session evening" in summary.as_text()
    assert summary.as_dict()["published"] is None


def test_the_duration_counts_segments_and_open_ends_last_to_the_end_of_the_file(trees, tmp_path):
    assert summarise(open_corpus("manifest", trees["manifest"](tmp_path))).as_dict()[
        "duration_s"
    ] == pytest.approx(5.0)


def test_unusable_files_are_listed_with_the_reason(trees, tmp_path, sound):
    root = trees["emodb"](tmp_path)
    (root / "wav" / "03a01Wa.wav").write_text("not audio")
    (root / "wav" / "03a01Fa.wav").write_bytes(b"")
    sound(root / "wav" / "03a01Ta.wav", seconds=0)
    result = summarise(open_corpus("emodb", root))
    assert sorted(result.unusable) == ["wav/03a01Fa.wav", "wav/03a01Ta.wav", "wav/03a01Wa.wav"]
    assert "holds no samples" in result.unusable["wav/03a01Ta.wav"]
    assert result.duration_s == pytest.approx(32 * 0.3)
    assert summarise(open_corpus("emodb", root)).as_dict()["utterances"] == 35


def test_a_segment_past_its_file_is_unusable_but_a_rounded_end_is_not(sound, tmp_path):
    sound(tmp_path / "a.wav", seconds=0.496)
    rows = "a.wav,anger,x,0,0.5\na.wav,anger,x,0.2,0.9\na.wav,anger,x,0.8,\n"
    (tmp_path / "manifest.csv").write_text("file,emotion,speaker,start,end\n" + rows)
    result = summarise(open_corpus("manifest", tmp_path))
    assert sorted(result.unusable) == ["a.wav#0.2-0.9", "a.wav#0.8-"]
    assert result.duration_s == pytest.approx(0.496)


def test_four_emotions_of_emodb_differ_from_the_published_seven(data):
    result = summarise(open_corpus("emodb", data / "emodb")).as_dict()
    assert result["utterances"] == 339
    assert result["duration_s"] == pytest.approx(954, abs=1)
    assert result["published"] == {
        "matches": False,
        "differences": [
            "fear: 0 here, 69 published",
            "disgust: 0 here, 46 published",
            "boredom: 0 here, 81 published",
        ],
    }


def test_a_whole_emodb_matches_what_is_published(tmp_path):
    counts = emodb.PUBLISHED.by_emotion
    speakers = sorted(emodb.SPEAKERS)
    (tmp_path / "wav").mkdir()
    for code, emotion in emodb.EMOTIONS.items():
        for number in range(counts[emotion]):
            sentence, version = divmod(number // len(speakers), 26)
            name = f"{speakers[number % len(speakers)]}a{sentence + 1:02}{code}{chr(97 + version)}.wav"
            (tmp_path / "wav" / name).write_bytes(b"")
    summary = summarise(open_corpus("emodb", tmp_path))
    assert summary.as_dict()["utterances"] == 535
    assert summary.as_dict()["published"] == {"matches": True, "differences": []}
    assert "as published" in summary.as_text()


def test_half_of_ravdess_differs_from_the_published_counts(data):
    result = summarise(open_corpus("ravdess", data / "ravdess")).as_dict()
    assert result["utterances"] == 720
    assert "neutral: 48 here, 96 published" in result["published"]["differences"]
    assert result["published"]["differences"][-1] == "speakers: 12 here, 24 published"

"""SAVEE: names with the speaker, or folders of speakers."""

from emotrace.corpora import open_corpus
from emotrace.corpora.summary import summarise

SENTENCES = {"a": 15, "d": 15, "f": 15, "h": 15, "n": 30, "sa": 15, "su": 15}


def test_a_whole_release_has_the_published_counts(sound, tmp_path, caplog):
    for speaker in ("DC", "JE", "JK", "KL"):
        for code, n in SENTENCES.items():
            for sentence in range(1, n + 1):
                sound(tmp_path / f"{speaker}_{code}{sentence:02}.wav", seconds=0.03)
    opened = open_corpus("savee", tmp_path)
    assert len(opened.utterances) == 480
    assert summarise(opened).as_dict()["published"] == {"matches": True, "differences": []}
    first = opened.folds()[0]
    assert (first.train, first.validation, first.test) == (("JK", "KL"), ("JE",), ("DC",))
    assert not caplog.records


def test_names_and_folders_give_the_same_utterances(sound, trees, tmp_path):
    nested, flat = trees["savee"](tmp_path / "nested"), tmp_path / "flat"
    for path in nested.rglob("*.wav"):
        sound(flat / f"{path.parent.name}_{path.name}")
    labels = [
        [(utterance.speaker, utterance.code, utterance.sex) for utterance in opened.utterances]
        for opened in (open_corpus("savee", nested), open_corpus("savee", flat))
    ]
    assert labels[0] == labels[1]

"""`evaluate` on the synthetic corpus, with the model that ships."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotrace.corpora import OpenCorpus, Utterance, open_corpus
from emotrace.errors import CorpusError
from emotrace.evaluation.model_evaluation import evaluate
from emotrace.inference.recogniser import Recogniser, load


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return load()


def synthetic_corpus(*emotions: str) -> OpenCorpus:
    """One utterance of the first speaker for each given label; unknown labels rename anger."""
    corpus = open_corpus("synthetic")
    by_emotion = {utterance.emotion: utterance for utterance in reversed(corpus.utterances)}
    utterances = [
        replace(by_emotion.get(emotion, by_emotion["anger"]), name=f"{emotion}.wav", emotion=emotion)
        for emotion in emotions
    ]
    return OpenCorpus(corpus.corpus, tuple(utterances))


def test_every_utterance_has_a_prediction_in_the_order_of_the_corpus(recogniser: Recogniser) -> None:
    evaluation = evaluate(recogniser, synthetic_corpus(*recogniser.labels))
    assert [p.file for p in evaluation.predictions] == [f"{label}.wav" for label in recogniser.labels]
    assert [p.truth for p in evaluation.predictions] == list(recogniser.labels)
    assert evaluation.metrics.n == len(recogniser.labels)
    assert evaluation.failed == 0


def test_a_model_chooses_among_the_emotions_of_the_corpus(recogniser: Recogniser) -> None:
    evaluation = evaluate(recogniser, synthetic_corpus("anger", "sadness"))
    for prediction in evaluation.predictions:
        assert set(prediction.scores) == {"anger", "sadness"}
        assert sum(prediction.scores.values()) == pytest.approx(1)
    assert any("the model chose among anger, sadness" in remark for remark in evaluation.remarks)


def test_emotions_without_a_label_of_the_model_are_left_out(recogniser: Recogniser) -> None:
    evaluation = evaluate(recogniser, synthetic_corpus(*recogniser.labels, "awe"))
    assert evaluation.metrics.n == len(recogniser.labels)
    assert evaluation.remarks[0] == "1 utterances are left out: the model has no label awe"


def test_a_corpus_without_a_shared_emotion_is_refused(recogniser: Recogniser) -> None:
    with pytest.raises(CorpusError, match=r"synthetic has awe: none in common"):
        evaluate(recogniser, synthetic_corpus("awe"))


def test_silent_and_unreadable_utterances_are_left_out(recogniser: Recogniser, tmp_path: Path) -> None:
    corpus = synthetic_corpus("anger")
    silence = Utterance("silence", (np.zeros(16000, dtype=np.float32), 16000), "anger", "anger", "s01")
    broken = Utterance("broken.wav", tmp_path / "broken.wav", "anger", "anger", "s02")
    (tmp_path / "broken.wav").write_bytes(b"not audio")
    evaluation = evaluate(recogniser, replace(corpus, utterances=(*corpus.utterances, silence, broken)))
    assert (evaluation.metrics.n, evaluation.failed) == (1, 1)
    assert any("broken.wav" in remark for remark in evaluation.remarks)
    assert "1 utterances are left out: they are silent" in evaluation.remarks
    with pytest.raises(CorpusError, match="none of the 1 utterances could be recognised; all of them are"):
        evaluate(recogniser, replace(corpus, utterances=(silence,)))


def test_a_root_or_options_with_an_open_corpus_are_refused(recogniser: Recogniser, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="synthetic is open already"):
        evaluate(recogniser, synthetic_corpus("anger"), tmp_path)
    with pytest.raises(CorpusError, match="synthetic is open already"):
        evaluate(recogniser, synthetic_corpus("anger"), corpus_options={"allow_missing": True})


def test_a_corpus_can_be_given_by_name_root_and_options(recogniser: Recogniser, data: Path) -> None:
    with pytest.raises(CorpusError, match="emodb has no option allow_missing"):
        evaluate(recogniser, "emodb", data / "emodb", corpus_options={"allow_missing": True})


def test_evaluation_does_not_import_torch() -> None:
    code = "import sys, emotrace.evaluation.model_evaluation; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"

"""Each wrong root is answered with one line that says the way out."""

import shutil

import pytest

from emotrace.corpora import CORPORA, open_corpus
from emotrace.errors import CorpusError

ON_DISK = [name for name, corpus in CORPORA.items() if corpus.needs_root]
# Ways to read the same files share what recognises them; the first of them is the corpus itself.
FILES = list({CORPORA[name].recognise: name for name in reversed(ON_DISK)}.values())


def complaint(name, root):
    with pytest.raises(CorpusError) as caught:
        open_corpus(name, root)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_an_unknown_corpus_is_answered_with_the_known():
    assert complaint("emo-db", ".") == (f"no corpus is called emo-db; known are: {', '.join(CORPORA)}")


@pytest.mark.parametrize("name", ON_DISK)
class TestEveryCorpusOnDisk:
    def test_no_root(self, name):
        assert complaint(name, None).startswith(f"{name} needs a root; point --root at")

    def test_missing_root(self, name, tmp_path):
        assert "does not exist; point --root at" in complaint(name, tmp_path / "nowhere")

    def test_file_as_root(self, name, tmp_path):
        path = tmp_path / "notes.txt"
        path.write_text("no corpus")
        assert "is not a folder; point --root at" in complaint(name, path)

    def test_empty_folder(self, name, tmp_path):
        assert complaint(name, tmp_path) == (
            f"{tmp_path} has no {CORPORA[name].layout}; point --root at the folder that has it"
        )

    @pytest.mark.parametrize("other", FILES)
    def test_another_corpus(self, name, other, trees, tmp_path):
        if CORPORA[name].recognise is not CORPORA[other].recognise:
            root = trees[other](tmp_path / other)
            assert f"there lies {CORPORA[other].title}: use --corpus {other}" in complaint(name, root)

    def test_one_level_too_high_or_too_low(self, name, trees, tmp_path):
        root = trees[name](tmp_path / "corpus")
        inside = next(path for path in root.iterdir() if path.is_dir())
        assert f"point --root at {root}, where it is" in complaint(name, tmp_path)
        assert f"point --root at {root}, where it is" in complaint(name, inside)


def test_made_speech_needs_no_root():
    assert open_corpus("synthetic").utterances


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("emodb", ["wav/03a01Xa.wav", "wav/99a01Wa.wav", "wav/notes.txt"]),
        ("ravdess", ["Actor_01/03-01-05-01-02-01-02.wav", "Actor_01/02-01-05-01-02-01-01.mp4"]),
        ("crema-d", ["AudioWAV/1001_DFA_JOY_XX.wav", "AudioWAV/1001_DFA_ANG_XX.mp3"]),
        (
            "iemocap",
            [f"Session1/dialog/EmoEvaluation/{name}" for name in ("Ses02F_impro01.txt", "notes.doc")],
        ),
    ],
)
def test_odd_files_are_named_and_left_out(name, odd, trees, tmp_path, caplog):
    root = trees[name](tmp_path)
    before = open_corpus(name, root).utterances
    for file in odd:
        (root / file).write_bytes(b"")
    assert open_corpus(name, root).utterances == before
    assert len(caplog.records) == 1
    assert caplog.messages[0].startswith(f"{name}: left out {len(odd)} files not named like")
    assert all(file in caplog.text for file in odd)


def test_song_is_passed_over_in_silence(trees, sound, tmp_path, caplog):
    root = trees["ravdess"](tmp_path)
    sound(root / "Actor_01" / "03-02-05-01-02-01-01.wav")
    assert len(open_corpus("ravdess", root).utterances) == 7 * 8
    assert not caplog.records


def test_song_alone_is_no_speech(sound, tmp_path):
    sound(tmp_path / "Actor_01" / "03-02-05-01-02-01-01.wav")
    assert "holds no utterance of" in complaint("ravdess", tmp_path)


def test_one_utterance_in_two_formats_is_refused(trees, tmp_path):
    root = trees["ravdess"](tmp_path)
    file = root / "Actor_01" / "03-01-05-01-02-01-01.wav"
    shutil.copy(file, file.with_suffix(".flac"))
    assert "holds one utterance twice" in complaint("ravdess", root)


def test_files_with_capital_endings_are_read(trees, tmp_path):
    root = trees["emodb"](tmp_path)
    file = root / "wav" / "03a01Wa.wav"
    file.rename(file.with_suffix(".WAV"))
    assert len(open_corpus("emodb", root).utterances) == 5 * 7


def test_three_speakers_cannot_be_shared_out(trees, tmp_path):
    root = trees["emodb"](tmp_path)
    for speaker in ("10", "16"):
        for path in (root / "wav").glob(f"{speaker}*"):
            path.unlink()
    with pytest.raises(CorpusError, match="training, validation and test need disjoint speakers"):
        open_corpus("emodb", root).folds()

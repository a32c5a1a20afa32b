"""The error for a wrong root is one line and states what to do."""

import shutil
from dataclasses import replace

import pytest

from emotrace.corpora import CORPORA, open_corpus
from emotrace.errors import CorpusError

ON_DISK = [name for name, corpus in CORPORA.items() if corpus.needs_root]
# Variants of one corpus share `recognise`; the first variant stands for the corpus.
FILES = list({CORPORA[name].recognise: name for name in reversed(ON_DISK)}.values())


def error_message(name, root):
    with pytest.raises(CorpusError) as caught:
        open_corpus(name, root)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_error_for_an_unknown_corpus_lists_the_known_ones():
    assert error_message("emo-db", ".") == (f"unknown corpus emo-db; known corpora: {', '.join(CORPORA)}")


@pytest.mark.parametrize("name", ON_DISK)
class TestEveryCorpusOnDisk:
    def test_a_missing_argument_root_is_refused(self, name):
        assert error_message(name, None).startswith(f"{name} needs a root; point --root at")

    def test_a_root_that_does_not_exist_is_refused(self, name, tmp_path):
        assert "does not exist; point --root at" in error_message(name, tmp_path / "nowhere")

    def test_a_file_as_root_is_refused(self, name, tmp_path):
        path = tmp_path / "notes.txt"
        path.write_text("no corpus")
        assert "is not a folder; point --root at" in error_message(name, path)

    def test_an_empty_folder_is_refused(self, name, tmp_path):
        root = tmp_path / "empty"
        root.mkdir()
        assert error_message(name, root) == (
            f"{root} has no {CORPORA[name].layout}; point --root at the folder that has it"
        )

    @pytest.mark.parametrize("other", FILES)
    def test_the_error_names_the_corpus_that_the_root_holds(self, name, other, trees, tmp_path):
        if CORPORA[name].recognise is not CORPORA[other].recognise:
            root = trees[other](tmp_path / other)
            assert f"it holds {CORPORA[other].title}: name the corpus {other}" in error_message(name, root)

    def test_the_error_names_the_right_folder_one_level_above_or_below(self, name, trees, tmp_path):
        if name == "tess":
            pytest.skip("the folders of TESS, and the folder that has all of them, are roots of TESS")
        root = trees[name](tmp_path / "corpus")
        inside = next(path for path in root.iterdir() if path.is_dir())
        assert f"point --root at {root}, which has it" in error_message(name, tmp_path)
        # Folders of speakers in a folder of an emotion look like folders of emotions, and a folder of a
        # collection holds another corpus.
        if name not in ("folders", "collection"):
            assert f"point --root at {root}, which has it" in error_message(name, inside)


def test_synthetic_speech_needs_no_root_and_refuses_one(tmp_path):
    assert open_corpus("synthetic").utterances
    assert error_message("synthetic", tmp_path) == (
        f"synthetic has no files: found the root {tmp_path}, expected none; omit --root"
    )


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("emodb", ["wav/03a01Xa.wav", "wav/99a01Wa.wav", "wav/notes.txt"]),
        ("ravdess", ["Actor_01/03-01-05-01-02-01-02.wav", "Actor_01/02-01-05-01-02-01-01.mp4"]),
        ("crema-d", ["AudioWAV/1001_DFA_JOY_XX.wav", "AudioWAV/1001_DFA_ANG_XX.txt"]),
        ("nemo", ["samples/XX0_anger_7.ogg", "samples/EB0_angry_7.ogg"]),
        ("emovo", ["f1/dis-f2-b1.wav", "f1/xxx-f1-b1.wav"]),
        ("savee", ["DC/x01.wav", "Info.txt"]),
        (
            "iemocap",
            [f"Session1/dialog/EmoEvaluation/{name}" for name in ("Ses02F_impro01.txt", "notes.doc")],
        ),
    ],
)
def test_files_with_unknown_names_are_left_out_with_a_warning(name, unknown, trees, tmp_path, caplog):
    root = trees[name](tmp_path)
    before = open_corpus(name, root).utterances
    for file in unknown:
        (root / file).write_bytes(b"")
    assert open_corpus(name, root).utterances == before
    assert len(caplog.records) == 1
    assert caplog.messages[0].startswith(f"{name}: left out {len(unknown)} files not named like")
    assert all(file in caplog.text for file in unknown)


def test_songs_are_left_out_without_a_warning(trees, sound, tmp_path, caplog):
    root = trees["ravdess"](tmp_path)
    sound(root / "Actor_01" / "03-02-05-01-02-01-01.wav")
    assert len(open_corpus("ravdess", root).utterances) == 7 * 8
    assert not caplog.records


def test_a_folder_of_songs_only_is_refused(sound, tmp_path):
    sound(tmp_path / "Actor_01" / "03-02-05-01-02-01-01.wav")
    assert "holds no utterance of" in error_message("ravdess", tmp_path)


NAMED_FILES = ["emodb", "ravdess", "crema-d", "nemo", "emovo", "tess", "savee"]


@pytest.mark.parametrize("name", NAMED_FILES)
def test_one_utterance_in_two_formats_is_refused(name, trees, tmp_path):
    root = trees[name](tmp_path)
    file = next(path for path in sorted(root.rglob("*")) if path.is_file())
    shutil.copy(file, file.with_suffix(".opus"))
    assert "holds an utterance twice" in error_message(name, root)


@pytest.mark.parametrize("name", [*NAMED_FILES, "folders", "iemocap", "fau-aibo"])
def test_files_in_every_readable_format_are_utterances(name, trees, tmp_path, caplog):
    root = trees[name](tmp_path)
    before = [replace(utterance, name="") for utterance in open_corpus(name, root).utterances]
    for path in [path for path in root.rglob("*") if path.suffix == ".wav"]:
        path.rename(path.with_suffix(".AIFF" if len(path.stem) % 2 else ".mp3"))
    found = open_corpus(name, root).utterances
    assert [replace(utterance, name="") for utterance in found] == before
    assert all(utterance.audio.is_file() for utterance in found)
    assert not caplog.records


def test_upper_case_suffixes_are_read(trees, tmp_path):
    root = trees["emodb"](tmp_path)
    file = root / "wav" / "03a01Wa.wav"
    file.rename(file.with_suffix(".WAV"))
    assert len(open_corpus("emodb", root).utterances) == 5 * 7


def test_three_speakers_are_too_few_for_folds(trees, tmp_path):
    root = trees["emodb"](tmp_path)
    for speaker in ("10", "16"):
        for path in (root / "wav").glob(f"{speaker}*"):
            path.unlink()
    with pytest.raises(CorpusError, match="training, validation and test need disjoint speakers"):
        open_corpus("emodb", root).folds()

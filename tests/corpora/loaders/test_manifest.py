import unicodedata

import pytest

from emotrace.corpora import open_corpus
from emotrace.errors import CorpusError


@pytest.fixture
def write(sound, tmp_path):
    """A function that writes a manifest beside two files of 0.3 s, a.wav and b.wav."""

    def write(text, encoding="utf-8"):
        sound(tmp_path / "a.wav")
        sound(tmp_path / "b.wav")
        path = tmp_path / "manifest.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_the_folder_and_the_file_give_the_same_utterances(write):
    path = write("file,emotion,speaker\na.wav,anger,x\n")
    assert open_corpus("manifest", path).utterances == open_corpus("manifest", path.parent).utterances


def test_a_whole_file_and_its_parts_have_different_names(write):
    rows = "a.wav,anger,x,,\na.wav,anger,x,,0.2\na.wav,anger,x,0.2,\na.wav,anger,x,0.1,0.25\n"
    opened = open_corpus("manifest", write("file,emotion,speaker,start,end\n" + rows))
    assert [(u.name, u.start_s, u.end_s) for u in opened.utterances] == [
        ("a.wav", 0.0, None),
        ("a.wav#0.0-0.2", 0.0, 0.2),
        ("a.wav#0.1-0.25", 0.1, 0.25),
        ("a.wav#0.2-", 0.2, None),
    ]


def test_columns_can_be_in_any_order(write):
    opened = open_corpus("manifest", write("speaker,session,file,emotion\nx,1,a.wav,anger\n"))
    (utterance,) = opened.utterances
    assert (utterance.speaker, utterance.session, utterance.emotion) == ("x", "1", "anger")


def test_a_byte_order_mark_quotes_and_windows_line_ends_change_nothing(write):
    plain = open_corpus("manifest", write("file,emotion,speaker\na.wav,anger,x\n")).utterances
    assert (
        plain
        == open_corpus("manifest", write('\ufefffile,emotion,speaker\r\n"a.wav","anger",x\r\n')).utterances
    )


def test_a_quoted_comma_belongs_to_its_field(write):
    opened = open_corpus("manifest", write('file,emotion,speaker\na.wav,anger,"Doe, Jo"\n'))
    assert opened.speakers == ("Doe, Jo",)


def test_known_emotions_are_lower_case_and_others_are_kept(write):
    opened = open_corpus("manifest", write("file,emotion,speaker\na.wav,Anger,x\nb.wav,Awe,x\n"))
    assert [(u.emotion, u.code) for u in opened.utterances] == [("anger", "Anger"), ("Awe", "Awe")]


def test_blank_lines_are_skipped_but_counted(write):
    with pytest.raises(CorpusError, match="line 4: speaker is empty"):
        open_corpus("manifest", write("file,emotion,speaker\n\na.wav,anger,x\nb.wav,anger,\n"))


HEADER = "file,emotion,speaker,start,end\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found no header, expected the columns file,emotion,speaker"),
        ("\n\n", "found no header, expected the columns"),
        ("file,emotion,speaker\n", "has no row below its header"),
        ("file,emotion,speaker,sesion\n", "line 1: found the column 'sesion'.*if 'sesion' is 'session', ren"),
        ("file,emotion,speaker,begin\n", "line 1: found the column 'begin'.*if 'begin' is 'start', rename"),
        ("file;emotion;speaker\n", "line 1: found no column 'file' in 'file;emotion;speaker'.*put commas"),
        ("file,emotion\n", "line 1: found no column 'speaker' in 'file,emotion'"),
        ("file,emotion,speaker,file\n", "line 1: found the column 'file' twice"),
        (HEADER + "a.wav,anger,x\n", "line 2: found 3 fields, expected 5 as in"),
        (HEADER + "a.wav,anger,x,0,1,2\n", "line 2: found 6 fields, expected 5 as in"),
        (HEADER + ",anger,x,,\n", "line 2: file is empty"),
        (HEADER + "a.wav,,x,,\n", "line 2: emotion is empty"),
        (HEADER + "a.wav,anger,,,\n", "line 2: speaker is empty"),
        (HEADER + "a.wav,anger,x,one,\n", "line 2: start is 'one'; expected seconds"),
        (HEADER + "a.wav,anger,x,,nan\n", "line 2: end is 'nan'; expected seconds"),
        (HEADER + "a.wav,anger,x,,inf\n", "line 2: end is 'inf'; expected seconds"),
        (HEADER + "a.wav,anger,x,-1,\n", "line 2: start is '-1'; expected seconds"),
        (HEADER + "a.wav,anger,x,1,1\n", "line 2: end 1 is not after start 1"),
        (HEADER + "a.wav,anger,x,,0\n", "line 2: end 0 is not after start 0"),
        (HEADER + "a.wav,anger,x,,\n./a.wav,calm,y,0,\n", "line 3: a.wav is also in line 2"),
        (HEADER + 'a.wav,"anger,x,,\n', "found no CSV"),
        (
            HEADER + "c.wav,anger,x,,\n",
            r"lists 1 file that does not exist: c\.wav \(line 2\); paths are relative",
        ),
    ],
)
def test_errors_are_one_line_and_name_the_line(write, text, message):
    with pytest.raises(CorpusError, match=message) as caught:
        open_corpus("manifest", write(text))
    assert "\n" not in str(caught.value)


def test_the_error_for_missing_files_counts_them_and_names_the_first(write):
    rows = "".join(f"{number}.wav,anger,x\n" for number in range(7))
    with pytest.raises(CorpusError, match=r"7 files that do not exist: 0\.wav \(line 2\),.* and 2 more"):
        open_corpus("manifest", write("file,emotion,speaker\n" + rows))


PLAIN = "file,emotion,speaker\na.wav,anger,x\n"


@pytest.mark.parametrize(
    "text",
    [
        "File, EMOTION ,Speaker\na.wav,anger,x\n",
        "file,emotion,speaker,gender,age\na.wav,anger,x,f,30\n",
        ",file,emotion,speaker\n0,a.wav,anger,x\n",
        "Unnamed: 0,filename,emotion,speaker\n0,a.wav,anger,x\n",
        "path,emotion,speaker,start,end\na.wav,anger,x,,NaT\n",
        "file,emotion,speaker,,\na.wav,anger,x,,,,\n",
        "file,emotion,speaker\n.\\a.wav,anger,x\n",
        "file,emotion,speaker\ra.wav,anger,x\r",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_of_spreadsheets_and_pandas_are_read(write, text, encoding):
    plain = open_corpus("manifest", write(PLAIN)).utterances
    assert open_corpus("manifest", write(text, encoding)).utterances == plain


def test_times_may_be_clock_times(write):
    rows = "a.wav,anger,x,0 days,0 days 00:00:00.2\nb.wav,calm,x,00:00:00.1,\n"
    opened = open_corpus("manifest", write("file,emotion,speaker,start,end\n" + rows))
    assert [(u.start_s, u.end_s) for u in opened.utterances] == [(0.0, 0.2), (0.1, None)]


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_names_match_in_every_unicode_normal_form(write, sound, tmp_path, listed, stored):
    (tmp_path / unicodedata.normalize(stored, "Früh")).mkdir()
    sound(tmp_path / unicodedata.normalize(stored, "Früh") / unicodedata.normalize(stored, "Gespräch.wav"))
    name = unicodedata.normalize(listed, "Früh\\Gespräch.wav")
    (utterance,) = open_corpus("manifest", write(f"file,emotion,speaker\n{name},anger,x\n")).utterances
    assert utterance.name == "Früh/Gespräch.wav"
    assert utterance.audio.is_file()


def test_text_that_is_not_utf_8_is_refused(write):
    with pytest.raises(CorpusError, match="expected UTF-8 or UTF-16"):
        open_corpus("manifest", write("file,emotion,speaker\na.wav,anger,Zoë\n", encoding="latin-1"))


@pytest.mark.parametrize(
    ("speakers", "folds", "protocol"),
    [(4, 4, "manifest-1-loso4"), (10, 10, "manifest-1-loso10"), (23, 10, "manifest-1-10fold-23speakers")],
)
def test_up_to_ten_speakers_have_a_fold_each_and_more_are_grouped(write, speakers, folds, protocol):
    rows = "".join(f"a.wav,anger,s{number:02},{number * 0.01}\n" for number in range(speakers))
    opened = open_corpus("manifest", write("file,emotion,speaker,start\n" + rows))
    assert len(opened.folds()) == folds
    assert opened.protocol == protocol
    assert sorted(speaker for fold in opened.folds() for speaker in fold.test) == list(opened.speakers)


def test_three_speakers_are_too_few(write):
    opened = open_corpus(
        "manifest", write("file,emotion,speaker,start\na.wav,anger,x,\nb.wav,calm,y,\na.wav,calm,z,0.1\n")
    )
    with pytest.raises(CorpusError, match=r"3 speakers \(x, y, z\).*disjoint speakers"):
        opened.folds()


def test_missing_files_are_left_out_if_allowed(write, caplog):
    path = write("file,emotion,speaker\na.wav,anger,x\nc.wav,anger,x\n")
    (utterance,) = open_corpus("manifest", path, allow_missing=True).utterances
    assert utterance.name == "a.wav"
    assert "lists 1 file that does not exist: c.wav (line 3)" in caplog.text
    with pytest.raises(CorpusError, match="holds no utterance"):
        open_corpus("manifest", write("file,emotion,speaker\nc.wav,anger,x\n"), allow_missing=True)


def test_an_option_that_a_corpus_does_not_have_is_refused(write):
    path = write("file,emotion,speaker\na.wav,anger,x\n")
    with pytest.raises(CorpusError, match="manifest has no option mood; its options: allow_missing"):
        open_corpus("manifest", path, mood="any")

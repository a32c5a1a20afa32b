"""Which recordings a bulk prediction reads, and in which batches."""

from pathlib import Path

import pytest

from emotrace.distributed.inputs import BATCH_FILES, BATCH_S, Input, find_inputs, make_batches
from emotrace.errors import EmotraceError, MissingExtraError

pytest.importorskip("fsspec")


def test_folders_patterns_and_manifests_name_the_same_recordings(tmp_path: Path) -> None:
    for name in ("b/2.WAV", "a/1.wav", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(64_000))
    (tmp_path / "list.csv").write_text("name,FILE,duration\nx,a/1.wav,2\ny,b/2.WAV,\n")
    expected = [str(tmp_path / "a/1.wav"), str(tmp_path / "b/2.WAV")]
    for source in (
        tmp_path,
        f"{tmp_path}/*/*",
        f"{tmp_path}/**",
        f"file://{tmp_path}",
        tmp_path / "list.csv",
    ):
        assert [one.file for one in find_inputs(str(source))] == expected
    assert [one.seconds for one in find_inputs(str(tmp_path))] == [2.0, 2.0]
    assert find_inputs(str(tmp_path / "list.csv"))[0].seconds == 2.0


def test_urls_stay_urls() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/calls/1.flac", bytes(16_000))
    memory.pipe_file("/calls/list.csv", b"file\n1.flac\nmemory://other/2.wav\n")
    assert find_inputs("memory://calls/*.flac") == [Input("memory:///calls/1.flac", 1.0)]
    assert [one.file for one in find_inputs("memory://calls/list.csv")] == [
        "memory://calls/1.flac", "memory://other/2.wav"
    ]  # fmt: skip
    memory.rm("/calls", recursive=True)


def test_wrong_inputs_are_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("name\nx\n")
    (tmp_path / "twice.csv").write_text("file\na.wav\na.wav\n")
    (tmp_path / "long.csv").write_text("file,duration\na.wav,-1\n")
    for name, reason in (
        ("none.csv", "no column 'file'"),
        ("twice.csv", r"line 3: found .*a\.wav, which line 2 lists too"),
        ("long.csv", "duration is '-1'; expected seconds"),
        ("missing.csv", "found nothing that can be read"),
        ("*.wav", "found no recording; expected a folder, a pattern"),
    ):
        with pytest.raises(EmotraceError, match=reason):
            find_inputs(str(tmp_path / name))
    with pytest.raises(EmotraceError, match="Protocol not known: nowhere"):
        find_inputs("nowhere://a/*.wav")


def test_a_store_whose_package_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    def missing(source: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(MissingExtraError, match="Install s3fs"):
        find_inputs("s3://calls/*.wav")


def test_batches_hold_every_file_once_and_about_as_much_audio() -> None:
    inputs = [Input(f"{i}", 2000.0 if i == 77 else 7.0 if i % 40 == 1 else 0.5) for i in range(3000)]
    batches = make_batches(inputs)
    assert sorted(one.file for batch in batches for one in batch) == sorted(one.file for one in inputs)
    assert [one.file for one in batches[0]] == ["77"]
    for batch in batches[1:]:
        assert len(batch) <= BATCH_FILES
        assert sum(one.seconds for one in batch) <= BATCH_S

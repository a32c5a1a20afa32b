"""Claims about `emotrace export`."""

from pathlib import Path

import pytest
from command_line import Call, assert_refused, options

from emotrace.inference.recogniser import load


@pytest.mark.slow
def test_export_writes_the_model_of_a_fold_and_refuses_other_folders(
    call: Call, base: dict[str, object], tmp_path: Path
) -> None:
    system = ("--system", "pcn")
    code, out, err = call("crossval", *options(base), *system, "--folds", "2", "--output", tmp_path / "run")
    assert code == 0
    assert out.startswith("manifest-2-loso5, pcn\n")
    assert all(line.startswith("seed 1, fold cem") for line in err.splitlines())
    fold = tmp_path / "run" / "seed-1" / "fold-cem"
    code, out, err = call("export", fold, "--output", tmp_path / "new" / "model")
    assert (code, out, err) == (0, f"{tmp_path / 'new' / 'model'}\n", "")
    config = load(tmp_path / "new" / "model").config
    assert config.output == "log_scores"
    assert "test speakers cem" in config.protocol
    assert set(config.figures) == {"test WA", "test UA"}
    assert_refused(call("export", tmp_path / "run", "--output", tmp_path / "b"), "has no run.json")
    assert_refused(call("export", tmp_path / "none", "--output", tmp_path / "b"), "has no run.json")
    assert_refused(call("export", fold, "--output", fold), "holds other files")

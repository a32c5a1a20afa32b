"""The cells of the notebook run in order."""

import io
import json
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from documents.pages import ROOT

NOTEBOOK = ROOT / "examples" / "tour.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_the_cells_are_small_and_each_part_has_a_heading() -> None:
    assert max(len(text.splitlines()) for text in CODE) <= 24
    assert max(len(line) for text in CODE for line in text.splitlines()) <= 110
    headings = [cell["source"][0].strip() for cell in CELLS if cell["cell_type"] == "markdown"]
    assert {"## Predict", "## Trace", "## Train", "## Compare two runs"} <= {*headings}


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with redirect_stdout(printed), warnings.catch_warnings():
        for number, text in enumerate(CODE):
            exec(compile(text, f"cell {number}", "exec"), names)  # noqa: S102
    assert "UA on the validation speakers" in printed.getvalue()
    assert "McNemar" in printed.getvalue()
    assert len(matplotlib.pyplot.get_fignums()) == 2
    matplotlib.pyplot.close("all")

"""Learning curves of earlier versions are read, and drawn with what they measured."""

import math
from pathlib import Path

from emotrace.experiments.learning_curves import curves_png, read_curve


def test_a_curve_of_an_earlier_version_has_no_training_ua(tmp_path: Path) -> None:
    folder = tmp_path / "back"
    folder.mkdir()
    (folder / "curve.csv").write_text("epoch,train_loss,val_loss,val_ua\n0,1.5,1.25,0.5\n")
    (folder / "done").write_text("1 1\n")
    curve = read_curve(folder, "03", 1)
    assert curve.rows[0][:4] == (0, 1.5, 1.25, 0.5)
    assert math.isnan(curve.rows[0][4])
    assert curves_png([curve]).startswith(b"\x89PNG")

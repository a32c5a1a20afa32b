import io

import pytest
from matplotlib.image import imread

from emotrace.evaluation.confusion import confusion_png, confusion_text, recalls


def test_the_text_has_an_aligned_row_per_true_class() -> None:
    header, *rows = confusion_text(("anger", "happiness"), ((10, 5), (0, 123))).splitlines()
    assert header.split() == ["truth", "\\", "predicted", "anger", "happiness", "recall"]
    assert [row.split() for row in rows] == [
        ["anger", "10", "5", "66.7", "%"],
        ["happiness", "0", "123", "100.0", "%"],
    ]
    assert len({len(line) for line in (header, *rows)}) == 1


def test_a_class_without_utterances_has_no_recall() -> None:
    assert recalls(((0, 0), (1, 3))) == (None, 0.75)


@pytest.mark.parametrize("classes", [1, 4, 11])
def test_the_image_is_a_png_of_reasonable_size(classes: int) -> None:
    labels = [f"emotion {i}" for i in range(classes)]
    png = confusion_png(labels, [[i * j for j in range(classes)] for i in range(classes)], title="10 folds")
    height, width, _ = imread(io.BytesIO(png)).shape
    assert 300 < height < width < 2000


def test_full_cells_are_darker_than_empty_cells() -> None:
    dark = imread(io.BytesIO(confusion_png(["a", "b"], [[500, 0], [0, 3]])))
    light = imread(io.BytesIO(confusion_png(["a", "b"], [[0, 0], [0, 0]])))
    assert dark.mean() < light.mean()

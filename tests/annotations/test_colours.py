"""The colours of pictures are distinguishable, with red-green colour blindness too."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from emotrace.annotations.formats.plot import COLOURS

Array = npt.NDArray[np.float64]

# Linear RGB as it is seen: Machado et al. (2009), severity 1.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
BASIC = ("anger", "happiness", "sadness", "neutral", "fear", "disgust")
MODELS = [
    (*BASIC, "boredom"),
    (*BASIC, "surprise", "calm"),
    ("anger", "happiness", "sadness", "neutral", "excitement", "frustration"),
    ("anger", "emphatic", "neutral", "positive", "rest"),
]


def cielab(colour: str, vision: Array) -> Array:
    """A colour in CIELAB, where a distance of 2 is barely visible."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(vision @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("emotions", MODELS, ids="-".join)
def test_the_emotions_of_a_model_have_distinguishable_colours(emotions: tuple[str, ...], vision: str) -> None:
    seen = [cielab(COLOURS[emotion], VISIONS[vision]) for emotion in emotions]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15

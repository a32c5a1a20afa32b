"""The systems of Table 5: each row of `SYSTEMS` is one system, and names the parts it is built from.

The parts are in three tables: `FRONTS` in `models/front.py`, `CONTEXTS` in `models/back.py`, `HEADS` in
`models/heads/registry.py`. A new system that combines existing parts is one row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.errors import RecipeError
from emotrace.models.encoders.files import find_encoder
from emotrace.recipe import Recipe


@dataclass(frozen=True)
class Literature:
    """Settings that a baseline from the literature fixes; the paper's own systems take them from the recipe.

    Attributes:
        units: units of the recurrent layer, per direction
        dense: units of the layer before the output; None: no such layer
        max_frames: frames of the longest window; None: the recipe's
    """

    units: int
    dense: int | None = None
    max_frames: int | None = None


@dataclass(frozen=True)
class System:
    """One system: its parts by name.

    Attributes:
        front: convolutions over the spectrogram, a key of `FRONTS`; None: none. "cnn" reads the linear
            log-spectrogram, "encoder" is a pretrained speech encoder, and all others read log-Mel
        context: layers over time, a key of `CONTEXTS`; None: none
        attention: whether self-attention follows the context layers
        head: output layer and loss, a key of `HEADS`
        literature: settings of a baseline from the literature; None: one of the paper's own systems
    """

    front: str | None
    context: str | None
    attention: bool
    head: str
    literature: Literature | None = None

    @property
    def linear_spectrogram(self) -> bool:
        """Whether the input is the linear log-spectrogram instead of log-Mel."""
        return self.front == "cnn"

    @property
    def pretrained_encoder(self) -> bool:
        """Whether a frozen speech encoder takes the place of the spectrogram and the convolutions."""
        return self.front == "encoder"

    @property
    def stages(self) -> int:
        """2 where the back end is trained on the features of a front that was trained before it."""
        trained = self.front and not self.pretrained_encoder
        return 2 if trained and self.context and self.literature is None else 1

    def max_frames(self, recipe: Recipe) -> int:
        """Frames of the longest window: of 10 ms, or of the encoder."""
        if self.pretrained_encoder:
            return recipe.max_frames * FRAME_HOP_SAMPLES // find_encoder(recipe.front.encoder).hop_samples
        fixed = None if self.literature is None else self.literature.max_frames
        return recipe.max_frames if fixed is None else fixed

    def ctc_target(self, recipe: Recipe) -> str:
        """The CTC target, "single" or "repeated"; for the baseline that of Han et al. (2018)."""
        return recipe.ctc_target if self.literature is None else "repeated"

    def decoding(self, recipe: Recipe) -> Literal["likelihood", "vote"]:
        """How CTC posteriors become scores; for the baseline the majority vote of Han et al. (2018)."""
        return recipe.decoding if self.literature is None else "vote"


SYSTEMS = {
    "pcn": System("pcn", None, attention=False, head="mean"),
    "pcnse": System("pcnse", None, attention=False, head="mean"),
    "pcn-sablstm": System("pcn", "blstm", attention=True, head="mean"),
    "pcnse-sablstm": System("pcnse", "blstm", attention=True, head="mean"),
    "pcn-sadrn": System("pcn", "drn", attention=True, head="mean"),
    "pcnse-drn-gmp": System("pcnse", "drn", attention=False, head="max"),
    "pcnse-drn-gap": System("pcnse", "drn", attention=False, head="mean"),
    "pcnse-sadrn": System("pcnse", "drn", attention=True, head="mean"),
    "pcnse-sadrn-ctc": System("pcnse", "drn", attention=True, head="ctc"),
    "cnn-blstm": System("cnn", "blstm", False, "last", Literature(units=128, max_frames=297)),
    "cnn-gru": System("cnn", "bgru", False, "mean", Literature(units=128, dense=64, max_frames=1000)),
    "blstm-ctc": System(None, "blstm", False, "ctc", Literature(units=256, dense=128)),
    "sadrn-ctc": System(None, "drn", attention=True, head="ctc"),
    "encoder-sadrn": System("encoder", "drn", attention=True, head="mean"),
    "encoder-sadrn-ctc": System("encoder", "drn", attention=True, head="ctc"),
}


def find_system(name: str) -> System:
    """The system of that name.

    Raises:
        RecipeError: there is no such system.

    >>> find_system("pcnse-sadrn-ctc").stages
    2
    """
    if name not in SYSTEMS:
        raise RecipeError(f"unknown system {name}; known: {', '.join(SYSTEMS)}")
    return SYSTEMS[name]

"""The systems of Table 5: a row of `SYSTEMS` shows how one differs from the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotrace.errors import RecipeError
from emotrace.recipe import Recipe


@dataclass(frozen=True)
class Literature:
    """What a baseline from the literature fixes, where the paper's own systems go by the recipe.

    Attributes:
        units: of its recurrent layer, per direction
        dense: of the layer before the output; None: there is none
        longest_frames: of a window; None: the recipe's
    """

    units: int
    dense: int | None = None
    max_frames: int | None = None


@dataclass(frozen=True)
class System:
    """What distinguishes a system: its front, its back end, what follows it, and its loss.

    The front "cnn" starts from a linear log-spectrogram, all others (None: no layer at all) from log-Mel.
    """

    front: Literal["pcn", "pcnse", "cnn", None]
    back: Literal["drn", "blstm", "bgru", None]
    gather: Literal["attention", "max", "mean", "last", None]
    loss: Literal["cross-entropy", "ctc"]
    literature: Literature | None = None

    @property
    def stages(self) -> int:
        """2 where a back end is trained on the features of a front trained before it."""
        return 2 if self.front and self.back and self.literature is None else 1

    def max_frames(self, recipe: Recipe) -> int:
        """Frames of the longest window."""
        own = None if self.literature is None else self.literature.max_frames
        return recipe.max_frames if own is None else own

    def ctc_target(self, recipe: Recipe) -> str:
        """The CTC target: Han et al.'s for their own system."""
        return recipe.ctc_target if self.literature is None else "repeated"

    def decoding(self, recipe: Recipe) -> Literal["likelihood", "vote"]:
        """How posteriors become scores, Han et al.'s way for their own system."""
        return recipe.decoding if self.literature is None else "vote"


SYSTEMS = {
    "pcn": System("pcn", None, "mean", "cross-entropy"),
    "pcnse": System("pcnse", None, "mean", "cross-entropy"),
    "pcn-sablstm": System("pcn", "blstm", "attention", "cross-entropy"),
    "pcnse-sablstm": System("pcnse", "blstm", "attention", "cross-entropy"),
    "pcn-sadrn": System("pcn", "drn", "attention", "cross-entropy"),
    "pcnse-drn-gmp": System("pcnse", "drn", "max", "cross-entropy"),
    "pcnse-drn-gap": System("pcnse", "drn", "mean", "cross-entropy"),
    "pcnse-sadrn": System("pcnse", "drn", "attention", "cross-entropy"),
    "pcnse-sadrn-ctc": System("pcnse", "drn", "attention", "ctc"),
    "cnn-blstm": System("cnn", "blstm", "last", "cross-entropy", Literature(128, max_frames=297)),
    "cnn-gru": System("cnn", "bgru", "mean", "cross-entropy", Literature(128, 64, max_frames=1000)),
    "blstm-ctc": System(None, "blstm", None, "ctc", Literature(256, 128)),
    "sadrn-ctc": System(None, "drn", "attention", "ctc"),
}


def find_system(name: str) -> System:
    """The system of that name.

    Raises:
        RecipeError: there is none.
    """
    if name not in SYSTEMS:
        raise RecipeError(f"unknown system {name}; known: {', '.join(SYSTEMS)}")
    return SYSTEMS[name]

"""The table of heads. A new head is a module in this package with a builder, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from emotrace.models.architectures import System
from emotrace.models.heads.ctc import build_ctc_head
from emotrace.models.heads.head import Head
from emotrace.models.heads.pooling import build_pooled_head
from emotrace.recipe import Recipe

# A builder takes the recipe, the system, the number of features and labels, and the 10-ms frames of a step.
HEADS: dict[str, Callable[[Recipe, System, int, int, float], Head]] = {
    "ctc": build_ctc_head,
    "mean": partial(build_pooled_head, "mean"),
    "max": partial(build_pooled_head, "max"),
    "last": partial(build_pooled_head, "last"),
}

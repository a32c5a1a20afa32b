"""Texts that users give: pairs of labels, lists of emotions, the file of a collection."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from emotrace.cli.options import parse_map, parse_names
from emotrace.corpora.collection import read_collection
from emotrace.errors import EmotraceError
from emotrace.inference.result import choose_labels
from fuzz.mutations import mutated

LABELS = ("anger", "happiness", "neutral", "sadness")
COLLECTION = b"""emotions = ["anger", "neutral"]
[corpora.emodb]
root = "$SPEECH/berlin"
map = { boredom = "neutral" }
[corpora.calls]
corpus = "manifest"
root = "calls.csv"
weight = 0.5
"""
VALID = {  # what a user may write, by the name of the option
    "map": b"angry=anger, exc=happiness",
    "emotions": b"anger, neutral,sadness",
    "collection": COLLECTION,
}


def read_text(random: np.random.Generator, folder: Path) -> tuple[str, str]:
    """Read a damaged text; returns the option and the error, which is empty if it was read.

    An error of an unexpected type is raised.
    """
    names = list(VALID)
    option = names[int(random.integers(len(names)))]
    content = mutated(VALID[option], option, list(VALID.values()), random)
    path = folder / "collection.toml"
    path.write_bytes(content)
    text = content.decode(errors="replace")
    readers: dict[str, Callable[[], object]] = {
        "map": lambda: parse_map(text, "--map"),
        "emotions": lambda: choose_labels(LABELS, parse_names(text, "--emotions")),
        "collection": lambda: read_collection(path),
    }
    try:
        readers[option]()
    except EmotraceError as error:
        return option, str(error)
    return option, ""

"""The model that comes with the package."""

from pathlib import Path

from emotrace.errors import ModelError

NAME = "emotrace-emodb-1"
FOLDER = Path(__file__).parents[1] / "pretrained" / NAME


def pretrained_model() -> Path:
    """The folder of the model that ships.

    Raises:
        ModelError: if this package has none
    """
    if not FOLDER.is_dir():
        raise ModelError(
            "found no model: none ships with this emotrace; name a model folder (--model DIR), or train "
            "one with `emotrace train`"
        )
    return FOLDER

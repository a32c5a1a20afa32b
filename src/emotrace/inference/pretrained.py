"""The pretrained model that comes with the package."""

from pathlib import Path

from emotrace.errors import ModelError

NAME = "emotrace-emodb-1"
FOLDER = Path(__file__).parents[1] / "pretrained" / NAME


def pretrained_model() -> Path:
    """The folder of the pretrained model.

    Raises:
        ModelError: if the package was installed without it
    """
    if not FOLDER.is_dir():
        raise ModelError(
            "found no pretrained model in this installation of emotrace; name a model folder (--model DIR), "
            "or train a model with `emotrace train`"
        )
    return FOLDER

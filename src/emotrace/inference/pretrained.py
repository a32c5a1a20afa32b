"""The models that come with the package or with its source, by name."""

import logging
from pathlib import Path

from emotrace.errors import ModelError
from emotrace.inference.model_folder import CONFIG_FILE

NAME = "emotrace-emodb-crema-d-1"  # the default
PRETRAINED = Path(__file__).parents[1] / "pretrained"
FOLDER = PRETRAINED / NAME
RESEARCH_NAME = "emotrace-research-1"
RESEARCH_FOLDER = Path(__file__).parents[3] / "models" / RESEARCH_NAME  # beside `src`; in no wheel
FREE_LICENSES = ("", "mit", "apache-2.0")  # licenses of models that need no notice

logger = logging.getLogger(__name__)


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


def named_model(name: str) -> Path | None:
    """The folder of a model that has this name and comes with the package or its source; None: there is none.

    Raises:
        ModelError: if it is the model for research, and the package was installed without its source
    """
    if name == NAME:
        return pretrained_model()
    if name != RESEARCH_NAME:
        folder = PRETRAINED / name
        return folder if folder.parent == PRETRAINED and (folder / CONFIG_FILE).is_file() else None
    if not RESEARCH_FOLDER.is_dir():
        raise ModelError(
            f"{name} is not part of the installed package, because its license forbids commercial use; "
            f"get the source of emotrace, and give its folder models/{name}"
        )
    return RESEARCH_FOLDER


def log_license(name: str, license_name: str) -> None:
    """Log a line about a license that restricts the use of the model.

    >>> log_license("tiny", "mit")
    """
    if license_name not in FREE_LICENSES:
        logger.warning("%s has the license %s; see the model's README.md", name, license_name)

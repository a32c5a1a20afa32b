"""Models on the Hugging Face hub, named `owner/name@revision` and downloaded when they are first used."""

import os
import re
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from emotrace.errors import MissingExtraError, ModelError
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.model_folder import CONFIG_FILE
from emotrace.inference.pretrained import named_model

HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>.*))?")


def find_model_folder(model: str | os.PathLike[str]) -> Path:
    """The folder of a model: the folder itself; if it does not exist, a known name, or the hub's download.

    >>> find_model_folder("runs/emodb/model").as_posix()
    'runs/emodb/model'

    Raises:
        MissingExtraError: if the model is on the hub and the extra `hub` is not installed
        ModelError: if the name has no revision, or the hub does not provide the model
    """
    path = Path(model)
    name = HUB_NAME.fullmatch(path.as_posix())
    if path.exists():
        return path
    if known := named_model(path.as_posix()):
        return known
    if not name:
        return path
    if not name["revision"]:
        raise ModelError(
            f"{path}: found no such folder; check --model, and name a model of the hub with its revision, a "
            f"commit or a tag, as in {name['repository']}@v1"
        )
    return fetch(name["repository"], name["revision"])


def fetch(repository: str, revision: str) -> Path:
    """Download `config.json` and the files that it lists, unless they are there; hashes are not checked here.

    The folder is below $HF_HOME. A commit hash always names the same files. A tag or a branch can move, so
    the hub is queried for it each time.

    Raises:
        MissingExtraError: if the extra `hub` is not installed
        ModelError: if the name is none of a model, or the hub does not provide the model
    """
    name = f"{repository}@{revision}"
    for part in (*repository.split("/"), *revision.split("/")):  # a dot would lead out of the folder
        if part.startswith(".") or not part or not part.isprintable():
            raise ModelError(
                f"found {part!r} in {name!r}, expected owner/name@revision with a commit or a tag, as in "
                "owner/name@v1; check --model"
            )
    try:
        from huggingface_hub import constants, hf_hub_download
    except ImportError:
        raise MissingExtraError(
            f"{name}: found no such folder, and no huggingface_hub to fetch it; run: "
            'pip install "emotrace[hub]"'
        ) from None
    folder = Path(constants.HF_HOME, "emotrace", quote(repository, safe=""), quote(revision, safe=""))
    try:
        hf_hub_download(repository, CONFIG_FILE, revision=revision, local_dir=folder)
        for file in _listed_files(folder):
            hf_hub_download(repository, file, revision=revision, local_dir=folder)
    except Exception as error:  # noqa: BLE001 - the client's errors have no common base class
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{name}: the hub does not provide it ({reason}); check name and revision") from None
    return folder


def _listed_files(folder: Path) -> list[str]:
    try:
        return list(ModelConfig.model_validate_json((folder / CONFIG_FILE).read_bytes()).sha256)
    except ValidationError:  # `load_model_folder` reports the problem
        return []

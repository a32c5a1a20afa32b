"""Models of the Hugging Face hub, fetched where one is named with its revision: `owner/name@revision`."""

import os
import re
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from emotrace.errors import MissingExtraError, ModelError
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.model_folder import CONFIG_FILE

ON_HUB = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>.*))?")


def find_model_folder(model: str | os.PathLike[str]) -> Path:
    """The folder of a model: itself or, if there is none and it is named as on the hub, what is fetched.

    >>> find_model_folder("runs/emodb/model").as_posix()
    'runs/emodb/model'

    Raises:
        MissingExtraError: if the model is on the hub and the extra `hub` is not installed
        ModelError: if no revision is named, or the hub does not give it
    """
    path = Path(model)
    named = ON_HUB.fullmatch(path.as_posix())
    if path.exists() or not named:
        return path
    if not named["revision"]:
        raise ModelError(
            f"{path}: found no such folder; check --model, and name a model of the hub with its revision, a "
            f"commit or a tag, as in {named['repository']}@v1"
        )
    return fetch(named["repository"], named["revision"])


def fetch(repository: str, revision: str) -> Path:
    """Fetch `config.json` and the files that it lists, or find them fetched; hashes are not checked here.

    The folder lies below $HF_HOME. A commit's hash always names the same files; a tag or a branch can be
    moved, and is asked for anew each time.

    Raises:
        MissingExtraError: if the extra `hub` is not installed
        ModelError: if the hub does not give it
    """
    name = f"{repository}@{revision}"
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
        for file in _listed(folder):
            hf_hub_download(repository, file, revision=revision, local_dir=folder)
    except Exception as error:  # noqa: BLE001 - no answer, no repository …: kinds without a common base
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{name}: the hub does not give it ({reason}); check name and revision") from None
    return folder


def _listed(folder: Path) -> list[str]:
    try:
        return list(ModelConfig.model_validate_json((folder / CONFIG_FILE).read_bytes()).sha256)
    except ValidationError:  # who opens the folder says what is wrong with it
        return []

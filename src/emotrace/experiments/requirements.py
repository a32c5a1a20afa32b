"""The packages that training needs, which the extra `train` installs."""

from __future__ import annotations

import importlib.util

from emotrace.errors import MissingExtraError

TRAINING_PACKAGES = ("torch", "sklearn", "audmetric", "matplotlib", "onnx", "onnxscript", "safetensors")


def require_training_packages() -> None:
    """Check that the extra `train` is installed.

    Raises:
        MissingExtraError: a package is missing.
    """
    missing = [name for name in TRAINING_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(f'found no {", ".join(missing)}; run: pip install "emotrace[train]"')

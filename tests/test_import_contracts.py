"""The import contracts in pyproject.toml cover every module, and packages stay small."""

import tomllib
from pathlib import Path

import emotrace

ROOT = Path(__file__).parents[1]
PACKAGE = Path(emotrace.__file__).parent
CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
}
USE_PYTORCH = {"cli", "experiments", "export", "features", "models", "training"}  # cli: inside functions
MODULES_PER_PACKAGE = 15
LARGER = {
    "cli": 20,  # one module for each command
    "inference": 19,
    "serving": 19,  # one module for each part of a request: body, audio, options, work, answer, access
    "training": 23,  # one module for each part of fitting one speaker split; all are used together
}


def top_level_modules() -> set[str]:
    """The packages and modules directly below `emotrace`."""
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return packages | {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}


def test_every_module_may_use_pytorch_or_is_forbidden_to() -> None:
    (contract,) = (
        contract for contract in CONTRACTS.values() if "torch" in contract.get("forbidden_modules", ())
    )
    forbidden = {module.removeprefix("emotrace.") for module in contract["source_modules"]}
    assert forbidden | USE_PYTORCH == top_level_modules()
    assert not forbidden & USE_PYTORCH


def test_layers_are_exhaustive() -> None:
    (contract,) = (contract for contract in CONTRACTS.values() if contract["type"] == "layers")
    assert contract["exhaustive"]
    assert contract["exhaustive_ignores"] == ["__main__"]


def test_loaders_and_formats_are_independent_by_wildcard() -> None:
    independent = [
        contract["modules"] for contract in CONTRACTS.values() if contract["type"] == "independence"
    ]
    assert independent == [["emotrace.corpora.loaders.*"], ["emotrace.annotations.formats.*"]]


def test_no_package_has_more_than_fifteen_modules_without_a_reason() -> None:
    sizes = {
        init.parent.relative_to(PACKAGE).as_posix(): len(list(init.parent.glob("*.py"))) - 1
        for init in PACKAGE.rglob("__init__.py")
    }
    assert [name for name, size in sizes.items() if size > LARGER.get(name, MODULES_PER_PACKAGE)] == []

"""The recipes of this package, and the reader of recipe files."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotrace.errors import RecipeError
from emotrace.recipe import Recipe, merge_settings, resolve

SHIPPED = Path(__file__).parent


def load_recipe(files: Sequence[Path | str] = ()) -> Recipe:
    """The recipe `default` with other recipes merged into it in order; later values win.

    `default` has the settings that reached the best accuracy in our measurements. `paper` has those of the
    paper; it sets every key that `default` sets.

    Args:
        files: paths of TOML files, or names of recipes of this package such as `paper`

    Raises:
        RecipeError: a file does not exist or is not TOML, a key is unknown, or a value is out of range

    >>> load_recipe(["paper"]).front.batch_norm_eps
    0.001
    """
    settings = Recipe().model_dump()
    for file in ("default", *files):
        settings = merge_settings(settings, _read(file))
    return resolve(settings)


def _read(file: Path | str) -> dict[str, Any]:
    """The settings in a recipe file, under their current names."""
    path = Path(file)
    if not path.is_file() and path.suffix == "" and (SHIPPED / f"{file}.toml").exists():
        path = SHIPPED / f"{file}.toml"
    try:
        return Recipe.with_current_names(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
        raise RecipeError(f"no recipe {file}; give a TOML file or one of {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{file} is not a TOML file: {error}") from None
    except ValueError as error:
        raise RecipeError(f"{file}: {error}") from None
    except OSError as error:
        raise RecipeError(f"recipe {file} cannot be read: {error.strerror}") from None

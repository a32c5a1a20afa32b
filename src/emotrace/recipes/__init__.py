"""The recipes of this package, and how recipes are read, merged and compared."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emotrace.errors import RecipeError
from emotrace.recipe import Recipe
from emotrace.system.text_encoding import read_bounded

SHIPPED = Path(__file__).parent

_LIMIT = 1 << 20  # bytes; the recipes of this package have less than 1 % of it
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}){{16}}")


def load_recipe(files: Sequence[Path | str] = (), corpus: str = "", system: str = "") -> Recipe:
    """The recipe `default` with other recipes merged into it in order; later values win.

    `default` has the settings that reached the best accuracy in our measurements. `paper` has those of the
    paper; it sets every key that `default` sets.

    Args:
        files: paths of TOML files, or names of recipes of this package such as `paper`
        corpus: name of the corpus, whose parts of these recipes are merged too, as `applied_recipes` lists
        system: name of the system; `encoder` is laid over `default` for those with a pretrained encoder

    Raises:
        RecipeError: a file does not exist or is not TOML, a key is unknown, or a value is out of range

    >>> load_recipe(["paper"]).front.batch_norm_eps
    0.001
    """
    settings = Recipe().model_dump()
    for file in applied_recipes(files, corpus, system):
        settings = merge_settings(settings, _read(file))
    return resolve(settings)


def applied_recipes(files: Sequence[Path | str], corpus: str = "", system: str = "") -> list[Path | str]:
    """The recipes that `load_recipe` merges, in order: each with its part for the corpus, if there is one.

    >>> applied_recipes(["paper"], "fau-aibo"), applied_recipes(["paper"], "iemocap")
    (['default', 'paper', 'paper.fau-aibo'], ['default', 'paper'])
    >>> applied_recipes([], system="encoder-sadrn-ctc")
    ['default', 'encoder']
    """
    if isinstance(files, str | Path):
        raise RecipeError(f"found the recipe {str(files)!r} alone, expected a list, such as [{str(files)!r}]")
    applied: list[Path | str] = []
    encoder = ("encoder",) if system.startswith("encoder-") else ()
    for file in ("default", *encoder, *files):
        applied.append(file)
        part = f"{file}.{corpus}"
        if not Path(file).is_file() and part == Path(part).name and (SHIPPED / f"{part}.toml").exists():
            applied.append(part)
    return applied


def resolve(settings: Mapping[str, Any]) -> Recipe:
    """A recipe with the given settings and defaults for the others; old names are read.

    Raises:
        RecipeError: a key is unknown, or a value is missing or out of range

    >>> resolve({"takes": 3, "features": {"bands": 26}}).features.n_mels
    26
    """
    try:
        return Recipe.model_validate(Recipe.with_current_names(settings))
    except ValidationError as error:
        raise RecipeError("; ".join(_describe(problem) for problem in error.errors())) from None
    except ValueError as error:
        raise RecipeError(str(error)) from None


def merge_settings(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two nested mappings; values of `above` win.

    >>> merge_settings({"front": {"width": 64, "layout": "inception"}}, {"front": {"width": 32}})
    {'front': {'width': 32, 'layout': 'inception'}}
    """
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = merge_settings(below[key], value) if both else value
    return merged


def differences(first: Any, second: Any, prefix: str = "") -> list[str]:
    """Dotted names of the settings that differ between two nested mappings.

    >>> differences({"system": "pcn", "recipe": {"masked": 1}}, {"system": "pcn", "recipe": {"masked": 0}})
    ['recipe.masked']
    """
    if not isinstance(first, dict) or not isinstance(second, dict):
        return [prefix]
    names = []
    for key in {**first, **second}:
        if first.get(key) != second.get(key):
            names += differences(first.get(key), second.get(key), f"{prefix}.{key}" if prefix else key)
    return names


def _read(file: Path | str) -> dict[str, Any]:
    """The settings in a recipe file, under their current names."""
    path = Path(file)
    if not path.is_file() and path.name == str(file) and (SHIPPED / f"{file}.toml").exists():
        path = SHIPPED / f"{file}.toml"
    try:
        return Recipe.with_current_names(parse_toml(read_bounded(path, _LIMIT).decode("utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
        raise RecipeError(f"no recipe {file}; give a TOML file or one of {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{file} is not a TOML file: {error}") from None
    except RecursionError:
        raise RecipeError(
            f"{file} is nested too deeply; a recipe has settings and tables of settings"
        ) from None
    except ValueError as error:
        raise RecipeError(f"{file}: {error}") from None
    except OSError as error:
        raise RecipeError(f"recipe {file} cannot be read: {error.strerror}") from None


def parse_toml(text: str) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        ValueError: it is not TOML, or has a long dotted key, on which the parser's memory grows quadratically
    """
    long_key = _LONG_KEY.search(text)
    if long_key is not None:
        raise ValueError(f"found the key {long_key[0][:40]!r}..., expected names such as stage1.epochs")
    return tomllib.loads(text)


def _describe(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in problem["loc"][:-1]:
            section = section.model_fields[part].annotation
        return f"unknown recipe key {key}; known here: {', '.join(section.model_fields)}"
    if problem["type"] == "missing":
        return f"recipe key {key} is missing"
    return f"recipe key {key} is {problem['input']!r}: {problem['msg']}"

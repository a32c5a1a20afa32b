"""Fills the reference pages from the code when the site is built: a hook of MkDocs.

A page has a comment such as `<!-- commands -->` where its generated part belongs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

import emotrace
from emotrace.cli.app import app
from emotrace.recipe import Recipe, Section
from emotrace.recipes import load_recipe

SYMBOLS = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}


def commands() -> str:
    """Every command with its arguments and options, as Markdown.

    >>> "## emotrace predict" in commands()
    True
    """
    page = app.generate_docs(output_format="markdown", heading_level=1)
    return page[page.index("## emotrace predict") :]


def settings() -> str:
    """A table for each section of the recipe.

    >>> "| `n_mels` | Mel bands |" in settings()
    True
    """
    return "\n".join(_tables(Recipe, load_recipe().model_dump(), load_recipe(["paper"]).model_dump()))


def public_names() -> str:
    """A heading for each kind of public name, and an entry of mkdocstrings for each name.

    >>> "::: emotrace.Recogniser" in public_names()
    True
    """
    objects = {name: getattr(emotrace, name) for name in emotrace.__all__}
    errors = [
        name for name, value in objects.items() if isinstance(value, type) and issubclass(value, Exception)
    ]
    classes = [name for name, value in objects.items() if isinstance(value, type) and name not in errors]
    functions = [name for name in objects if name not in (*errors, *classes)]
    groups = {"Functions": functions, "Classes": classes, "Errors": errors}
    return "\n\n".join(
        "\n\n".join([f"## {title}", *(f"::: emotrace.{name}" for name in names)])
        for title, names in groups.items()
    )


PARTS = {"commands": commands, "settings": settings, "public names": public_names}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the comments of a page by what they name."""
    return re.sub(r"<!-- (.+) -->", lambda found: PARTS[found[1]](), markdown)


def _tables(
    section: type[Section], default: dict[str, Any], paper: dict[str, Any], prefix: str = ""
) -> Iterator[str]:
    yield f"## {f'[{prefix}]' if prefix else 'Top level'}\n\n{(section.__doc__ or '').splitlines()[0]}\n"
    yield "| setting | meaning | values | default | paper |\n|---|---|---|---|---|"
    nested = {}
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            nested[name] = field.annotation
            continue
        values = " | ".join(f"`{_toml(column[name])}`" for column in (default, paper))
        yield f"| `{name}` | {field.description} | {_allowed(field)} | {values} |"
    yield ""
    for name, annotation in nested.items():
        yield from _tables(annotation, default[name], paper[name], name)


def _allowed(field: FieldInfo) -> str:
    """What a setting may be: its choices, or its type and range."""
    if get_args(field.annotation) and get_origin(field.annotation) is not tuple:
        return ", ".join(f"`{_toml(choice)}`" for choice in get_args(field.annotation))
    kind = {int: "integer", float: "number", bool: "`true` or `false`"}.get(
        field.annotation, "list of integers > 0"
    )
    limits = [
        f"{symbol} {getattr(limit, symbol_name):g}"
        for limit in field.metadata
        for constraint, symbol in SYMBOLS.items()
        for symbol_name in [constraint.__name__.lower()]
        if isinstance(limit, constraint)
    ]
    return " ".join([kind, ", ".join(limits)]).strip()


def _toml(value: Any) -> str:
    return json.dumps(value)

"""Each file, module, function, setting, system and command that docs/explanation/paper.md names exists."""

import importlib
import re
import shlex
from functools import reduce
from pathlib import Path

import pytest
from pydantic import BaseModel

from emotrace.cli.app import app
from emotrace.corpora import CORPORA
from emotrace.recipe import Recipe
from emotrace.recipes import SHIPPED, load_recipe

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "paper.md").read_text(encoding="utf-8")
BLOCKS = r"^```sh\n(.*?)^```$"
CALLS = "".join(re.findall(BLOCKS, PAGE, re.MULTILINE | re.DOTALL)).splitlines()
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
SETTINGS = [text for text in QUOTED if " = " in text]
PATHS = [text for text in QUOTED if "/" in text and " " not in text]
DOTTED = [text for text in QUOTED if re.fullmatch(r"\w+(\.\w+)+", text)]
WORDS = [text for text in QUOTED if re.fullmatch(r"[a-z][\w-]*", text)]


def keys(section: type[BaseModel]) -> set[str]:
    """The names of a recipe's settings, as in front.width."""
    found = set()
    for name, field in section.model_fields.items():
        found.add(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= {f"{name}.{key}" for key in keys(field.annotation)}
    return found


def exists(dotted: str) -> bool:
    """Whether emotrace has a module, class or function of this name."""
    parts = ["emotrace", *dotted.split(".")]
    for end in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:end]))
            reduce(getattr, parts[end:], module)
        except ImportError:
            continue
        except AttributeError:
            return False
        return True
    return False


def test_the_page_names_something_of_each_sort() -> None:
    assert min(map(len, (CALLS, SETTINGS, PATHS, DOTTED, WORDS))) > 0
    assert not exists("models.layers.attention.NoSuchClass")
    assert not exists("models.no_such_module")


@pytest.mark.parametrize("dotted", DOTTED)
def test_every_module_function_and_setting_exists(dotted: str) -> None:
    assert dotted in keys(Recipe) or exists(dotted)


@pytest.mark.parametrize("path", PATHS)
def test_every_file_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_valid(setting: str, tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(setting)
    load_recipe([tmp_path / "one.toml"])


@pytest.mark.parametrize("call", CALLS)
def test_every_command_is_valid(call: str) -> None:
    program, *tokens = shlex.split(call)
    if program == "python":
        assert (ROOT / tokens[0]).is_file()
        return
    assert program == "emotrace"
    _, bound = app.parse_args(tokens, print_error=False, exit_on_error=False)[:2]
    load_recipe(bound.arguments.get("recipe", ()))


def test_every_word_in_code_style_is_a_name_in_this_project() -> None:
    from emotrace.models.architectures import SYSTEMS
    from emotrace.models.layers.pcnse import LAYOUTS

    known = {*SYSTEMS, *LAYOUTS, *CORPORA, *keys(Recipe), *(file.stem for file in SHIPPED.glob("*.toml"))}
    modules = {word for word in WORDS if exists(word)}
    verbs = {name for name in app if not name.startswith("-")}
    assert set(WORDS) - known - modules - verbs == set()

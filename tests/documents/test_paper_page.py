"""docs/paper.md names nothing that does not exist: no file, module, function, setting, system or call."""

import importlib
import re
import shlex
from functools import reduce
from pathlib import Path

import pytest
from pydantic import BaseModel

from emotrace.cli.app import app
from emotrace.corpora import CORPORA
from emotrace.recipe import SHIPPED, Recipe, load_recipe

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
CALLS = re.findall(r"^    (.*)$", PAGE, re.MULTILINE)
QUOTED = sorted(set(re.findall(r"`([^`]+)`", PAGE)))
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
    """Whether it is a module of emotrace, or something within one."""
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


def test_the_page_names_some_of_everything() -> None:
    assert min(map(len, (CALLS, SETTINGS, PATHS, DOTTED, WORDS))) > 0
    assert not exists("model.drn.DilatedResidue")
    assert not exists("model.dnr")


@pytest.mark.parametrize("dotted", DOTTED)
def test_every_module_function_and_setting_is_there(dotted: str) -> None:
    assert dotted in keys(Recipe) or exists(dotted)


@pytest.mark.parametrize("path", [*PATHS, *re.findall(r"\]\(\.\./([^)#]+)", PAGE)])
def test_every_file_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_may_be_set_so(setting: str, tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(setting)
    load_recipe([tmp_path / "one.toml"])


@pytest.mark.parametrize("call", CALLS)
def test_every_call_is_one(call: str) -> None:
    program, *tokens = shlex.split(call)
    if program == "python":
        assert (ROOT / tokens[0]).is_file()
        return
    assert program == "emotrace"
    _, bound = app.parse_args(tokens, print_error=False, exit_on_error=False)[:2]
    load_recipe(bound.arguments.get("recipe", ()))


def test_every_word_in_code_is_a_name_of_ours() -> None:
    from emotrace.models.architectures import SYSTEMS
    from emotrace.models.layers.pcnse import LAYOUTS

    known = {*SYSTEMS, *LAYOUTS, *CORPORA, *keys(Recipe), *(file.stem for file in SHIPPED.glob("*.toml"))}
    modules = {word for word in WORDS if exists(word)}
    verbs = {name for name in app if not name.startswith("-")}
    assert set(WORDS) - known - modules - verbs == {"decay"}  # Keras's own word

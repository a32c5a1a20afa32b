"""The pages of the documentation: links, length, and the parts that are generated from the code."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from documents.pages import PAGES, ROOT, page_id

import emotrace
from emotrace.cli.app import app
from emotrace.recipe import Recipe, Section

LINK = re.compile(r"\]\(([^)\s]+)\)")
DOCUMENTS = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "results" / "README.md",
]


@pytest.fixture(scope="module")
def reference_pages() -> ModuleType:
    """The hook that fills the reference pages."""
    spec = importlib.util.spec_from_file_location("reference_pages", ROOT / "docs" / "reference_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", DOCUMENTS, ids=page_id)
def test_every_link_within_the_repository_leads_to_a_file(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path = target.partition("#")[0]
        if path and not path.startswith(("http:", "https:")):
            assert (page.parent / path).exists(), target


def test_the_readme_has_fewer_than_120_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120


def test_the_reference_has_every_command(reference_pages: ModuleType) -> None:
    page = reference_pages.commands()
    for verb in app:
        if not verb.startswith("-"):
            assert f"## emotrace {verb}\n" in page


def test_the_reference_has_every_public_name(reference_pages: ModuleType) -> None:
    page = reference_pages.public_names()
    for name in emotrace.__all__:
        assert f"::: emotrace.{name}" in page.splitlines()


def test_the_reference_has_every_setting_with_a_description(reference_pages: ModuleType) -> None:
    page = reference_pages.settings()

    def check(section: type[Section]) -> None:
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                check(field.annotation)
            else:
                assert field.description, name
                assert f"| `{name}` | {field.description} |" in page

    check(Recipe)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference" / "python.html").is_file()
    for path in tmp_path.rglob("*.html"):  # the site works offline
        assert not re.search(r'(?:<script|<link)[^>]+(?:src|href)="https?:', path.read_text(encoding="utf-8"))

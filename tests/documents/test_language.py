"""Names and documents are in the terms of the field, without words that only this project would use."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents.pages import PAGES, ROOT, page_id

PRIVATE_WORDS = {
    "hear", "hears", "heard", "say", "says", "said", "tell", "tells", "told", "takes", "course", "courses",
    "surroundings", "kinds", "emotionless", "elsewhere",
}  # fmt: skip
PRIVATE_PHRASES = (
    r"\bhears?\b", r"\bheard\b", r"\bwhom\b", r"\bwhoever\b", r"\bemotionless\b", r"\bsurroundings\b",
    r"\bother takes\b",
    r"\bgo one way\b", r"\bwhat it trains\b", r"\bfor want of\b", r"\bthe likeliest course\b",
)  # fmt: skip
PYTHON_METHODS = {"tell"}  # of file objects
DOCUMENTS = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "results" / "README.md",
    ROOT / "benchmarks" / "results.md",
]


def words(name: str) -> set[str]:
    """The words of an identifier.

    >>> sorted(words("FrameScores_of_HTTPServer"))
    ['frame', 'http', 'of', 'scores', 'server']
    """
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def defined_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The names that a module defines: classes, functions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name not in PYTHON_METHODS:
                yield node.name, node.lineno
        elif isinstance(node, ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno


@pytest.mark.parametrize("folder", ["src", "tests", "research", "benchmarks"])
def test_no_name_has_a_private_word(folder: str) -> None:
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        names = [(path.stem, 1), *defined_names(ast.parse(path.read_text(encoding="utf-8")))]
        for name, line in names:
            # In the name of a test, a sentence, "takes" is a verb; it was also a noun for copies.
            allowed = {"takes"} if name.startswith("test_") else set()
            if words(name) & PRIVATE_WORDS - allowed:
                found.append(f"{page_id(path)}:{line}: {name}")
    assert found == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=page_id)
def test_no_document_has_a_private_phrase(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    found = [match[0] for phrase in PRIVATE_PHRASES for match in re.finditer(phrase, text, re.IGNORECASE)]
    assert found == []

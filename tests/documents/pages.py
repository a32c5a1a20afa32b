"""The pages of the documentation, and the code blocks in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced code block; `title` is the name of the file that it shows, if any."""

    language: str
    title: str
    text: str


def page_id(page: Path) -> str:
    """The path of a page in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page in order."""
    return [Block(*found) for found in FENCE.findall(page.read_text(encoding="utf-8"))]


def commands(block: Block) -> list[list[str]]:
    """The commands of a shell block as words; of a pipe, each command."""
    lines = block.text.replace("\\\n", " ").splitlines()
    parsed = [shlex.split(part, comments=True) for line in lines for part in re.split(r" \| | > .*", line)]
    return [words for words in parsed if words]

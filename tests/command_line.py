"""Calls of the command line from tests."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from emotrace.cli.app import main


class CommandResult(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Call = Callable[..., CommandResult]


def run_command(capture: pytest.CaptureFixture[str], *tokens: object) -> CommandResult:
    """Run a command in this process, and capture what it writes."""
    with pytest.raises(SystemExit) as end:
        main([str(token) for token in tokens])
    out, err = capture.readouterr()
    code = end.value.code
    assert code is None or isinstance(code, int)
    return CommandResult(code or 0, out, err)


def assert_refused(done: CommandResult, *words: str) -> None:
    """Assert exit code 2, no output, and one line on standard error with all words."""
    code, out, err = done
    assert (code, out) == (2, ""), err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("emotrace: ")
    for word in words:
        assert word in err


def options(base: dict[str, object], **changes: object) -> list[object]:
    """The tokens of options; `changes` replaces some of them."""
    changed = {**base, **{f"--{name}": value for name, value in changes.items()}}
    return [token for option in changed.items() for token in option]

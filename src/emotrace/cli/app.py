"""The command line. Each verb is a module of this package, which is imported when the verb is called."""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from cyclopts import App, CycloptsError

from emotrace.cli.output import (
    DONE,
    INTERRUPTED,
    PIPE_CLOSED,
    WRONG_CALL,
    print_log_messages,
    print_message,
)
from emotrace.errors import EmotraceError
from emotrace.system.interrupts import interrupt_deadline

VERBS = (
    "predict", "trace", "info", "corpus", "train", "crossval",
    "evaluate", "export", "adapt", "demo", "table", "compare", "serve",
)  # fmt: skip


def _version() -> str:
    import emotrace

    return str(emotrace.__version__)


app = App(
    name="emotrace",
    help="Speech emotion recognition that shows when each emotion occurs.",
    version=_version,
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
)
for _verb in VERBS:
    app.command(f"emotrace.cli.{_verb}:{_verb}", name=_verb)


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 success; 1 some inputs failed; 2 wrong call; 130 interrupted; 141 standard output closed.
    """
    with interrupt_deadline(_end_at_once):
        code = _run(sys.argv[1:] if tokens is None else tokens)
        if code == INTERRUPTED and tokens is None:
            os._exit(code)  # the interpreter would wait for threads, which may wait for a pipe
    sys.exit(code)


def _end_at_once() -> None:
    """End an interrupted process that is still busy, without the interpreter, whose locks it may hold."""
    with suppress(OSError):
        os.write(2, b"emotrace: interrupted\n")
    os._exit(INTERRUPTED)


def _run(tokens: Sequence[str]) -> int:
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may contain bytes that are not valid UTF-8
            stream.reconfigure(errors="backslashreplace")
    print_log_messages()
    try:
        _check_call(tokens)
        if set(tokens[:1]) <= set(app.help_flags):
            for verb in app:
                app[verb]  # imports the verb, whose docstring the list of verbs shows
        code: int = app(tokens) or DONE
        sys.stdout.flush()
    except (EmotraceError, CycloptsError) as error:
        print_message(str(error))
        code = WRONG_CALL
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("", "emotrace"):
            raise
        print_message(
            f"the package {error.name} is missing or does not fit this system ({error}); "
            "install emotrace again in a new environment, with a Python for which all packages have wheels"
        )
        code = WRONG_CALL
    except BrokenPipeError:
        # The reader has closed the pipe. The interpreter flushes both streams at exit, so redirect them.
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(null, stream.fileno())
        code = PIPE_CLOSED
    except OSError as error:  # such as a full disk, or a folder without write permission
        print_message(f"{error.filename or 'writing failed'}: {error.strerror or error}")
        code = WRONG_CALL
    except KeyboardInterrupt:
        print_message("interrupted")
        code = INTERRUPTED
    return code


def _open_closed_streams() -> None:
    """Open the null device in place of closed standard streams, whose numbers other files would get."""
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            try:
                os.fstat(number)
            except OSError:
                null = os.open(os.devnull, os.O_RDWR)
                if null != number:
                    os.dup2(null, number)
                    os.close(null)
    if sys.stderr is None:
        sys.stderr = io.StringIO()


def _check_call(tokens: Sequence[str]) -> None:
    """Refuse calls that cannot be meant.

    Raises:
        EmotraceError: if an argument is empty, or standard output is closed
    """
    for token in tokens:
        if token == "" or (token.startswith("--") and token.endswith("=")):
            raise EmotraceError(
                f"found an empty argument{f' of {token[:-1]}' if token else ''}, expected a value; "
                "check whether a variable of the shell is not set"
            )
    if sys.stdout is None:
        raise EmotraceError("found standard output closed, expected one that takes the results; open it")

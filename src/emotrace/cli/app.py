"""The command line. Each verb is a module of this package, which is imported when the verb is called."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError

from emotrace.cli.output import (
    INTERRUPTED,
    PIPE_CLOSED,
    WRONG_CALL,
    print_log_messages,
    print_message,
)
from emotrace.errors import EmotraceError

VERBS = (
    "predict", "trace", "info", "corpus", "train", "crossval",
    "evaluate", "export", "demo", "table", "compare",
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
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may contain bytes that are not valid UTF-8
            stream.reconfigure(errors="backslashreplace")
    print_log_messages()
    try:
        if set((sys.argv[1:] if tokens is None else tokens)[:1]) <= set(app.help_flags):
            for verb in app:
                app[verb]  # imports the verb, whose docstring the list of verbs shows
        code = app(tokens)
        sys.stdout.flush()
    except (EmotraceError, CycloptsError) as error:
        print_message(str(error))
        code = WRONG_CALL
    except BrokenPipeError:
        # The reader has closed the pipe. The interpreter flushes standard output at exit, so redirect it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except OSError as error:  # such as a full disk, or a folder without write permission
        print_message(f"{error.filename or 'writing failed'}: {error.strerror or error}")
        code = WRONG_CALL
    except KeyboardInterrupt:
        print_message("interrupted")
        code = INTERRUPTED
    sys.exit(code)

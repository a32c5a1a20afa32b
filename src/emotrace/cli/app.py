"""The command line: its verbs are named here and imported when they are called."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from cyclopts import App, CycloptsError

from emotrace.cli.output import DONE, INTERRUPTED, PIPE_CLOSED, WRONG_CALL, Model, load, print_stderr
from emotrace.errors import EmotraceError

if TYPE_CHECKING:
    from emotrace.inference.model_config import ModelConfig


def _version() -> str:
    import emotrace

    return str(emotrace.__version__)


app = App(
    name="emotrace",
    help="Tell which emotion speech carries, and where in time it shows.",
    version=_version,
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
)


for _place, _verbs in {
    "predict": ("predict",),
    "trace": ("trace",),
    "corpus": ("corpus",),
    "train": ("train", "crossval", "evaluate", "export", "demo"),
    "table": ("table", "compare"),
}.items():
    for _verb in _verbs:
        app.command(f"emotrace.cli.{_place}:{_verb}", name=_verb)


@app.command
def info(*, model: Model = None) -> int:
    """Say what a model is: labels, rate, system, training data, protocol and measured accuracy."""
    facts = _facts(load(model, jobs=1).config)
    width = max(len(name) for name, _ in facts)
    sys.stdout.write("".join(f"{name:{width}}  {value}\n" for name, value in facts))
    return DONE


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 all done, 1 some input failed, 2 the call was wrong."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    try:
        if set((sys.argv[1:] if tokens is None else tokens)[:1]) <= set(app.help_flags):
            for verb in app:
                app[verb]  # imported now, so that the list of verbs says what each does
        code = app(tokens)
        sys.stdout.flush()
    except (EmotraceError, CycloptsError) as error:
        print_stderr(f"emotrace: {error}")
        code = WRONG_CALL
    except BrokenPipeError:
        # Whoever read has gone; the interpreter must not try to flush once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except OSError as error:  # a full disk, a folder that may not be written
        print_stderr(f"emotrace: {error.filename or 'writing failed'}: {error.strerror or error}")
        code = WRONG_CALL
    except KeyboardInterrupt:
        print_stderr("emotrace: interrupted")
        code = INTERRUPTED
    sys.exit(code)


def _facts(config: "ModelConfig") -> list[tuple[str, str]]:
    """What a model says of itself, by name."""
    seconds = [samples / config.sampling_rate for samples in (config.minimum_samples, config.window_samples)]
    per_frame = config.output == "log_posteriors"
    facts = [
        ("model", f"{config.name}, version {config.version}"),
        ("system", config.system),
        ("precision", config.precision),
        ("emotions", ", ".join(config.labels)),
        ("rate", f"{config.sampling_rate} Hz, mono"),
        ("length", f"at least {seconds[0]:.3f} s; in windows of {seconds[1]:.2f} s where longer"),
        ("timeline", f"every {1000 * (config.frame_step_s or 0):.0f} ms" if per_frame else "of short clips"),
        ("trained on", ", then ".join((*config.earlier_corpora, config.corpus or "not stated"))),
        ("protocol", config.protocol or "not stated"),
    ]
    for name, figure in config.figures.items():
        interval = "" if figure.interval is None else " (95 %: {:.3f} to {:.3f})".format(*figure.interval)
        facts.append((name, f"{figure.value:.3f}{interval}"))
    return facts if config.figures else [*facts, ("accuracy", "not measured")]

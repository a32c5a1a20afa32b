"""The command line's verb for corpora, and what a user may say about how to read one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from emotrace.errors import EmotraceError

WHICH_CORPUS = "Such as emodb, iemocap, manifest or synthetic; a wrong name is answered with all there are."
Root = Annotated[
    Path | None,
    Parameter(
        name="--root", help="Folder of the corpus; for manifest, its CSV file or the folder of manifest.csv."
    ),
]


@Parameter(name="*")
@dataclass(frozen=True)
class Reading:
    """What a corpus may leave to the user to say."""

    allow_missing: Annotated[
        bool, Parameter(negative=(), help="Leave out audio that label files list and that is not there.")
    ] = False
    emotion_column: Annotated[
        str | None, Parameter(help="For audformat: where the emotions are, as in TABLE/COLUMN.")
    ] = None
    speaker_column: Annotated[
        str | None, Parameter(help="For audformat: where the speakers are, as in TABLE/COLUMN.")
    ] = None

    def options(self) -> dict[str, str | bool]:
        """What was said, for `open_corpus`."""
        return {name: value for name, value in asdict(self).items() if value}


AS_IT_LIES = Reading()


def corpus(
    name: Annotated[str, Parameter(help=WHICH_CORPUS)],
    /,
    *,
    root: Root = None,
    reading: Reading = AS_IT_LIES,
    as_json: Annotated[bool, Parameter("--json")] = False,
    to: Literal["audformat"] | None = None,
    output: Path | None = None,
) -> int:
    """Check a corpus as it lies on disk: counts by emotion, speaker and session, beside the published ones.

    Parameters
    ----------
    as_json
        Write JSON.
    to
        Also write the corpus in this format.
    output
        Folder to write it to; there must be nothing in it.
    """
    from emotrace.corpora import open_corpus
    from emotrace.corpora.summary import summarise

    if (to is None) != (output is None):
        raise EmotraceError("--to and --output belong together, as in --to audformat --output DIR")
    opened = open_corpus(name, root, **reading.options())
    if output is not None:
        from emotrace.corpora.audformat_export import write_audformat

        write_audformat(opened, output)
        print_stderr(f"emotrace: wrote {output}")
    summary = summarise(opened)
    sys.stdout.write((json.dumps(summary.as_dict(), indent=2) if as_json else summary.as_text()) + "\n")
    for utterance, reason in summary.unusable.items():
        print_stderr(f"emotrace: {utterance} cannot be used: {reason}")
    return 1 if summary.unusable else 0


def print_stderr(line: str) -> None:
    """Tell how it goes, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()

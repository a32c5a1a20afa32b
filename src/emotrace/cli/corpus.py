"""`emotrace corpus`: checks a corpus on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from emotrace.cli.options import (
    CORPUS_NAMES,
    NO_CORPUS_OPTIONS,
    NO_LABEL_OPTIONS,
    CorpusOptions,
    Json,
    LabelOptions,
    Root,
)
from emotrace.cli.output import DONE, SOME_FAILED, print_message, print_report
from emotrace.errors import EmotraceError


def corpus(
    name: Annotated[str, Parameter(help=CORPUS_NAMES)],
    /,
    *,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
    label_options: LabelOptions = NO_LABEL_OPTIONS,
    as_json: Json = False,
    to: Literal["audformat"] | None = None,
    output: Path | None = None,
) -> int:
    """Check a corpus on disk: count its utterances, and compare the counts with the published ones.

    The counts are by emotion, by speaker and by session. Audio files that cannot be used are listed on
    standard error.

    Parameters
    ----------
    to
        Format to convert the corpus to. Needs --output.
    output
        Folder for the converted corpus, new or empty. Needs --to.
    """
    from emotrace.corpora import open_corpus
    from emotrace.corpora.summary import summarise

    if (to is None) != (output is None):
        raise EmotraceError("--to and --output need each other; write --to audformat --output DIR")
    opened = open_corpus(name, root, **corpus_options.as_dict(), **label_options.as_dict())
    if output is not None:
        from emotrace.corpora.audformat_export import write_audformat

        write_audformat(opened, output)
        print_message(f"wrote {output}")
    summary = summarise(opened)
    print_report(json.dumps(summary.as_dict(), indent=2) if as_json else summary.as_text())
    for utterance, reason in summary.unusable.items():
        print_message(f"{utterance} cannot be used: {reason}")
    return SOME_FAILED if summary.unusable else DONE

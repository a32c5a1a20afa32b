"""`emotrace compare`: compares cross-validations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from emotrace.cli.options import NO_CORPUS_OPTIONS, CorpusOptions, Json, Root
from emotrace.cli.output import DONE, print_report
from emotrace.errors import EmotraceError
from emotrace.experiments.requirements import require_training_packages


def compare(
    runs: Annotated[list[Path], Parameter(name="RUN", negative=())],
    /,
    *,
    name: Annotated[str | None, Parameter(name="--corpus")] = None,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
    as_json: Json = False,
) -> int:
    """Compare runs on the same utterances, with tests of the differences from the first run.

    The comparison is also made for each emotion; with --corpus also by sex and by the length of utterances.

    Parameters
    ----------
    runs
        Two or more folders of `emotrace crossval`.
    name
        Name of the corpus of the runs. It adds comparisons by length and, if the corpus states it, by sex.
    """
    require_training_packages()
    from emotrace.corpora import open_corpus
    from emotrace.experiments.run_comparison import compare as compare_runs
    from emotrace.experiments.run_comparison import format_comparison

    if name is None and (root is not None or corpus_options != NO_CORPUS_OPTIONS):
        raise EmotraceError("--root and options of a corpus need a corpus; name it with --corpus NAME")
    opened = (
        None
        if name is None
        else open_corpus(name, root, label_map=None, emotions=None, **corpus_options.as_dict())
    )
    compared = compare_runs(runs, opened)
    print_report(
        json.dumps([run.as_dict() for run in compared], indent=2) if as_json else format_comparison(compared)
    )
    return DONE

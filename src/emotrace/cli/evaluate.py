"""`emotrace evaluate`: measures the accuracy of a model."""

from __future__ import annotations

import json
from pathlib import Path

from emotrace.cli.options import (
    NO_CORPUS_OPTIONS,
    NO_LABEL_OPTIONS,
    CorpusName,
    CorpusOptions,
    Json,
    LabelOptions,
    Root,
)
from emotrace.cli.output import DONE, SOME_FAILED, print_message, print_report
from emotrace.experiments.requirements import require_training_packages


def evaluate(
    *,
    model: Path,
    name: CorpusName,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
    label_options: LabelOptions = NO_LABEL_OPTIONS,
    as_json: Json = False,
) -> int:
    """Evaluate a model on a corpus: accuracies with confidence intervals, and the confusion matrix.

    Parameters
    ----------
    model
        Folder of the model.
    """
    require_training_packages()
    from emotrace.evaluation.model_evaluation import evaluate as evaluate_model

    evaluation = evaluate_model(
        model, name, root, corpus_options=corpus_options.as_dict(), **label_options.as_dict()
    )
    for remark in evaluation.remarks:
        print_message(remark)
    metrics = evaluation.metrics
    by_corpus = evaluation.by_corpus
    if as_json:
        parts = {corpus: found.as_dict() for corpus, found in by_corpus.items()}
        print_report(json.dumps({**metrics.as_dict(), **({"by_corpus": parts} if parts else {})}, indent=2))
    else:
        lines = [f"{corpus}: UA {found.ua:.3f}, WA {found.wa:.3f}" for corpus, found in by_corpus.items()]
        print_report("\n".join([metrics.as_text(), *lines]))
    return SOME_FAILED if evaluation.failed else DONE

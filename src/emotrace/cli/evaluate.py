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
    Model,
    Root,
)
from emotrace.cli.output import DONE, SOME_FAILED, print_message, print_report
from emotrace.experiments.requirements import require_training_packages
from emotrace.system.files import write_text


def evaluate(
    *,
    model: Model = None,
    name: CorpusName,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
    label_options: LabelOptions = NO_LABEL_OPTIONS,
    output: Path | None = None,
    as_json: Json = False,
) -> int:
    """Evaluate a model on a corpus: accuracies with intervals, confusion matrix, errors by coverage.

    Parameters
    ----------
    output
        Folder for predictions.csv, metrics.json, and pictures of the confusion matrix, of the calibration and
        of the errors by coverage. By default, nothing is written.
    """
    require_training_packages()
    from emotrace.evaluation.calibration import calibration_error, choose_bins, coverage_text
    from emotrace.evaluation.model_evaluation import evaluate as evaluate_model

    evaluation = evaluate_model(
        model, name, root, corpus_options=corpus_options.as_dict(), **label_options.as_dict()
    )
    for remark in evaluation.remarks:
        print_message(remark)
    metrics, predictions = evaluation.metrics, evaluation.predictions
    by_corpus = evaluation.by_corpus
    parts = {corpus: found.as_dict() for corpus, found in by_corpus.items()}
    as_dict = {**metrics.as_dict(), **({"by_corpus": parts} if parts else {})}
    bins = choose_bins(predictions)
    error = calibration_error(predictions, bins)
    if as_json:
        print_report(json.dumps(as_dict, indent=2))
    else:
        lines = [f"{corpus}: UA {found.ua:.3f}, WA {found.wa:.3f}" for corpus, found in by_corpus.items()]
        calibration = ["", f"mean error of the scores (ECE, {bins} bins)  {error:.3f}"]
        print_report("\n".join([metrics.as_text(), *lines, *calibration, "", coverage_text(predictions)]))
    if output is not None:
        from emotrace.experiments.report import write_predictions_and_pictures

        write_predictions_and_pictures(output, predictions, metrics, bins)
        content = {**as_dict, "calibration_error": error}
        write_text(output / "metrics.json", json.dumps(content, indent=2) + "\n")
        print_message(f"wrote {output}")
    return SOME_FAILED if evaluation.failed else DONE

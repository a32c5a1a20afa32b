"""Comparison of finished runs on the same utterances."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from emotrace.corpora import OpenCorpus, Utterance
from emotrace.errors import EmotraceError, RunError
from emotrace.evaluation.comparison import FEW_SPEAKERS, Comparison, compare_to
from emotrace.evaluation.confusion import align_columns, recalls
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import Prediction, read_predictions
from emotrace.evaluation.significance import Difference, pair_predictions
from emotrace.recipes import differences
from emotrace.training.run_folder import PREDICTIONS_FILE, RECIPE_FILE, read_fingerprint

UNKNOWN = "not stated"
BOUNDS_S = (2.0, 5.0)  # the paper cuts utterances at 5 s
LENGTHS = ("0 to 2 s", "2 to 5 s", "over 5 s")


@dataclass(frozen=True)
class Compared:
    """A run among others, compared with the first of them.

    Attributes:
        differs_in: settings that differ from those of the first run; None where a folder has no settings
        by_emotion: fraction of each emotion's utterances that were recognised; None where there are none
        by_sex: metrics by the speaker's sex; empty without a corpus that states it
        by_length: metrics by duration; empty without a corpus
        comparison: with the first run; None for the first run itself
    """

    run: str
    system: str
    differs_in: tuple[str, ...] | None
    scores: Metrics
    by_emotion: Mapping[str, float | None]
    by_sex: Mapping[str, Metrics]
    by_length: Mapping[str, Metrics]
    comparison: Comparison | None

    def as_dict(self) -> dict[str, Any]:
        """The entry of a run in the JSON of `emotrace compare`."""
        scores = self.scores.as_dict()
        names = ("n", "wa", "ua", "macro_f1", "wa_interval", "ua_interval")
        c = self.comparison
        return {
            "run": self.run,
            "system": self.system,
            "differs_in": None if self.differs_in is None else list(self.differs_in),
            **{name: scores[name] for name in names},
            "by_emotion": dict(self.by_emotion),
            "by_sex": _figures(self.by_sex),
            "by_length": _figures(self.by_length),
            "against_first": c
            and {
                "ua": _as_dict(c.ua, c.ua_holm),
                "wa": _as_dict(c.wa, c.wa_holm),
                "mcnemar": {
                    "only_first": c.mcnemar.only_first,
                    "only_this": c.mcnemar.only_second,
                    "p": c.mcnemar.p,
                    "p_holm": c.mcnemar_holm,
                },
            },
        }


def compare(folders: Sequence[Path], corpus: OpenCorpus | None = None) -> list[Compared]:
    """Measure runs on the same utterances, and compare each with the first.

    Args:
        folders: folders of cross-validations, or others with a `predictions.csv`
        corpus: the corpus of the runs, for durations and the speakers' sex

    Raises:
        EmotraceError: there are fewer than two runs.
        RunError: a folder is not a run, two runs have different utterances or true labels, or the corpus
            lacks an utterance.
    """
    if len(folders) < 2:
        raise EmotraceError(f"found {len(folders)} run; give two or more to compare")
    predictions_by_run = [read_predictions(folder / PREDICTIONS_FILE) for folder in folders]
    for folder, predictions in zip(folders[1:], predictions_by_run[1:], strict=True):
        try:
            pair_predictions(predictions_by_run[0], predictions)
        except RunError as error:
            raise RunError(f"{folders[0]} and {folder} cannot be compared: {error}") from None
    compared: list[Comparison | None] = [
        None,
        *compare_to(predictions_by_run[0], predictions_by_run[1:]),
    ]
    labels = predictions_by_run[0][0].labels
    sexes = {} if corpus is None else group_utterances(predictions_by_run[0], corpus, speaker_sex)
    lengths = {} if corpus is None else group_utterances(predictions_by_run[0], corpus, duration_group)
    found = []
    for folder, predictions, comparison in zip(folders, predictions_by_run, compared, strict=True):
        scores = score_predictions(predictions)
        recall = dict(zip(scores.labels, recalls(scores.confusion), strict=True))
        found.append(
            Compared(
                run=str(folder),
                system=_system(folder),
                differs_in=_differs_in(folders[0], folder),
                scores=scores,
                by_emotion={label: recall[label] for label in labels},
                by_sex=by_group(predictions, sexes),
                by_length=by_group(predictions, lengths),
                comparison=comparison,
            )
        )
    return found


def by_group(predictions: Sequence[Prediction], groups: Mapping[str, str]) -> dict[str, Metrics]:
    """Metrics of each group of utterances, in alphabetical order of the groups."""
    return {
        group: score_predictions([p for p in predictions if groups[p.file] == group], resamples=1)
        for group in sorted(set(groups.values()))
    }


def group_utterances(
    predictions: Sequence[Prediction], corpus: OpenCorpus, group: Callable[[Utterance], str]
) -> dict[str, str]:
    """The group of each utterance by name; empty where all groups are unknown.

    Raises:
        RunError: the corpus lacks an utterance.
    """
    known = {utterance.name: utterance for utterance in corpus.utterances}
    names = sorted({p.file for p in predictions})
    missing = [name for name in names if name not in known]
    if missing:
        raise RunError(
            f"{corpus.corpus.name} has no utterance {missing[0]} ({len(missing)} such); "
            "give the corpus of the runs with --corpus and --root"
        )
    groups = {name: group(known[name]) for name in names}
    return {} if set(groups.values()) == {UNKNOWN} else groups


def speaker_sex(utterance: Utterance) -> str:
    """The speaker's sex as the corpus states it."""
    return utterance.sex or UNKNOWN


def duration_group(utterance: Utterance) -> str:
    """The group of an utterance's duration, which a file's header gives.

    >>> from pathlib import Path
    >>> duration_group(Utterance("a", Path("a.wav"), "anger", "A", "03", start_s=1.0, end_s=4.5))
    '2 to 5 s'
    """
    if utterance.end_s is not None:
        end_s = utterance.end_s
    elif isinstance(utterance.audio, Path):
        try:
            end_s = soundfile.info(utterance.audio).duration
        except soundfile.LibsndfileError:
            return UNKNOWN
    else:
        samples, sample_rate_hz = utterance.audio
        end_s = len(samples) / sample_rate_hz
    seconds = end_s - utterance.start_s
    return LENGTHS[bisect_left(BOUNDS_S, seconds)]


def format_comparison(runs: Sequence[Compared]) -> str:
    """The comparison as text: metrics, differences to the first run, and results by emotion, sex, length."""
    first, others = runs[0], runs[1:]
    numbers = [str(number) for number in range(1, len(runs) + 1)]
    names = [f"{n}  {run.run}  {run.system}".rstrip() for n, run in zip(numbers, runs, strict=True)]
    settings = [
        f"{n} differs from 1 in {', '.join(run.differs_in or ()) or 'no setting that its folder records'}"
        for n, run in zip(numbers[1:], others, strict=True)
        if run.differs_in is not None
    ]
    figures = [["", "UA", "95 % interval", "WA", "95 % interval", "macro-F1"]]
    for n, run in zip(numbers, runs, strict=True):
        s = run.scores
        intervals = [str(interval or "–") for interval in (s.ua_interval, s.wa_interval)]
        figures.append([n, f"{s.ua:.3f}", intervals[0], f"{s.wa:.3f}", intervals[1], f"{s.macro_f1:.3f}"])
    head = ["less 1", "UA", "95 % interval", "p", "WA", "95 % interval", "p", "right alone", "McNemar's p"]
    differences = [head]
    for n, run in zip(numbers[1:], others, strict=True):
        c = run.comparison
        assert c is not None
        alone = f"{c.mcnemar.only_second} : {c.mcnemar.only_first}"
        cells = [
            *_difference_cells(c.ua, c.ua_holm),
            *_difference_cells(c.wa, c.wa_holm),
            alone,
            f"{c.mcnemar_holm:.3f}",
        ]
        differences.append([n, *cells])
    emotions = [["recognised", *numbers]]
    for emotion in first.by_emotion:
        shares = [run.by_emotion[emotion] for run in runs]
        emotions.append([emotion, *("–" if share is None else f"{share:.3f}" for share in shares)])
    few = ", and are too narrow for so few" if first.scores.speakers < FEW_SPEAKERS else ""
    blocks = [
        f"{first.scores.n} predictions for {first.scores.speakers} speakers, the same for all runs",
        "\n".join([*names, *settings]),
        align_columns(figures),
        align_columns(differences),
        f"Intervals and p of UA and WA resample speakers{few}; each p is corrected for {len(others)} "
        f"comparison{'s' if len(others) > 1 else ''} (Holm).\n"
        "Right alone: utterances that only this run got right, and only run 1.",
        align_columns(emotions),
    ]
    for title, groups in (("speakers", "by_sex"), ("utterances", "by_length")):
        lines = [[title, "predictions", *(f"UA {n}" for n in numbers), *(f"WA {n}" for n in numbers)]]
        for group, scores in vars(first)[groups].items():
            values = [vars(run)[groups][group] for run in runs]
            cells = [*(f"{s.ua:.3f}" for s in values), *(f"{s.wa:.3f}" for s in values)]
            lines.append([group, str(scores.n), *cells])
        if len(lines) > 1:
            blocks.append(align_columns(lines))
    return "\n\n".join(blocks)


def _system(folder: Path) -> str:
    """The system of a run; empty where its folder does not record it."""
    try:
        return str(json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))["system"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _differs_in(first: Path, folder: Path) -> tuple[str, ...] | None:
    try:
        return tuple(differences(read_fingerprint(first), read_fingerprint(folder)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _figures(by_group: Mapping[str, Metrics]) -> dict[str, dict[str, float]]:
    return {
        group: {name: getattr(scores, name) for name in ("n", "ua", "wa")}
        for group, scores in by_group.items()
    }


def _difference_cells(difference: Difference | None, p: float | None) -> list[str]:
    if difference is None or p is None:
        return ["–", "–", "–"]
    return [f"{difference.value:+.3f}", str(difference.interval), f"{p:.3f}"]


def _as_dict(difference: Difference | None, p_holm: float | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    ends = [difference.interval.low, difference.interval.high]
    return {"difference": difference.value, "interval": ends, "p": difference.p, "p_holm": p_holm}

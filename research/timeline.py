"""How well timelines find emotions that change at known times, several ways of reading the network beside.

python research/timeline.py RUN ROOT OUTPUT [--part validation] [--between SECONDS]

RUN is a cross-validation of a CTC system on a corpus in ROOT. For each fold, recordings are made of three
whole utterances of one of its test speakers, neighbours of different emotions, joined without a gap, or with
so many seconds of a sound without speech between them, in which no emotion is (`research/no_speech.py` makes
it). The pauses in an utterance and at its ends count as its emotion, so all the time is scored. OUTPUT is the
start of the names of a Markdown and a CSV file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from forgetting import forget_validation
from no_speech import makers
from tables import write_table

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.corpora import Utterance, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.decoding.ctc import Frames, best_path, log_scores, no_emotion_probability
from emotrace.decoding.spans import SpanDecoder, moving_average
from emotrace.decoding.viterbi import OnlineViterbi
from emotrace.evaluation.diarization_error import ErrorDurations, boundary_errors_s, error_durations
from emotrace.export.onnx import REJECTION_THRESHOLD
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.inference.model_config import DecoderConfig
from emotrace.inference.onnx_session import WindowOutputs
from emotrace.inference.scorers import FrameScorer
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel, Sound, build
from emotrace.recipe import Recipe
from emotrace.timeline import Span, Timeline
from emotrace.training.loop import load_best_weights
from emotrace.training.recorder import BEST_FILE
from emotrace.training.run_folder import FrameRun, read_run
from emotrace.training.two_stage import FRONT_STAGE

UTTERANCES = 3
RECORDINGS = 20  # of each speaker
SEED = 1
PENALTIES = (1.0, 2.0, 4.0, 8.0)
WINDOWS_S = (1.0, 2.0)
RESAMPLES = 2000
SOFTER_DB = (0.0, 20.0)  # what is between utterances, than the one before


@dataclass(frozen=True)
class Recording:
    """Utterances one after the other, and when each emotion shows."""

    samples: np.ndarray
    truth: Timeline

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Heard:
    """A recording and what the model says of it: frames, and scores of all of it."""

    recording: Recording
    emotions: tuple[str, ...]
    frames: Frames
    scores: np.ndarray
    first_s: float
    step_s: float
    model: TorchNetwork

    @property
    def posteriors(self) -> np.ndarray:
        """Of each frame, (frame, K + 1)."""
        return self.frames.posteriors

    def timeline(
        self, path: np.ndarray, first_s: float | None = None, step_s: float | None = None
    ) -> Timeline:
        """The timeline of an emotion's index for each frame, K where there is none."""
        first_s, step_s = first_s or self.first_s, step_s or self.step_s
        edges = [0, *(np.flatnonzero(np.diff(path)) + 1), len(path)]
        times = [first_s + (edge - 0.5) * step_s for edge in edges]
        times[0], times[-1] = 0.0, self.recording.duration_s
        return Timeline(
            tuple(
                Span(float(start), float(end), self.emotions[path[edge]], 1.0)
                for edge, start, end in zip(edges, times, times[1:], strict=False)
                if path[edge] < len(self.emotions)
            )
        )


class TorchNetwork:
    """A trained network with the face of the runtime's."""

    def __init__(self, run: FrameRun, recipe: Recipe, network: EmotionModel):
        system = find_system(run.system)
        longest = system.max_frames(recipe)
        self.network, self.run = network, run
        self.config: Any = SimpleNamespace(
            labels=run.emotions,
            frame_first_s=network.first_step_s,
            frame_step_s=network.step_s,
            sampling_rate=SAMPLE_RATE_HZ,
            max_frames=longest,
            hop_frames=longest // 2,
            hop_samples=longest // 2 * FRAME_HOP_SAMPLES,
            frame_samples=network.spectrum.frame_samples,
            frame_hop_samples=FRAME_HOP_SAMPLES,
            decoding=system.decoding(recipe),
            decoder=DecoderConfig(),
            functionals=network.functionals is not None,
            calibration=SimpleNamespace(
                temperature=run.temperature,
                rejection_threshold=REJECTION_THRESHOLD if recipe.non_speech_per_utterance else None,
            ),
        )

    def run_window(self, samples: np.ndarray) -> WindowOutputs:
        found, _, more, sound = self.asked(samples[None])
        if sound is None:
            return WindowOutputs(found[0], more[0], np.zeros((found.shape[1], len(self.run.emotions) + 1)))
        with torch.inference_mode():
            along = self.network.step_scores(sound, found.shape[1])
        return WindowOutputs(found[0], more[0], along[0].double().numpy())

    def emotions_of(self, examples: np.ndarray) -> np.ndarray:
        """The emotions of clips of one length, as `predict` would name them: (clip, sample) → (clip,).

        K where it would say that there is none.
        """
        found, steps, more, _ = self.asked(examples)
        best = (log_scores(found, steps, self.config.decoding) + more[:, :-1]).argmax(1)
        most = self.config.calibration.rejection_threshold
        if most is None:
            return best
        empty = [no_emotion_probability(*said) for said in zip(found, more[:, -1], strict=True)]
        return np.where(np.array(empty) > most, more.shape[1] - 1, best)

    def asked(self, examples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Sound | None]:
        """Log-posteriors of clips of one length, their steps, and what functionals add: `utterance_scores`.

        Last, what functionals of stretches start from, if there are functionals.
        """
        given = torch.from_numpy(examples), torch.full((len(examples),), examples.shape[1])
        with torch.inference_mode():
            if self.network.functionals is None:
                (found, steps), more, sound = self.network(*given), torch.zeros(()), None
            else:
                found, steps, more, sound = self.network.forward_with_functionals(*given)
        more = more.expand(len(examples), len(self.run.emotions) + 1)
        return found.double().numpy(), steps.numpy(), more.double().numpy(), sound


def recordings(
    utterances: list[Utterance],
    generator: np.random.Generator,
    sounds: Sequence[Callable[[np.random.Generator, int], np.ndarray]] = (),
    between_s: float = 0.0,
) -> list[Recording]:
    """Recordings of one speaker, with one of the sounds between utterances if they are to be apart."""
    found = []
    for _ in range(RECORDINGS):
        chosen: list[Utterance] = []
        for _ in range(UTTERANCES):
            others = [u for u in utterances if not chosen or u.emotion != chosen[-1].emotion]
            chosen.append(others[generator.integers(len(others))])
        pieces, spans, samples = [], [], 0
        for u in chosen:
            if pieces and between_s:
                apart = sounds[generator.integers(len(sounds))](generator, round(between_s * SAMPLE_RATE_HZ))
                pieces.append(as_loud(apart, pieces[-1], generator.uniform(*SOFTER_DB)))
                samples += len(pieces[-1])
            pieces.append(read_utterance(u).samples)
            start, samples = samples, samples + len(pieces[-1])
            spans.append(Span(start / SAMPLE_RATE_HZ, samples / SAMPLE_RATE_HZ, u.emotion, 1.0))
        found.append(Recording(np.concatenate(pieces), Timeline(tuple(spans))))
    return found


def as_loud(samples: np.ndarray, other: np.ndarray, softer_db: float) -> np.ndarray:
    """A sound that is so much softer than another."""
    ratio = np.sqrt(np.mean(other**2) / np.mean(samples**2)) / 10 ** (softer_db / 20)
    return (samples * ratio).clip(-1, 1).astype(np.float32)


def push(model: TorchNetwork, recording: Recording) -> Heard:
    """Ask the network as the runtime does: windows, and posteriors averaged where they overlap."""
    make_scorer = FrameScorer(model)  # type: ignore[arg-type]
    frames = reduce(add, [*make_scorer.push(recording.samples), *make_scorer.flush()])
    scores = make_scorer.scores
    assert scores is not None
    return Heard(
        recording, model.run.emotions, frames, scores, make_scorer.first_s, make_scorer.step_s, model
    )


def as_shipped(heard: Heard) -> Timeline:
    """The timeline's own rule."""
    config = heard.model.config
    decoder = SpanDecoder(
        heard.emotions,
        first_s=heard.first_s,
        step_s=heard.step_s,
        no_emotion_state=config.calibration.rejection_threshold is not None,
        **config.decoder.span_settings,
    )
    events = decoder.flush(heard.recording.duration_s, heard.frames)
    return Timeline(tuple(event.span for event in events if event.kind == "closed"))


def one_label(heard: Heard) -> Timeline:
    """The emotion of the whole, all the time."""
    return heard.timeline(np.full(1, heard.scores.argmax()))


def by_best_path(heard: Heard) -> Timeline:
    """Graves's best path; a blank belongs to the nearest label."""
    runs = best_path(np.log(np.maximum(heard.posteriors, 1e-300)))
    if not runs:
        return one_label(heard)
    path = np.empty(len(heard.posteriors), dtype=int)
    edges = [(one.stop + other.start) // 2 for one, other in pairwise(runs)]
    for run, start, end in zip(runs, [0, *edges], [*edges, len(path)], strict=True):
        path[start:end] = run.label
    return heard.timeline(path)


def by_density(seconds: float) -> Callable[[Heard], Timeline]:
    """The emotion with most label mass around each frame."""

    def rule(heard: Heard) -> Timeline:
        frames = max(1, round(seconds / heard.step_s))
        return heard.timeline(moving_average(heard.posteriors[:, :-1], frames).argmax(1))

    return rule


def by_likelihood(penalty: float) -> Callable[[Heard], Timeline]:
    """The likeliest course: in an emotion a frame is this emotion or blank, and a change costs `penalty`."""

    def rule(heard: Heard) -> Timeline:
        posteriors = heard.posteriors
        gain = np.log(np.maximum(posteriors[:, :-1] + posteriors[:, -1:], 1e-300))
        best, back = gain[0], np.zeros(gain.shape, dtype=int)
        for frame in range(1, len(gain)):
            change = best.argmax()
            stay = best >= best[change] - penalty
            back[frame] = np.where(stay, np.arange(len(best)), change)
            best = np.where(stay, best, best[change] - penalty) + gain[frame]
        path = np.empty(len(gain), dtype=int)
        path[-1] = best.argmax()
        for frame in range(len(gain) - 1, 0, -1):
            path[frame - 1] = back[frame, path[frame]]
        return heard.timeline(path)

    return rule


def by_occupancy(penalty: float) -> Callable[[Heard], Timeline]:
    """The likeliest emotion at each frame over all courses (forward-backward); a change costs `penalty`."""

    def rule(heard: Heard) -> Timeline:
        posteriors = heard.posteriors
        likely = np.maximum(posteriors[:, :-1] + posteriors[:, -1:], 1e-300)
        forward = occupied(likely, np.exp(-penalty))
        backward = occupied(likely[::-1], np.exp(-penalty))[::-1]
        return heard.timeline((forward * backward / likely).argmax(1))  # the frame itself counts once

    return rule


def occupied(likely: np.ndarray, change: float) -> np.ndarray:
    """Share of each emotion at each frame by what was heard up to it, (frame, K) → (frame, K)."""
    shares = np.empty_like(likely)
    share = np.full(likely.shape[1], 1 / likely.shape[1])
    for frame, gain in enumerate(likely):
        share = (share + change * (share.sum() - share)) * gain
        shares[frame] = share = share / share.sum()
    return shares


def by_functionals(heard: Heard) -> Timeline:
    """The course as `SpanDecoder` finds it, of functionals alone: as if the network knew nothing."""
    blank = np.zeros_like(heard.posteriors)
    blank[:, -1] = 1.0
    config = heard.model.config
    viterbi = OnlineViterbi(
        len(heard.emotions),
        round(config.decoder.decision_delay_s / heard.step_s),
        switch_penalty=config.decoder.switch_penalty,
        no_emotion_state=config.calibration.rejection_threshold is not None,
    )
    path = [viterbi.push(blank, heard.frames.scores * heard.step_s), viterbi.flush()]
    return heard.timeline(np.concatenate(path))


def sliding(seconds: float, hop_s: float = 0.25) -> Callable[[Heard], Timeline]:
    """The emotion of a window around each moment, as `predict` would name it."""

    def rule(heard: Heard) -> Timeline:
        samples, size = heard.recording.samples, round(seconds * SAMPLE_RATE_HZ)
        hop = round(hop_s * SAMPLE_RATE_HZ)
        examples = np.lib.stride_tricks.sliding_window_view(samples, min(size, len(samples)))[::hop]
        path = heard.model.emotions_of(np.ascontiguousarray(examples))
        return heard.timeline(path, first_s=seconds / 2, step_s=hop_s)

    return rule


def by_front(head: Callable[[Heard], np.ndarray], seconds: float) -> Callable[[Heard], Timeline]:
    """PCNSE's own classifier at each step, averaged."""

    def rule(heard: Heard) -> Timeline:
        scores = head(heard)
        path = moving_average(scores, max(1, round(seconds / heard.step_s))).argmax(1)
        return heard.timeline(path)

    return rule


def front_head(fold: Path, run: FrameRun, recipe: Recipe) -> Callable[[Heard], np.ndarray] | None:
    """Scores of each step (step, K) by the classifier that stage 1 trained and stage 2 leaves out.

    None where stage 1 lies with another training, whose front this one shares.
    """
    front = find_system(run.system).front
    stage = fold / f"{FRONT_STAGE}{front}"
    if not stage.exists():
        return None
    alone = recipe.model_copy(update={"functionals_l2": 0.0})
    network = build(alone, str(front), len(run.emotions)).eval()
    network.load_state_dict(load_best_weights(stage / BEST_FILE))

    def head(heard: Heard) -> np.ndarray:
        samples = torch.from_numpy(heard.recording.samples)
        with torch.inference_mode():
            static, frames = network.spectrum(samples[None], torch.tensor([len(samples)]))
            local, _ = network.front(static, frames)
            return network.back(local[0][:, None], torch.ones(local.shape[1], dtype=torch.long)).exp().numpy()

    return head


def methods(head: Callable[[Heard], np.ndarray] | None) -> dict[str, Callable[[Heard], Timeline]]:
    """The rows of the table; those of PCNSE's own classifier only where it is at hand."""
    return {
        "one label for the whole": one_label,
        **{f"sliding window of {s:g} s": sliding(s) for s in WINDOWS_S},
        **{f"PCNSE at each step, mean of {s:g} s": by_front(head, s) for s in (1.0, 2.0) if head},
        "CTC best path, blanks to the nearest": by_best_path,
        **{f"CTC density, mean of {s:g} s": by_density(s) for s in (0.5, 1.0, 2.0)},
        **{f"CTC likelihood, change costs {p:g}": by_likelihood(p) for p in PENALTIES},
        **{f"CTC occupancy, change costs {p:g}": by_occupancy(p) for p in PENALTIES},
        "functionals of stretches alone, change costs 1": by_functionals,
        "`emotrace trace`": as_shipped,
    }


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--part", choices=["test", "validation"], default="test")
    parser.add_argument("--between", type=float, default=0.0, help="seconds of a sound without speech")
    given = parser.parse_args()
    torch.set_num_threads(1)
    errors: dict[str, dict[str, ErrorDurations]] = {}
    edges: dict[str, list[float]] = {}
    sounds = list(makers(given.part).values())
    folds = sorted(path.parent for path in given.run.glob("seed-*/fold-*/run.json"))
    for fold in folds:
        run, recipe, network = read_run(fold)
        corpus = open_corpus(run.corpus, given.root)
        if given.part == "validation":
            forget_validation(fold, network, run, recipe, corpus.utterances)
        model = TorchNetwork(run, recipe, network)
        rules = methods(front_head(fold, run, recipe))
        for speaker in getattr(run, given.part):
            own = [u for u in corpus.utterances if u.speaker == speaker]
            generator = np.random.default_rng((SEED, int.from_bytes(speaker.encode(), "big")))
            for recording in recordings(own, generator, sounds, given.uniform_between):
                heard = push(model, recording)
                for name, rule in rules.items():
                    found = rule(heard)
                    error = error_durations(recording.truth, found, recording.duration_s)
                    own_errors = errors.setdefault(name, {})
                    own_errors[speaker] = own_errors[speaker] + error if speaker in own_errors else error
                    edges.setdefault(name, []).extend(boundary_errors_s(recording.truth, found))
    rows = [
        {
            "reading": name,
            "EDER": f"{error.rate:.3f}",
            "95 % over speakers": "{:.3f} to {:.3f}".format(*interval(list(errors[name].values()))),
            "missed": f"{error.missed_s / error.duration_s:.3f}",
            **({"false": f"{error.false_s / error.duration_s:.3f}"} if given.uniform_between else {}),
            "confused": f"{error.confused_s / error.duration_s:.3f}",
            "median boundary error, s": f"{np.median(edges[name]):.2f}",
            "boundaries within 0.5 s": f"{np.mean(np.array(edges[name]) <= 0.5):.3f}",
        }
        for name, error in ((name, together(list(own.values()))) for name, own in errors.items())
    ]
    print(f"{len(folds)} folds, {given.part} speakers\n{write_table(given.output, rows)}")


def together(errors: list[ErrorDurations]) -> ErrorDurations:
    """All of them as one."""
    return reduce(add, errors)


def interval(errors: list[ErrorDurations]) -> tuple[float, float]:
    """95 % of the rates that drawing the speakers anew gives."""
    generator = np.random.default_rng(SEED)
    drawn = generator.integers(len(errors), size=(RESAMPLES, len(errors)))
    rates = [together([errors[place] for place in places]).rate for places in drawn]
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()

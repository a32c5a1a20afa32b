"""Ways to decode a timeline from a network's output, to compare with that of `emotrace trace`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import numpy as np
import torch
from torch_session import TorchSession

from emotrace.audio.reading import SAMPLE_RATE_HZ
from emotrace.decoding.ctc import Frames, best_path
from emotrace.decoding.spans import SpanDecoder, moving_average
from emotrace.decoding.viterbi import OnlineViterbi
from emotrace.inference.scorers import FrameScorer
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe
from emotrace.timeline import Span, Timeline
from emotrace.training.loop import load_best_weights
from emotrace.training.recorder import BEST_FILE
from emotrace.training.run_folder import Run
from emotrace.training.two_stage import FRONT_STAGE

SWITCH_PENALTIES = (1.0, 2.0, 4.0, 8.0)
WINDOWS_S = (1.0, 2.0)
LEAST = 1e-300


@dataclass(frozen=True)
class Recording:
    """Audio with known emotions over time."""

    samples: np.ndarray
    truth: Timeline

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Output:
    """The output of a model for a recording: its frames, and scores (K,) of the whole recording."""

    recording: Recording
    session: TorchSession
    frames: Frames
    scores: np.ndarray
    first_s: float
    step_s: float

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.session.run.emotions

    @property
    def posteriors(self) -> np.ndarray:
        """Posteriors of each frame, (frame, K + 1), blank last."""
        return self.frames.posteriors

    @property
    def label_or_blank(self) -> np.ndarray:
        """The likelihood of each emotion at each frame: the emotion itself or blank, (frame, K)."""
        return np.maximum(self.posteriors[:, :-1] + self.posteriors[:, -1:], LEAST)

    @property
    def rejects(self) -> bool:
        """Whether the model can find no emotion."""
        return self.session.config.calibration.rejection_threshold is not None

    def timeline(
        self, path: np.ndarray, first_s: float | None = None, step_s: float | None = None
    ) -> Timeline:
        """The timeline of an emotion's index per frame, K for no emotion."""
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


Decoder = Callable[[Output], Timeline]


def run_model(session: TorchSession, recording: Recording) -> Output:
    """Score a recording as the runtime does: overlapping windows, averaged posteriors."""
    scorer = FrameScorer(session)  # type: ignore[arg-type]
    frames = reduce(add, [*scorer.push(recording.samples), *scorer.flush()])
    assert scorer.scores is not None
    return Output(recording, session, frames, scorer.scores, scorer.first_s, scorer.step_s)


def trace(output: Output) -> Timeline:
    """The timeline of `emotrace trace`."""
    decoder = SpanDecoder(
        output.emotions,
        first_s=output.first_s,
        step_s=output.step_s,
        no_emotion_state=output.rejects,
        **output.session.config.decoder.span_settings,
    )
    events = decoder.flush(output.recording.duration_s, output.frames)
    return Timeline(tuple(event.span for event in events if event.kind == "closed"))


def one_label(output: Output) -> Timeline:
    """The label of the whole recording, all the time."""
    return output.timeline(np.full(1, output.scores.argmax()))


def ctc_best_path(output: Output) -> Timeline:
    """Graves's best path; each blank belongs to the nearest label."""
    runs = best_path(np.log(np.maximum(output.posteriors, LEAST)))
    if not runs:
        return one_label(output)
    path = np.empty(len(output.posteriors), dtype=int)
    edges = [(one.stop + other.start) // 2 for one, other in pairwise(runs)]
    for run, start, end in zip(runs, [0, *edges], [*edges, len(path)], strict=True):
        path[start:end] = run.label
    return output.timeline(path)


def ctc_density(seconds: float) -> Decoder:
    """The emotion with the largest posterior, averaged around each frame."""

    def decode(output: Output) -> Timeline:
        frames = max(1, round(seconds / output.step_s))
        return output.timeline(moving_average(output.posteriors[:, :-1], frames).argmax(1))

    return decode


def ctc_viterbi(penalty: float) -> Decoder:
    """The most likely path of emotions (Viterbi) with a switch penalty, by CTC alone."""

    def decode(output: Output) -> Timeline:
        gain = np.log(output.label_or_blank)
        best, back = gain[0], np.zeros(gain.shape, dtype=int)
        for frame in range(1, len(gain)):
            switch = best.argmax()
            stay = best >= best[switch] - penalty
            back[frame] = np.where(stay, np.arange(len(best)), switch)
            best = np.where(stay, best, best[switch] - penalty) + gain[frame]
        path = np.empty(len(gain), dtype=int)
        path[-1] = best.argmax()
        for frame in range(len(gain) - 1, 0, -1):
            path[frame - 1] = back[frame, path[frame]]
        return output.timeline(path)

    return decode


def ctc_occupancy(penalty: float) -> Decoder:
    """The most likely emotion at each frame over all paths (forward-backward) with a switch penalty."""

    def decode(output: Output) -> Timeline:
        likelihood = output.label_or_blank
        forward = forward_shares(likelihood, np.exp(-penalty))
        backward = forward_shares(likelihood[::-1], np.exp(-penalty))[::-1]
        return output.timeline((forward * backward / likelihood).argmax(1))  # the frame is in both

    return decode


def forward_shares(likelihood: np.ndarray, switch: float) -> np.ndarray:
    """The probability of each emotion at each frame given all frames so far, (frame, K) → (frame, K)."""
    shares = np.empty_like(likelihood)
    share = np.full(likelihood.shape[1], 1 / likelihood.shape[1])
    for frame, gain in enumerate(likelihood):
        share = (share + switch * (share.sum() - share)) * gain
        shares[frame] = share = share / share.sum()
    return shares


def functionals_alone(output: Output) -> Timeline:
    """The decoding of `emotrace trace` with the step scores of functionals and uninformative posteriors."""
    blank = np.zeros_like(output.posteriors)
    blank[:, -1] = 1.0
    decoder = output.session.config.decoder
    viterbi = OnlineViterbi(
        len(output.emotions),
        round(decoder.decision_delay_s / output.step_s),
        switch_penalty=decoder.switch_penalty,
        no_emotion_state=output.rejects,
    )
    decided = viterbi.push(blank, output.frames.scores * output.step_s)
    return output.timeline(np.concatenate([decided, viterbi.flush()]))


def sliding_window(seconds: float, hop_s: float = 0.25) -> Decoder:
    """The label of a window around each moment, as `predict` would name it."""

    def decode(output: Output) -> Timeline:
        samples, size = output.recording.samples, round(seconds * SAMPLE_RATE_HZ)
        hop = round(hop_s * SAMPLE_RATE_HZ)
        clips = np.lib.stride_tricks.sliding_window_view(samples, min(size, len(samples)))[::hop]
        path = output.session.labels_of(np.ascontiguousarray(clips))
        return output.timeline(path, first_s=seconds / 2, step_s=hop_s)

    return decode


def front_classifier(score: Callable[[Output], np.ndarray], seconds: float) -> Decoder:
    """The classifier of stage 1 at each step, averaged."""

    def decode(output: Output) -> Timeline:
        steps = max(1, round(seconds / output.step_s))
        return output.timeline(moving_average(score(output), steps).argmax(1))

    return decode


def front_scores(fold: Path, run: Run, recipe: Recipe) -> Callable[[Output], np.ndarray] | None:
    """Scores (step, K) of the classifier that stage 1 trains and stage 2 discards.

    None if the fold has no weights of stage 1, because it shares the front of another training.
    """
    front = find_system(run.system).front
    stage = fold / f"{FRONT_STAGE}{front}"
    if not stage.exists():
        return None
    network_alone = recipe.model_copy(update={"functionals_l2": 0.0})
    network = build(network_alone, str(front), len(run.emotions)).eval()
    network.load_state_dict(load_best_weights(stage / BEST_FILE))

    def score(output: Output) -> np.ndarray:
        samples = torch.from_numpy(output.recording.samples)
        with torch.inference_mode():
            static, frames = network.spectrum(samples[None], torch.tensor([len(samples)]))
            local, _ = network.front(static, frames)
            return network.back(local[0][:, None], torch.ones(local.shape[1], dtype=torch.long)).exp().numpy()

    return score


def decoders(score: Callable[[Output], np.ndarray] | None) -> dict[str, Decoder]:
    """All decoders by name; those of the front's classifier only if its scores are available."""
    return {
        "one label for the recording": one_label,
        **{f"sliding window of {s:g} s": sliding_window(s) for s in WINDOWS_S},
        **{f"PCNSE classifier per step, mean of {s:g} s": front_classifier(score, s)
           for s in WINDOWS_S if score},
        "CTC best path, blanks to the nearest label": ctc_best_path,
        **{f"CTC density, mean of {s:g} s": ctc_density(s) for s in (0.5, 1.0, 2.0)},
        **{f"CTC likelihood, switch penalty {p:g}": ctc_viterbi(p) for p in SWITCH_PENALTIES},
        **{f"CTC occupancy, switch penalty {p:g}": ctc_occupancy(p) for p in SWITCH_PENALTIES},
        "functionals of segments alone, switch penalty 1": functionals_alone,
        "`emotrace trace`": trace,
    }  # fmt: skip

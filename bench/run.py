"""How fast emotrace is, each time beside a peer in the same run; rewrites bench/results.md."""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import torch

from emotrace.export import Provenance, export_model
from emotrace.features import LogMel, spectrogram
from emotrace.model.systems import build
from emotrace.recipe import load_recipe
from emotrace.recogniser import load

REPEATS = 15
SAMPLES = 80_240
RESULTS = Path(__file__).parent / "results.md"


def alternately(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float]:
    """Median milliseconds of each, called in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(REPEATS + 2):
        for call, spent in zip((ours, peer), times, strict=True):
            started = time.perf_counter()
            call()
            if repeat >= 2:  # the first calls warm up
                spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    """Measure on one thread, and write the table."""
    torch.set_num_threads(1)
    samples = np.random.default_rng(1).normal(scale=0.1, size=SAMPLES).astype(np.float32)
    waveform, lengths = torch.from_numpy(samples)[None], torch.tensor([SAMPLES])
    logmel = LogMel(40)

    def features() -> torch.Tensor:
        with torch.inference_mode():
            static, frames = logmel(waveform, lengths)
            return spectrogram(static, frames)

    def features_librosa() -> np.ndarray:
        emphasised = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
        power = librosa.feature.melspectrogram(
            y=emphasised, sr=16_000, n_fft=512, win_length=400, hop_length=160, window="hamming",
            center=False, n_mels=40, htk=True, norm=None,
        )  # fmt: skip
        static = np.log(np.maximum(power, 1e-10))
        deltas = [librosa.feature.delta(static, width=7, order=order) for order in (1, 2)]
        return np.stack([static, *deltas])

    rows = [("3-D log-Mel of 5 s", "librosa", *alternately(features, features_librosa))]
    for name, width in (("default recipe", None), ("the paper's width, 64", 64)):
        recipe = load_recipe()
        if width:
            recipe = recipe.model_copy(update={"front": recipe.front.model_copy(update={"width": width})})
        network = build(recipe, "pcnse-sadrn-ctc", labels=4).eval()
        with tempfile.TemporaryDirectory() as folder:
            made = Provenance(
                "bench", "pcnse-sadrn-ctc", recipe, ["anger", "happiness", "sadness", "neutral"], "", "", "0"
            )
            export_model(network, made, Path(folder))
            recogniser = load(folder, threads=1)

        def in_torch(network: torch.nn.Module = network) -> object:
            with torch.inference_mode():
                return network(waveform, lengths)[0].numpy()

        evidence = recogniser.evidence(recogniser.read((samples, 16_000)))
        assert np.abs(np.exp(evidence.log_posteriors) - np.exp(in_torch()[0])).max() < 1e-4
        ours, peer = alternately(lambda r=recogniser: r((samples, 16_000)), in_torch)
        rows.append((f"samples to timeline, 5 s, {name}", "the network alone in torch", ours, peer))
    lines = [
        "# Speed",
        "",
        f"One thread, medians of {REPEATS} calls in turn, {platform.machine()}; rewritten by `make bench`.",
        "",
        "| what | ours, ms | peer | peer, ms | ratio |",
        "|---|---|---|---|---|",
        *(
            f"| {what} | {ours:.1f} | {peer} | {theirs:.1f} | {theirs / ours:.2f} |"
            for what, peer, ours, theirs in rows
        ),
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

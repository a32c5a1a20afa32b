"""The speed goals of emotrace, compared with the measurements."""

from __future__ import annotations

from dataclasses import dataclass

from speed.findings import Findings


@dataclass(frozen=True)
class Goal:
    """A lower limit of a ratio, or, if `fast` is None, an upper limit of a value."""

    what: str
    limit: float
    slow: str
    fast: str | None = None
    unit: str = ""

    @property
    def requested(self) -> str:
        """The limit as text.

        >>> Goal("cold start", 0.8, "cold/ours", unit="s").requested
        'under 0.8 s'
        """
        return f"at least {self.limit:g} times" if self.fast else f"under {self.limit:g} {self.unit}"

    def found(self, findings: Findings) -> str:
        """The measured value as text."""
        value = self.value(findings)
        if value is None:
            return "**not measured**"
        return f"{value:.2f} times" if self.fast else f"{value:.3g} {self.unit}"

    def met(self, findings: Findings) -> str:
        """Whether the goal is met.

        >>> Goal("files", 1.9, "a/one", "a/two").met(Findings(figures={"a/one": 4.0, "a/two": 2.0}))
        'yes'
        """
        value = self.value(findings)
        if value is None:
            return "?"
        return "yes" if (value >= self.limit if self.fast else value < self.limit) else "**no**"

    def value(self, findings: Findings) -> float | None:
        """The ratio, or the value."""
        return findings.ratio(self.slow, self.fast) if self.fast else findings.value(self.slow)


GOALS = (
    Goal("5-s clip, file to timeline, one core, against openSMILE eGeMAPS", 2, "clip/egemaps", "clip/ours"),
    Goal("the same in int8, which changes no label of EmoDB", 5, "clip/egemaps", "clip/ours-int8"),
    Goal(
        "`inception`, inference, two cores, against Keras",
        2.5,
        "network-inception/keras",
        "network-inception/ours",
    ),
    Goal(
        "`branch-pool`, inference, two cores, against Keras",
        1.5,
        "network-branch-pool/keras",
        "network-branch-pool/ours",
    ),
    Goal("padded step, `branch-pool`, against Keras", 1.8, "step-branch-pool/keras", "step-branch-pool/ours"),
    Goal("padded step, `inception`, against Keras", 1.8, "step-inception/keras", "step-inception/ours"),
    Goal("epoch of EmoDB, stage 1, against Keras", 3, "epoch/keras", "epoch/ours"),
    Goal("1059 files, two cores against one", 1.9, "many/ours", "many-cores/ours"),
    Goal("339 files, two cores against one", 1.9, "files/ours", "files-cores/ours"),
    Goal("cold start of `predict` on 2 s, processor time", 0.8, "cold/ours", unit="s"),
    Goal("resident memory of `predict`", 200, "memory/ours", unit="MiB"),
    Goal("resident memory of `predict` on ten minutes", 200, "memory/ours-minutes", unit="MiB"),
)  # fmt: skip

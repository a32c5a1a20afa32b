"""The measurements of a benchmark run: times, figures, and what is missing."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from speed.worker import WorkerError

PAUSE_S = 0.05  # lets idle threads of the previous process go to sleep


@dataclass
class Findings:
    """Measurements by names such as "clip/ours": the row and the software.

    Attributes:
        times: seconds of each counted call
        figures: values that are not medians of times: MiB, differences, estimated times
        missing: why a value is missing
        versions: of all measured packages
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """The median of the times, or the figure, with this name.

        >>> Findings(times={"clip/ours": [3.0, 1.0, 2.0]}).value("clip/ours")
        2.0
        """
        if name in self.times:
            return statistics.median(self.times[name])
        return self.figures.get(name)

    def ratio(self, slow: str, fast: str) -> float | None:
        """The ratio of two values; None if one is missing.

        >>> Findings(figures={"a/keras": 3.0, "a/ours": 2.0}).ratio("a/keras", "a/ours")
        1.5
        """
        one, other = self.value(slow), self.value(fast)
        return None if one is None or not other else one / other

    def of(self, row: str) -> dict[str, float]:
        """The values of a row by software.

        >>> Findings(figures={"a/keras": 3.0, "ab/ours": 2.0}).of("a")
        {'keras': 3.0}
        """
        names = [name for name in (*self.times, *self.figures) if name.startswith(f"{row}/")]
        found = {name.removeprefix(f"{row}/"): self.value(name) for name in names}
        return {who: value for who, value in found.items() if value is not None}

    def record_missing(self, name: str, reason: object) -> None:
        """Report, now and in the results, that a value could not be measured."""
        self.missing[name] = str(reason)
        print(f"NOT MEASURED: {name}: {reason}", file=sys.stderr, flush=True)

    def alternate(self, calls: Mapping[str, Callable[[], float]], rounds: int, warm: int = 1) -> None:
        """Make the calls in turn, round by round; the first `warm` rounds do not count.

        A peer whose call fails is left out afterwards. A failure of emotrace ends the benchmark.

        >>> found = Findings()
        >>> found.alternate({"row/ours": lambda: 1.0, "row/peer": lambda: 2.0}, rounds=3)
        >>> found.times
        {'row/ours': [1.0, 1.0, 1.0], 'row/peer': [2.0, 2.0, 2.0]}
        """
        left = dict(calls)
        for number in range(warm + rounds):
            for name, call in list(left.items()):
                time.sleep(PAUSE_S)
                try:
                    seconds = call()
                except WorkerError as error:
                    if "/ours" in name:
                        raise
                    self.record_missing(name, error)
                    self.times.pop(name, None)
                    del left[name]
                    continue
                if number >= warm:
                    self.times.setdefault(name, []).append(seconds)

    def as_json(self) -> str:
        """All measurements as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"

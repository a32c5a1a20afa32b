"""What a run of the benchmark has found: times, figures, and what could not be had."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from speed.worker import WorkerError

PAUSE_S = 0.05  # long enough for idle threads of the process called before to sleep


@dataclass
class Findings:
    """Times and figures under names such as "clip/ours": of which row, and of whom.

    Attributes:
        times: seconds of each counted call
        figures: what is not a median of times: MiB, differences, times reckoned from others
        missing: why something has no figure
        versions: of every package that was measured
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """The median of the times, or the figure, of that name.

        >>> Findings(times={"clip/ours": [3.0, 1.0, 2.0]}).value("clip/ours")
        2.0
        """
        if name in self.times:
            return statistics.median(self.times[name])
        return self.figures.get(name)

    def ratio(self, slow: str, fast: str) -> float | None:
        """How many times as much one takes as the other, where both are known.

        >>> Findings(figures={"a/keras": 3.0, "a/ours": 2.0}).ratio("a/keras", "a/ours")
        1.5
        """
        one, other = self.value(slow), self.value(fast)
        return None if one is None or not other else one / other

    def of(self, row: str) -> dict[str, float]:
        """The values of a row by whose they are.

        >>> Findings(figures={"a/keras": 3.0, "ab/ours": 2.0}).of("a")
        {'keras': 3.0}
        """
        names = [name for name in (*self.times, *self.figures) if name.startswith(f"{row}/")]
        found = {name.removeprefix(f"{row}/"): self.value(name) for name in names}
        return {who: value for who, value in found.items() if value is not None}

    def miss(self, name: str, why: object) -> None:
        """Say, at once and in the results, that something could not be measured."""
        self.missing[name] = str(why)
        print(f"NOT MEASURED: {name}: {why}", file=sys.stderr, flush=True)

    def alternate(self, calls: Mapping[str, Callable[[], float]], rounds: int, warm: int = 1) -> None:
        """Make the calls in turn, over and over; the first `warm` rounds do not count.

        A peer's call that fails is left out from then on; where ours fails, so does the benchmark.

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
                    self.miss(name, error)
                    self.times.pop(name, None)
                    del left[name]
                    continue
                if number >= warm:
                    self.times.setdefault(name, []).append(seconds)

    def as_json(self) -> str:
        """All of it."""
        return json.dumps(asdict(self), indent=1) + "\n"

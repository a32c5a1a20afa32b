"""Counters for Prometheus. They contain no names of files and no emotions of speakers."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class ServiceMetrics:
    """The counters of one service.

    Args:
        admitted: gives the number of requests at work or waiting
        streams: gives the number of live streams

    >>> metrics = ServiceMetrics(lambda: 0, lambda: 0)
    >>> metrics.audio_s.inc(2.5)
    >>> b"emotrace_audio_seconds_total 2.5" in metrics.text()
    True
    """

    def __init__(self, admitted: Callable[[], float], streams: Callable[[], float]) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "emotrace_requests", "Answers by route and status", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "emotrace_request_seconds",
            "Time from a request to the end of its answer",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.recordings = Counter(
            "emotrace_recordings",
            "Recordings by outcome: recognised or failed",
            ["outcome"],
            registry=registry,
        )
        self.audio_s = Counter("emotrace_audio_seconds", "Seconds of audio recognised", registry=registry)
        waiting = Gauge("emotrace_requests_admitted", "Requests at work or waiting", registry=registry)
        waiting.set_function(admitted)
        live = Gauge("emotrace_streams", "Live streams", registry=registry)
        live.set_function(streams)

    def text(self) -> bytes:
        """All counters in the text format of Prometheus."""
        return generate_latest(self._registry)

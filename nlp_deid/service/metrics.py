"""Figures for Prometheus. Their labels come from fixed lists, so that no text of a request gets into them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from nlp_deid.note import Span

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The figures of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "nlp_deid_requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "nlp_deid_request_seconds",
            "Time a request took.",
            ["route"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._notes = Counter("nlp_deid_notes", "Notes by outcome.", ["outcome"], registry=self.registry)
        self._spans = Counter(
            "nlp_deid_spans", "Identifiers found, by label.", ["label"], registry=self.registry
        )
        self.running = Gauge("nlp_deid_running", "Notes in work or waiting.", registry=self.registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a path as declared, never as sent."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def done(self, spans: Iterable[Span]) -> None:
        """Count a note that was processed."""
        self._notes.labels("done").inc()
        for span in spans:
            self._spans.labels(span.label).inc()

    def failed(self) -> None:
        """Count a note that was not."""
        self._notes.labels("failed").inc()

    def page(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self.registry)

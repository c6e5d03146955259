"""Metrics of a server, in Prometheus's form."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 30)
PAIRS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """Counts and times of one server, in a registry of its own."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        """waiting: the documents that wait to be scored."""
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter("rankdistill_requests", "Requests, by status.", ["status"], registry=registry)
        self.seconds = Histogram(
            "rankdistill_request_seconds",
            "Time from request to answer, of those answered.",
            buckets=SECONDS,
            registry=registry,
        )
        self.documents = Histogram(
            "rankdistill_request_documents", "Documents of a request.", buckets=PAIRS, registry=registry
        )
        self.truncated = Counter("rankdistill_truncated_documents", "Documents that were cut.", registry=registry)
        self.tokens = Counter("rankdistill_tokens", "Tokens that were read, without padding.", registry=registry)
        self.padded = Counter(
            "rankdistill_padded_tokens", "Tokens that were computed, padding included.", registry=registry
        )
        self.rounds = Histogram(
            "rankdistill_round_seconds", "Time of a round of scoring.", buckets=SECONDS, registry=registry
        )
        self.pairs = Histogram("rankdistill_round_documents", "Documents of a round.", buckets=PAIRS, registry=registry)
        Gauge("rankdistill_waiting_documents", "Documents that wait or are scored.", registry=registry).set_function(
            waiting
        )

    def round(self, n_pairs: int, n_padded: int, seconds: float) -> None:
        """Count a round of scoring."""
        self.rounds.observe(seconds)
        self.pairs.observe(n_pairs)
        self.padded.inc(n_padded)

    def text(self) -> bytes:
        """All of them in Prometheus's text form."""
        return generate_latest(self.registry)

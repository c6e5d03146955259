"""ScoreReport: what scoring counted and how long it took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScoreReport:
    """Counts and speed of one call that scored candidates."""

    n_pairs: int
    n_truncated: int
    """Pairs that the model could not read whole."""
    n_resumed: int
    """Pairs read from the store."""
    n_empty_documents: int
    """Distinct documents without text; they are scored like any other."""
    seconds: float
    """From the first chunk's inputs to the last score, waiting for the inputs of later chunks included."""
    padding: float
    """Share of the computed tokens that were padding."""

    @property
    def pairs_per_second(self) -> float:
        """Throughput of the pairs scored by this call; NaN where all came from the store."""
        n_scored = self.n_pairs - self.n_resumed
        return n_scored / self.seconds if n_scored and self.seconds > 0 else float("nan")

    def __str__(self) -> str:
        parts = [f"{self.n_pairs:,} pairs"]
        if self.n_resumed:
            parts.append(f"{self.n_resumed:,} of them from the store")
        if self.n_pairs > self.n_resumed:
            parts.append(f"{self.pairs_per_second:,.0f} pairs/s, {self.padding:.1%} padding")
        share = self.n_truncated / self.n_pairs if self.n_pairs else 0.0
        parts.append(f"{self.n_truncated:,} truncated ({share:.0%})")
        if self.n_empty_documents:
            parts.append(f"{self.n_empty_documents:,} empty documents")
        return "; ".join(parts)

"""TextbookSettings: what a textbook holds, and how its sentences are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rankdistill.errors import UnknownNameError, UsageError

Output = Literal["auto", "sentences", "pairs", "anchored"]


@dataclass(frozen=True)
class TextbookSettings:
    """What a textbook holds, and how its sentences are found. Source: CC §2.1 (docs/papers.md)."""

    output: Output = "auto"
    """What is found and written: sentences, one a row; pairs of adjacent sentences; or anchored, pairs of an anchor and
    a sentence that it found. auto: pairs for a ranking, else sentences."""
    keywords: int | None = None
    """Best keywords of an anchor that are searched for. [default: all]"""
    stop_words: str | None = None
    """File of stop words, which are in no keyword: text in UTF-8, words apart by white space. [default: those of the
    text's language, of others than English spaCy's]"""
    max_k: int = 1000
    """Most sentences that one anchor may find; to reach a size, as few are taken as suffice."""

    def __post_init__(self) -> None:
        if self.output not in get_args(Output):
            raise UnknownNameError("output", self.output, get_args(Output))
        for name in ("keywords", "max_k"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")

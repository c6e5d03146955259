"""Words that made-up texts of benchmarks consist of."""

from __future__ import annotations

WORDS = [
    "the",
    "of",
    "list",
    "sort",
    "first",
    "how",
    "what",
    "is",
    "a",
    "to",
    "dog",
    "cat",
    "book",
    "wrote",
    "long",
    "river",
    "north",
    "city",
    "people",
    "year",
    "water",
]

"""stats: how many queries, documents and judgments a collection has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rankdistill.cli.options import Json, Source
from rankdistill.cli.output import print_json, print_rich, table
from rankdistill.data.sources import load_collection


def stats(collection: Source, *, as_json: Json = False) -> None:
    """Count what is in a collection.

    Sizes, splits, grades, mean number of words, runs in the collection's folder, and judged pairs without a text. For
    example

        rankdistill stats pydocs --json
    """
    numbers = load_collection(collection).stats()
    if as_json:
        print_json(numbers)
    else:
        print_rich(table(["what", "number"], _rows(numbers)))


def _rows(numbers: Mapping[str, Any], within: str = "") -> Iterator[list[str]]:
    for key, value in numbers.items():
        name = f"{within}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _rows(value, f"{name}: ")
        elif isinstance(value, list):
            yield [name, "\n".join(value) or "none"]
        else:
            yield [
                name,
                f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value,
            ]

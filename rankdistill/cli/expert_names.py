"""Names of experts on the command line: models, each under a name of its own or one that counts them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.data.pair_parts import SCHEMA
from rankdistill.data.parquet import DOCUMENT, QUERY
from rankdistill.data.query_lists import check_lists
from rankdistill.errors import UsageError

RESERVED = (*SCHEMA.names, QUERY, DOCUMENT, "label", "teacher", "score")
"""Names that columns and objectives have for something else."""
OF_PAIRS, OF_LISTS = "pairs", "lists"
"""Prefixes of the collections whose parts experts score."""
Classifiers = Annotated[
    tuple[str, ...],
    Parameter(
        help="Names of those experts whose two logits are those of classes, where their config.json states no score "
        "contract. Others are rankers, by the margin of their two logits; of three logits or more all are classifiers."
    ),
]


def named_experts(words: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Name the experts that were given, ``NAME=MODEL`` or ``MODEL`` -> name -> model.

    taken: names that others have. Raises `UsageError` for a name that is no word, is taken or given twice.
    """
    named: dict[str, str] = {}
    free = (f"e{place}" for place in range(1, 2 + len(words) + len(taken)))
    given = {word.partition("=")[0] for word in words if has_name(word)}
    for word in words:
        name, _, model = word.partition("=")
        if not has_name(word):
            name, model = next(each for each in free if each not in taken and each not in given), word
        if not name.isidentifier() or name in RESERVED:
            raise UsageError(f"{name!r} is no name of an expert: expected a word such as rte, and none of {RESERVED}")
        if name in named or name in taken:
            raise UsageError(f"two experts are called {name!r}: give each a name of its own, NAME=MODEL")
        if not model:
            raise UsageError(f"the expert {name!r} has no model: expected NAME=MODEL")
        named[name] = model
    return named


def folder_to_score(collection: str) -> tuple[str, Path]:
    """The prefix and the folder of ``pairs:FOLDER`` or ``lists:FOLDER``, which experts score part by part.

    Raises `UsageError` for any other collection, `DataError` for a folder that is none of lists.
    """
    prefix, _, folder = collection.partition(":")
    if prefix not in (OF_PAIRS, OF_LISTS) or not folder or not Path(folder).is_dir():
        raise UsageError(
            f"--experts score pairs or lists in parts, got the collection {collection!r}: expected pairs:FOLDER, such "
            "as `rankdistill corpus` writes, or lists:FOLDER, such as `rankdistill retrieve --lists` writes"
        )
    if prefix == OF_LISTS:
        check_lists(folder)
    return prefix, Path(folder)


def has_name(word: str) -> bool:
    """Whether an expert is given as ``NAME=MODEL``; a folder may have the sign in its own name."""
    return "=" in word and not Path(word).exists()

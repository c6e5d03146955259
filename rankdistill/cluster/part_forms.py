"""Forms of parts that experts score: pairs of sentences, whose texts are in the parts, and lists, with texts beside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.digest import documents_digest, texts_digest
from rankdistill.data.pair_parts import read_pair_part, write_pair_part
from rankdistill.data.parquet import DOCUMENT, QUERY
from rankdistill.data.parts import read_part, write_part
from rankdistill.data.sources.pairs.parts import collection_of_pairs
from rankdistill.data.sources.query_lists import load_texts
from rankdistill.inputs.texts import TextCollection


@dataclass(frozen=True)
class PartToScore:
    """A part that was read."""

    candidates: Candidates
    collection: TextCollection
    """Has the texts of the candidates."""
    names: Collection[str]
    """Columns of its file."""
    write: Callable[[Mapping[str, F32], Path], None]
    """Writes the part with columns (N,) added to a file, whole or not at all, and its checksum."""


class PartForm(Protocol):
    """What parts hold; it is sent to the process that works on them."""

    def facts(self) -> dict[str, Any]:
        """Return everything beside the parts that changes scores, by content, as JSON can hold it."""

    def start(self) -> Callable[[Path], PartToScore]:
        """Load what all parts need, and return the function that reads one part; it raises `DataError` for others."""


@dataclass(frozen=True)
class PairForm:
    """Pairs of sentences, as `rankdistill.data.pair_parts` has them."""

    def facts(self) -> dict[str, Any]:
        """Nothing: the texts are in the parts."""
        return {}

    def start(self) -> Callable[[Path], PartToScore]:
        """Return the function that reads a part."""
        return _pairs


@dataclass(frozen=True)
class ListForm:
    """Lists of queries, as `rankdistill.data.query_lists` has them.

    folder: with the texts, which all workers find under this name.
    """

    folder: str

    def facts(self) -> dict[str, Any]:
        """The texts, as `ScoreParts` names them."""
        texts = load_texts(self.folder)
        return {"queries": texts_digest(texts.queries), "documents": documents_digest(texts)}

    def start(self) -> Callable[[Path], PartToScore]:
        """Open the texts."""
        texts = load_texts(self.folder)

        def read(part: Path) -> PartToScore:
            lists = read_part(part)

            def write(columns: Mapping[str, F32], out: Path) -> None:
                write_part(lists.with_columns(columns), out)

            return PartToScore(lists, texts, (QUERY, DOCUMENT, *lists.columns), write)

        return read


def _pairs(part: Path) -> PartToScore:
    table = read_pair_part(part)
    pairs = collection_of_pairs(table, part.stem)
    assert pairs.candidates is not None

    def write(columns: Mapping[str, F32], out: Path) -> None:
        write_pair_part(table, out, columns)

    return PartToScore(pairs.candidates, pairs, table.schema.names, write)

"""The data model and its files: Candidates, Texts, Collection, and how they are read and written."""

from typing import TYPE_CHECKING

from rankdistill.lazy import lazily

if TYPE_CHECKING:
    from rankdistill.data.candidates import Candidates, QueryCandidates, concatenate
    from rankdistill.data.collection import Collection
    from rankdistill.data.parquet import read_candidates, write_candidates
    from rankdistill.data.sources import SOURCES, load_collection
    from rankdistill.data.texts import Texts
    from rankdistill.data.trec import read_qrels, read_ranking, read_run, write_qrels, write_run

_HOMES = {
    "Candidates": "candidates",
    "QueryCandidates": "candidates",
    "concatenate": "candidates",
    "Collection": "collection",
    "read_candidates": "parquet",
    "write_candidates": "parquet",
    "SOURCES": "sources",
    "load_collection": "sources",
    "Texts": "texts",
    "read_qrels": "trec",
    "read_ranking": "trec",
    "read_run": "trec",
    "write_qrels": "trec",
    "write_run": "trec",
}

__all__ = [
    "SOURCES",
    "Candidates",
    "Collection",
    "QueryCandidates",
    "Texts",
    "concatenate",
    "load_collection",
    "read_candidates",
    "read_qrels",
    "read_ranking",
    "read_run",
    "write_candidates",
    "write_qrels",
    "write_run",
]

__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)

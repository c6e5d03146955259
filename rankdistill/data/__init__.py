"""The data model and its files: Candidates, Texts, Collection, and how they are read and written."""

from rankdistill.data.candidates import Candidates, QueryCandidates, concatenate
from rankdistill.data.collection import Collection
from rankdistill.data.parquet import read_candidates, write_candidates
from rankdistill.data.sources import SOURCES, load_collection
from rankdistill.data.texts import Texts
from rankdistill.data.trec import read_qrels, read_ranking, read_run, write_qrels, write_run

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

"""The data model and its files: Candidates, Texts, Collection, and how they are read and written."""

from rankdistill.data.atomic import atomic_path
from rankdistill.data.candidates import Candidates, QueryCandidates, concatenate
from rankdistill.data.collection import SOURCES, Collection, load_collection
from rankdistill.data.tables import read_candidates, write_candidates
from rankdistill.data.texts import Texts
from rankdistill.data.trec import read_qrels, read_run
from rankdistill.data.trec_write import write_qrels, write_run

__all__ = [
    "SOURCES",
    "Candidates",
    "Collection",
    "QueryCandidates",
    "Texts",
    "atomic_path",
    "concatenate",
    "load_collection",
    "read_candidates",
    "read_qrels",
    "read_run",
    "write_candidates",
    "write_qrels",
    "write_run",
]

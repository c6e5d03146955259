"""Read and write TREC runs and qrels, and MS MARCO's three columns, plain or .gz."""

from rankdistill.data.trec.read import read_qrels, read_ranking, read_run
from rankdistill.data.trec.write import write_qrels, write_run

__all__ = ["read_qrels", "read_ranking", "read_run", "write_qrels", "write_run"]

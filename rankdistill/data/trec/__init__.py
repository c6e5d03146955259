"""Read and write TREC runs and qrels, and MS MARCO's three columns, plain or .gz."""

from typing import TYPE_CHECKING

from rankdistill.lazy import lazily

if TYPE_CHECKING:
    from rankdistill.data.trec.read import read_qrels, read_ranking, read_run
    from rankdistill.data.trec.write import write_qrels, write_run

_HOMES = {
    "read_qrels": "read",
    "read_ranking": "read",
    "read_run": "read",
    "write_qrels": "write",
    "write_run": "write",
}

__all__ = ["read_qrels", "read_ranking", "read_run", "write_qrels", "write_run"]

__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)

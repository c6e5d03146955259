"""rankdistill: any teachers, ensembled under the relevance labels, distilled into a small and fast re-ranker."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Name -> module that defines it; imported when first used, so that `import rankdistill` costs nothing.
_HOMES = {
    "Candidates": "rankdistill.data",
    "Collection": "rankdistill.data",
    "Texts": "rankdistill.data",
    "load_collection": "rankdistill.data",
    "read_qrels": "rankdistill.data",
    "read_run": "rankdistill.data",
    "write_qrels": "rankdistill.data",
    "write_run": "rankdistill.data",
    "Conventions": "rankdistill.evaluation",
    "evaluate": "rankdistill.evaluation",
    "leaderboard": "rankdistill.evaluation",
    "pnr": "rankdistill.evaluation",
    "bm25": "rankdistill.retrieval.bm25",
    "CrossEncoder": "rankdistill.models",
    "score": "rankdistill.scoring",
    "cosine": "rankdistill.scoring",
    "EnsembleSettings": "rankdistill.ensembling",
    "ensemble": "rankdistill.ensembling",
    "pile": "rankdistill.ensembling",
    "fit": "rankdistill.training",
    "TrainingSettings": "rankdistill.training",
    "imitate": "rankdistill.training",
    "start_model": "rankdistill.recipes",
    "finetune": "rankdistill.recipes",
    "distill": "rankdistill.recipes",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rankdistill' has no attribute {name!r}; it offers {', '.join(sorted(_HOMES))}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

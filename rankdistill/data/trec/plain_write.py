"""Write small runs in plain Python: the bytes of `rankdistill.data.trec.write.write_run`, which tests hold it to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.trec.plain import PlainLists
from rankdistill.files.atomic import atomic_file

SMALLEST, LARGEST = 1e-6, 1e10
"""Scores between these are written without an exponent, by Arrow too."""


def write_plain_run(lists: PlainLists, path: str | Path, by: str, tag: str = "rankdistill") -> None:
    """Write a run as `write_run` does, which gets what is not ordinary: odd ids, tiny or huge scores, none at all."""
    scores = None if _odd_ids(lists) or not len(lists) else _texts_of(lists.ranked(by)[by])
    if scores is None:
        from rankdistill.data.trec.write import write_run

        write_run(lists.to_candidates(), path, by, tag)
        return
    ranked = lists.ranked(by)
    queries = ranked.query_of_row.tolist()
    ranks = (np.arange(len(ranked)) - ranked.offsets[:-1][ranked.query_of_row] + 1).tolist()
    rows = zip(queries, ranked.doc_ids, ranks, scores, strict=True)
    text = "".join(f"{ranked.query_ids[q]} Q0 {doc.decode()} {rank} {score} {tag}\n" for q, doc, rank, score in rows)
    with atomic_file(path) as file:
        file.write(text.encode())


def _odd_ids(lists: PlainLists) -> bool:
    """Tell whether an id may hold what some reader takes for white space, or a query's begins a comment."""
    documents = (doc.decode() for doc in lists.doc_ids)
    plain = all(text and text.isprintable() and " " not in text for text in (*lists.query_ids, *documents))
    return not plain or any(query.startswith("#") for query in lists.query_ids)


def _texts_of(scores: F32) -> list[str] | None:
    """The shortest decimals that read back as the same float32, also by way of a double; None for odd numbers."""
    sizes = np.abs(scores)
    if not ((sizes == 0) | ((sizes >= SMALLEST) & (sizes < LARGEST))).all():
        return None
    texts = []
    for score in scores:
        text = np.format_float_positional(score, unique=True, trim="-")
        texts.append(text if np.float32(float(text)) == score else repr(float(score)))
    return texts

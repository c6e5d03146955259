"""A collection's BM25 index, built the first time it is asked for and kept in the cache folder."""

from __future__ import annotations

import hashlib

from rankdistill import __version__
from rankdistill.data.collection import Collection
from rankdistill.files.cache import cache_folder
from rankdistill.retrieval.bm25 import FORM, K1, B, BM25Index


def cached_index(collection: Collection, k1: float = K1, b: float = B) -> BM25Index:
    """Load the BM25 index of the collection's documents from the cache, building it where it is not there yet.

    It is the index of exactly these texts under these ids, by this version of rankdistill.
    """
    facts = f"{__version__} {FORM} {k1} {b} {_digest(collection)}"
    folder = cache_folder() / "bm25" / hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()
    if not folder.is_dir():
        BM25Index.build(collection.documents, k1, b).save(folder)
    return BM25Index.load(folder)


def _digest(collection: Collection) -> str:
    """What stands for the documents: the id of an ir_datasets data set, whose documents do not change, or a hash."""
    if collection.name.startswith("irds:"):
        return collection.name
    digest = hashlib.blake2b(digest_size=20)
    for columns in collection.documents.batches():
        for column in columns:
            for text in column.to_pylist():
                encoded = text.encode()
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()

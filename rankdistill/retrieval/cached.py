"""Build a collection's BM25 index once and keep it in the cache folder."""

from __future__ import annotations

import hashlib

from rankdistill import __version__
from rankdistill.data.collection import Collection
from rankdistill.files.cache import cache_folder
from rankdistill.files.facts import digest
from rankdistill.retrieval.bm25 import INDEX_FORMAT, K1, B, BM25Index


def cached_index(collection: Collection, k1: float = K1, b: float = B) -> BM25Index:
    """Load the BM25 index of the collection's documents from the cache; build it where the cache does not have it.

    The key holds the texts and ids, the parameters and the version of rankdistill.
    """
    facts = [__version__, INDEX_FORMAT, k1, b, _documents_digest(collection)]
    folder = cache_folder() / "bm25" / digest(facts)
    if not folder.is_dir():
        BM25Index.build(collection.documents, k1, b).save(folder)
    return BM25Index.load(folder)


def _documents_digest(collection: Collection) -> str:
    """Identify the documents: by the id of an ir_datasets data set, whose documents do not change, or by a hash."""
    if collection.name.startswith("irds:"):
        return collection.name
    hashed = hashlib.blake2b(digest_size=20)
    for columns in collection.documents.batches():
        for column in columns:
            for text in column.to_pylist():
                encoded = text.encode()
                hashed.update(len(encoded).to_bytes(8, "little") + encoded)
    return hashed.hexdigest()

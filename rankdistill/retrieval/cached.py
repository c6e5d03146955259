"""Build a collection's BM25 index once and keep it in the cache folder."""

from __future__ import annotations

import hashlib
import warnings

from rankdistill import __version__
from rankdistill.data.collection import Collection
from rankdistill.errors import DataError
from rankdistill.files.cache import cache_folder
from rankdistill.files.facts import digest
from rankdistill.retrieval.bm25 import INDEX_FORMAT, K1, B, BM25Index


def cached_index(collection: Collection, k1: float = K1, b: float = B) -> BM25Index:
    """Load the BM25 index of the collection's documents from the cache; build it where the cache does not have it.

    The key holds the texts and ids, the parameters, and the versions of rankdistill and of Unicode. A kept
    index whose files were damaged is built again, and an index that the cache cannot hold is not kept; warnings say so.
    """
    facts = [__version__, INDEX_FORMAT, k1, b, _documents_digest(collection)]
    folder = cache_folder() / "bm25" / digest(facts)
    if folder.exists():
        try:
            return BM25Index.load(folder)
        except DataError as error:
            warnings.warn(f"{error}. It is built again now", stacklevel=2)
    index = BM25Index.build(collection.documents, k1, b)
    try:
        index.save(folder)
    except OSError as error:
        warnings.warn(f"the index is not kept: {folder} cannot be written ({error})", stacklevel=2)
    return index


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

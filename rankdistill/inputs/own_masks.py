"""Masked words of texts as a model knows them: every model reads its own mask token in place of the texts'."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rankdistill.errors import DataError

if TYPE_CHECKING:  # Arrow is imported by what loads a collection
    from rankdistill.data.collection import Collection
    from rankdistill.data.texts import Texts

C = TypeVar("C")
KNOWN = ("[MASK]", "<mask>", "[UNK]", "<unk>")
"""Mask tokens, and what stands for unknown words, of tokenizers that do not say which is theirs."""


def mask_of(tokenizer: Any) -> str | None:
    """What a tokenizer has for a masked word: its mask token, else that of unknown words; None without both."""
    if hasattr(tokenizer, "mask_token"):
        return tokenizer.mask_token or tokenizer.unk_token
    vocabulary = tokenizer.backend_tokenizer
    return next((token for token in KNOWN if vocabulary.token_to_id(token) is not None), None)


def read_by(tokenizer: Any, collection: C) -> C:
    """The collection as a model reads it: in texts that have masked words, its own mask token stands for them.

    A collection without masked words, or whose mask token is the model's, is returned as it is. Raises `DataError` for
    a tokenizer that has nothing for a masked word.
    """
    token: str | None = getattr(collection, "mask_token", None)
    if token is None:
        return collection
    masked: Collection = collection  # type: ignore[assignment]  # nothing else has one
    own = mask_of(tokenizer)
    if own == token or not _has_masks(masked, token):
        return collection
    if own is None:
        raise DataError(
            f"texts of {masked.name} have masked words, written {token}, and a model that reads them has neither a "
            "mask token nor one for unknown words: make the variations with --p-mask 0"
        )
    return with_mask(masked, own)  # type: ignore[return-value]


def with_mask(collection: Collection, mask: str) -> Collection:
    """The collection with another mask token in its texts; a ranking's documents are never masked."""
    import pyarrow.compute as pc

    from rankdistill.data.texts import Texts

    token = collection.mask_token
    if token is None or token == mask:
        return collection

    def written(texts: Texts) -> Texts:
        return Texts(texts.ids, pc.replace_substring(texts.texts, token, mask))

    documents = written(collection.documents) if collection.is_of_pairs else collection.documents
    return replace(collection, queries=written(collection.queries), documents=documents, mask_token=mask)


def _has_masks(collection: Collection, token: str) -> bool:
    import pyarrow.compute as pc

    columns = [collection.queries, *([collection.documents] if collection.is_of_pairs else [])]
    return any(bool(pc.any(pc.match_substring(texts.texts, token)).as_py()) for texts in columns)

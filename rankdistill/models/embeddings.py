"""Word embeddings of several passes through a model, with one gradient of the whole table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rankdistill.models.first_token import replaced_forward


@contextmanager
def one_lookup(model: Any, ids: Iterable[Tensor], *, sparse: bool = False) -> Iterator[None]:
    """Look up the words of all passes inside the block at once, each word once; the result is the same.

    ids: int64, of any shapes, all that the passes read. sparse: whether the table's gradient is that of the rows that
    were read alone, as a sparse tensor. A lookup's gradient is as large as the vocabulary, and it is
    made, cleared and added anew by every pass: for a small model that is a part of the work that can be felt. Models
    whose embeddings are not plain ones are left alone.
    """
    embeddings = model.get_input_embeddings()
    if type(embeddings) is not nn.Embedding or embeddings.max_norm is not None or embeddings.sparse:
        yield
        return
    words = torch.unique(torch.cat([each.flatten() for each in ids]))
    rows = functional.embedding(words, embeddings.weight, embeddings.padding_idx, sparse=sparse)
    with replaced_forward(embeddings, partial(_lookup, words=words, rows=rows)):
        yield


def _lookup(_layer: nn.Embedding, ids: Tensor, *, words: Tensor, rows: Tensor) -> Tensor:
    return functional.embedding(torch.searchsorted(words, ids), rows)

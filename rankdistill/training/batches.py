"""Batches of whole lists: their pairs in parts of like length, beside the columns that losses read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from rankdistill.data.candidates import Candidates
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.models import CrossEncoder
from rankdistill.progress import progress
from rankdistill.training.distributed import processes
from rankdistill.training.draw import ListPlan

Batch = dict[str, Any]
MAX_PARTS = 4
PART_TOKENS = 256
"""What one more pass through the model costs, in tokens: each has its own gradient of all word embeddings."""


class TrainingLists(Dataset[Any]):
    """The lists of a plan, in its order; each item is the rows of one list, int64 (size,), -1 where it is shorter.

    Texts are tokenised once, when this is made; `collate` assembles a batch from token ids. max_parts: the most parts
    that the pairs of a batch are split into.
    """

    def __init__(
        self,
        model: CrossEncoder,
        candidates: Candidates,
        collection: TextCollection,
        plan: ListPlan,
        columns: Sequence[str],
        max_parts: int = MAX_PARTS,
    ) -> None:
        self.plan, self.max_parts = plan, max_parts
        self.columns = {name: candidates[name] for name in columns}
        texts = PairTexts(candidates, collection)
        self.query_rows, self.document_rows = texts.query_rows, texts.document_rows
        self.assembler = PairAssembler(model.tokenizer, model.max_length)
        with progress("tokenising", texts.n_texts, unit="texts") as advance:
            self.queries = self.assembler.tokenize(model.tokenizer, texts.queries())
            advance(len(texts.query_ids))
            self.documents = self.assembler.tokenize(model.tokenizer, texts.documents())
            advance(len(texts.document_ids))

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.plan.rows[index]

    def digest(self) -> str:
        """Hash of everything that a model is trained on: tokens, columns, and the plan."""
        texts = (self.queries, self.documents)
        tokens = [array for text in texts for array in (text.ids, text.offsets)]
        digest = hashlib.blake2b(json.dumps(list(self.columns)).encode(), digest_size=20)
        for array in (*tokens, self.query_rows, self.document_rows, *self.columns.values(), self.plan.rows):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def collate(self, lists: Sequence[np.ndarray]) -> Batch:
        """Make a batch of Q lists of at most C candidates, of whose pairs this process computes P.

        Returns ``inputs``, of each part, longest pairs first, the model's int64 (pairs, length); ``places`` int64 (P,),
        where each pair is among those of all parts; ``counts``, the pairs of each process; ``mask`` bool (Q, C), True
        where a candidate stands, whose pairs follow each other row by row, process by process; ``columns`` name ->
        float32 (Q, C), NaN where missing.
        """
        rows = np.stack(lists)
        rows = rows[:, : max(1, int((rows >= 0).sum(1).max()))]
        mask = rows >= 0
        rank, n_processes = processes()
        counts = [int(group.sum()) for group in np.array_split(mask, n_processes)]
        pairs = np.split(rows[mask], np.cumsum(counts)[:-1])[rank]
        if not len(pairs):
            pairs = rows[mask][:1]  # every process runs the model, see `gather`
        queries, documents = self.query_rows[pairs], self.document_rows[pairs]
        lengths = self.assembler.lengths(self.queries, self.documents, queries, documents).total
        parts = length_parts(lengths, self.max_parts)
        inputs = [
            self.assembler.assemble(self.queries, self.documents, queries[part], documents[part]) for part in parts
        ]
        columns = {name: np.where(mask, values[rows], np.nan) for name, values in self.columns.items()}
        return {
            "inputs": [{name: torch.from_numpy(values) for name, values in part.items()} for part in inputs],
            "places": torch.from_numpy(np.argsort(np.concatenate(parts))),
            "counts": counts,
            "mask": torch.from_numpy(mask),
            "columns": {name: torch.from_numpy(values.astype(np.float32)) for name, values in columns.items()},
        }


def length_parts(lengths: NDArray[np.int64], most: int = MAX_PARTS) -> list[NDArray[np.int64]]:
    """Split pairs into parts of about equal numbers, longest first: as many, up to ``most``, as padding pays for.

    lengths: int64 (P,), tokens. Returns the positions of each part's pairs. What is learned from a batch does not
    depend on its parts: gradients add up.
    """
    order = np.argsort(-lengths, kind="stable")
    splits = [np.array_split(order, n) for n in range(1, min(most, len(order)) + 1)]
    return min(splits, key=lambda parts: sum(len(part) * int(lengths[part[0]]) + PART_TOKENS for part in parts))


def in_lists(flat: Tensor, mask: Tensor) -> Tensor:
    """Put values of pairs (P, ...) where ``mask`` (Q, C) is True; zeros elsewhere. Gradients flow through."""
    return flat.new_zeros((*mask.shape, *flat.shape[1:])).index_put((mask,), flat)

"""Batches of whole lists: every pair of a batch's lists in one padded input, beside the columns its losses read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rankdistill.data.candidates import Candidates
from rankdistill.models import CrossEncoder
from rankdistill.progress import progress
from rankdistill.scoring.inputs import PairTexts, TextCollection
from rankdistill.scoring.pairs import PairAssembler
from rankdistill.training.lists import ListPlan

Batch = dict[str, Any]


class TrainingLists(Dataset[Any]):
    """The lists of a plan, in its order; each item is the rows of one list, int64 (size,), -1 where it is shorter.

    Texts are tokenised once, when this is made; `collate` assembles a batch from token ids.
    """

    def __init__(
        self,
        model: CrossEncoder,
        candidates: Candidates,
        collection: TextCollection,
        plan: ListPlan,
        columns: Sequence[str],
    ) -> None:
        self.plan = plan
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

    def collate(self, lists: Sequence[np.ndarray]) -> Batch:
        """Make a batch of Q lists of at most C candidates, P pairs in all.

        Returns ``inputs`` of the model, int64 (P, length); ``mask`` bool (Q, C), True where a candidate stands, whose
        pairs follow each other row by row; ``columns`` name -> float32 (Q, C), NaN where missing.
        """
        rows = np.stack(lists)
        rows = rows[:, : max(1, int((rows >= 0).sum(1).max()))]
        mask = rows >= 0
        pairs = rows[mask]
        inputs = self.assembler.assemble(
            self.queries, self.documents, self.query_rows[pairs], self.document_rows[pairs]
        )
        columns = {name: np.where(mask, values[rows], np.nan) for name, values in self.columns.items()}
        return {
            "inputs": {name: torch.from_numpy(values) for name, values in inputs.items()},
            "mask": torch.from_numpy(mask),
            "columns": {name: torch.from_numpy(values.astype(np.float32)) for name, values in columns.items()},
        }


def in_lists(flat: Tensor, mask: Tensor) -> Tensor:
    """Put values of pairs (P, ...) where ``mask`` (Q, C) is True; zeros elsewhere. Gradients flow through."""
    return flat.new_zeros((*mask.shape, *flat.shape[1:])).index_put((mask,), flat)

"""ListSource: batches of whole candidate lists, their pairs in parts of like length, beside the columns of losses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.files.facts import digest
from rankdistill.inputs.own_masks import read_by
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.models import CrossEncoder
from rankdistill.progress import progress
from rankdistill.training.batches import Batch, length_parts, part_limits
from rankdistill.training.distributed import processes
from rankdistill.training.draw import ListPlan


class ListSource:
    """The lists of a plan in its order, ``lists_per_batch`` of them a batch; a `BatchSource`.

    Texts are tokenised once, by the constructor; a batch is assembled from token ids on demand. max_parts: the most
    parts that the pairs of a batch are split into (None: as many as suit the device). task: name of the task in every
    batch. teacher: a model beside the student that reads the same batches, which then hold what either of them takes;
    it passes them part by part.
    """

    def __init__(
        self,
        model: CrossEncoder,
        candidates: Candidates,
        collection: TextCollection,
        plan: ListPlan,
        columns: Sequence[str],
        lists_per_batch: int,
        *,
        max_parts: int | None = None,
        task: str = "",
        teacher: CrossEncoder | None = None,
    ) -> None:
        self.plan, self.lists_per_batch, self.task = plan, lists_per_batch, task
        most, self.part_tokens = part_limits(model.model, alone=teacher is None)
        self.max_parts = max_parts or most
        names = dict.fromkeys((*model.assembler.input_names, *(teacher.assembler.input_names if teacher else ())))
        self.assembler = model.assembler.taking(list(names))
        self.columns = {name: candidates[name] for name in columns}
        texts = PairTexts(candidates, read_by(model.tokenizer, collection))
        self.query_rows, self.document_rows = texts.query_rows, texts.document_rows
        with progress("tokenising", texts.n_texts, unit="texts") as advance:
            self.queries = self.assembler.tokenize_queries(model.tokenizer, texts.queries())
            advance(len(texts.query_ids))
            self.documents = self.assembler.tokenize(model.tokenizer, texts.documents())
            advance(len(texts.document_ids))

    def __len__(self) -> int:
        return -(-len(self.plan) // self.lists_per_batch)

    def __getitem__(self, index: int) -> Batch:
        first = range(len(self))[index] * self.lists_per_batch
        rows = self.plan.rows[first : first + self.lists_per_batch]
        rows = rows[:, : max(1, int((rows >= 0).sum(1).max()))]
        mask = rows >= 0
        rank, n_processes = processes()
        counts = [int(group.sum()) for group in np.array_split(mask, n_processes)]
        pairs = np.split(rows[mask], np.cumsum(counts)[:-1])[rank]
        if not len(pairs):
            pairs = rows[mask][:1]  # every process runs the model, see `gather`
        queries, documents = self.query_rows[pairs], self.document_rows[pairs]
        lengths = self.assembler.lengths(self.queries, self.documents, queries, documents).total
        parts = length_parts(lengths, self.max_parts, self.part_tokens)
        inputs = [
            self.assembler.assemble(self.queries, self.documents, queries[part], documents[part]) for part in parts
        ]
        columns = {name: np.where(mask, values[rows], np.nan) for name, values in self.columns.items()}
        return {
            "task": self.task,
            "inputs": [{name: torch.from_numpy(values) for name, values in part.items()} for part in inputs],
            "places": torch.from_numpy(np.argsort(np.concatenate(parts))),
            "counts": counts,
            "mask": torch.from_numpy(mask),
            "columns": {name: torch.from_numpy(values.astype(np.float32)) for name, values in columns.items()},
        }

    def facts(self) -> dict[str, Any]:
        """What a model is trained on, by name: hashes of the tokens, the columns and the drawn lists, and the sizes."""
        return {
            "task": self.task,
            "lists per batch": self.lists_per_batch,
            "queries' texts": _hash(self.queries.ids, self.queries.offsets),
            "documents' texts": _hash(self.documents.ids, self.documents.offsets),
            "candidates": _hash(self.query_rows, self.document_rows),
            **{f"column {name}": _hash(values) for name, values in self.columns.items()},
            "drawn lists": _hash(self.plan.rows),
        }

    def digest(self) -> str:
        """Hash of the facts."""
        return digest(self.facts())


def _hash(*arrays: NDArray[Any]) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for array in arrays:
        hashed.update(f"{array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()

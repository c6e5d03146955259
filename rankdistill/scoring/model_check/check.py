"""check_model: find silent score corruption in a model's folder, before its scores are trusted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import F32, I64
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection, own_candidates
from rankdistill.errors import DataError, RankDistillError, UsageError
from rankdistill.inputs.texts import PairTexts
from rankdistill.models.base import resolve_base, resolve_folder
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.sentence.chain import is_chain
from rankdistill.scoring.model_check import folder, scores
from rankdistill.scoring.model_check.finding import Checked, ModelFinding

QUERIES, CANDIDATES = 20, 10
"""Of a run: queries, and candidates of each, that are scored."""
CHECKS: tuple[Callable[[Checked], Iterator[ModelFinding]], ...] = (
    folder.head,
    folder.activation,
    folder.labels,
    folder.padding,
    folder.length,
    folder.prompt,
    scores.ties,
    scores.transformers,
    scores.exported,
    scores.engines,
    scores.sentence_transformers,
)
_QUERIES = (
    "how to sort a list of numbers",
    "what is the capital of france",
    "who wrote the first book about cats",
    "symptoms of a cold",
)
_DOCUMENTS = (
    "sorted(x) returns a new list with the numbers of x in ascending order.",
    "Paris is the capital and the largest city of France.",
    "A dog is an animal that barks.",
    "The first long list of books about cats was written by hand, and it is kept in a library to this day.",
    "A cold brings a runny nose, a sore throat and a cough; it ends after a week.",
    "what",
    "The cat sat on the mat, then slept. " * 60,
    "2 + 2 = 4",
)


def check_model(
    model: str | Path,
    collection: Collection | None = None,
    candidates: Candidates | None = None,
    *,
    relevant_label: str | None = None,
    engines: Sequence[str] = (),
    **asking: Any,
) -> list[ModelFinding]:
    """Check a model for faults that leave no trace but wrong scores; one finding for each check, in order.

    Errors: weights that the folder lacks, a sigmoid on top, two logits of which the first is the relevant one, a
    padding token that the model does not take for one, a template that truncation cuts, a prompt that leaves no room or
    that the chat template makes otherwise, mass ties, scores that transformers, exported files in the folder or
    sentence-transformers compute otherwise, and scores that contradict the judgments. All is computed in float32.
    collection, candidates: the pairs to score, the first `CANDIDATES` of the first `QUERIES` queries; without
    candidates those that the collection has, without a collection a few texts of its own. engines: names of `ENGINES`
    that are to compute the same scores by exports of their own. asking: how a causal language model is asked, see
    `CrossEncoder.from_pretrained`. Raises `UsageError` for candidates without a collection, and for a collection that
    has none where none are given; `DataError` for a candidate without a text.
    """
    if collection is not None and candidates is None:
        candidates = own_candidates(collection)
    if collection is None and candidates is not None:
        raise UsageError("the texts of --run are a collection's: give --collection, too")
    findings: list[ModelFinding] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            place = resolve_folder(model)
            loaded = CrossEncoder.from_pretrained(model, dtype="float32", relevant_label=relevant_label, **asking)
        except RankDistillError as error:
            return [ModelFinding("weights", "error", str(error))]
        try:
            _ = loaded.assembler
        except UsageError as error:
            return [ModelFinding("truncation", "error", str(error))]
        place = place if is_chain(place) else Path(resolve_base(model))
        checked = Checked(
            loaded, place, [(query, text) for query in _QUERIES for text in _DOCUMENTS], engines=tuple(engines)
        )
        if collection is not None and candidates is not None:
            checked = _on_candidates(checked, collection, candidates)
        for each in CHECKS:
            try:
                findings += each(checked)
            except DataError as error:
                findings.append(ModelFinding(each.__name__, "error", str(error)))
    ours = [str(each.message) for each in said if issubclass(each.category, UserWarning)]
    notes = [text for text in dict.fromkeys(ours) if str(place) in text]
    return [*findings, *(ModelFinding("folder", "warning", text) for text in notes)]


def _on_candidates(checked: Checked, collection: Collection, candidates: Candidates) -> Checked:
    """The same check, on the first candidates of a run."""
    chosen = candidates.take_queries(np.arange(candidates.n_queries) < QUERIES)
    rank = np.arange(len(chosen)) - chosen.offsets[chosen.query_of_row]
    chosen = chosen.take_rows(np.flatnonzero(rank < CANDIDATES))
    texts = PairTexts(chosen, collection)
    queries, documents = [*chain.from_iterable(texts.queries())], [*chain.from_iterable(texts.documents())]
    rows = zip(texts.query_rows.tolist(), texts.document_rows.tolist(), strict=True)
    pairs = [(queries[query], documents[document]) for query, document in rows]
    labels: F32 | None = None
    offsets: I64 | None = None
    if collection.qrels is not None:
        labels, offsets = chosen.join(collection.qrels, "label")["label"], chosen.offsets
    return replace(checked, pairs=pairs, labels=labels, offsets=offsets)

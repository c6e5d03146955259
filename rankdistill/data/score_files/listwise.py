"""Orders of listwise re-rankers: rank_llm's results, and answers such as ``[2] > [1] > [3]`` to numbered passages.

``{"query": {"qid": "q"}, "candidates": [{"docid": "d1"}, …]}`` has the candidates in the final order; their scores,
which listwise re-rankers do not make, are not read. With an answer beside them, ``"response": "[2] > [1]"`` or
``"permutation": [2, 1]``, the candidates are in the order in which they were numbered, from 1. Numbers from 0, as
programs write them, would name other passages without a sign of it, so that a list with a 0, or a text that names
0 to n - 1 once each, is refused.

Of a malformed answer the numbers in brackets are read, or all where none is in brackets; each that is a passage's
counts once, where it comes first. Passages that it does not name follow in their order. An answer without any such
number gives no order, and its list is left out. All are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import as_ids
from rankdistill.data.score_files.forms import DOCUMENT_IDS, QUERY_IDS, STRING, Cleaned, Form, as_id, listed
from rankdistill.data.score_files.lists import Part, order_scores

ANSWERS = ("response", "permutation", "ranking", "answer")
REPEATED = "answers that repeat passages"
UNKNOWN = "answers with numbers of no passage"
MISSING = "answers that lack passages"
NO_ORDER = "answers without any passage's number, whose lists are left out"
WELL_FORMED = re.compile(r"\s*\[\d+\](\s*>\s*\[\d+\])*\s*")
WRONG_FORM = "answers with other text than [2] > [1]"
HISTORY_REPEATS = "answers of single windows that are malformed"


def part(table: pa.Table) -> Part | None:
    sizes, candidates = listed(table["candidates"])
    if table["answer"].null_count < len(table) or table["history"].null_count < len(table):
        return None
    queries, ids = pc.struct_field(table["query"], "qid"), pc.struct_field(candidates, "docid")
    return Part(as_ids(queries), sizes, as_ids(ids), order_scores(sizes), np.arange(len(table)))


def clean(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    query, candidates = _id_of(fields["query"], QUERY_IDS), fields["candidates"]
    if query is None:
        return "a query with a qid"
    if not isinstance(candidates, list):
        return "a list of candidates, each with a docid"
    ids = [_id_of(candidate, DOCUMENT_IDS) for candidate in candidates]
    if None in ids:
        return "a docid in each of the candidates"
    if "answer" in fields and ids:
        if from_zero(fields["answer"], len(ids)):
            return "numbers of passages that count from 1, not from 0: add 1 to every number of the file's answers"
        order = answered(fields["answer"], len(ids), counts)
        if order is None:
            return "an answer such as '[2] > [1] > [3]', or a list of numbers"
        ids = [ids[number - 1] for number in order]
    else:
        counts[HISTORY_REPEATS] += sum(map(_is_malformed, _responses(fields.get("history"))))
    return {"query": {"qid": query}, "candidates": [{"docid": document} for document in ids]}


def answered(answer: Any, n: int, counts: Counter[str]) -> list[int] | None:
    """Order passages 1 to n as an answer says, empty where it says nothing; None where it is no answer.

    Counts what is malformed in it, once for each kind.
    """
    numbers = _numbers_of(answer)
    if numbers is None:
        return None
    if isinstance(answer, str):
        counts[WRONG_FORM] += bool(numbers) and not WELL_FORMED.fullmatch(answer)
    known = [number for number in numbers if 1 <= number <= n]
    order = list(dict.fromkeys(known))
    if not order:
        counts[NO_ORDER] += 1
        return []
    counts[UNKNOWN] += len(known) < len(numbers)
    counts[REPEATED] += len(order) < len(known)
    counts[MISSING] += len(order) < n
    return order + sorted(set(range(1, n + 1)) - set(order))


def from_zero(answer: Any, n: int) -> bool:
    """Tell whether an answer numbers n passages from 0: a list with a 0, or a text of 0 to n - 1, each once.

    A single 0 in a text is a model's mistake, and counted as a number of no passage.
    """
    numbers = _numbers_of(answer) or []
    return 0 in numbers and (not isinstance(answer, str) or (n > 1 and sorted(numbers) == list(range(n))))


def _numbers_of(answer: Any) -> list[int] | None:
    """Read the numbers of an answer, a text or a list; None where it is no answer."""
    if isinstance(answer, str):
        # Prose around an order has numbers of its own ("the 20 passages"), seldom in brackets.
        found = re.findall(r"\[\s*(\d{1,18})\s*\]", answer) or re.findall(r"\d{1,18}", answer)
        return [int(digits) for digits in found]
    if isinstance(answer, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in answer):
        return answer
    return None


def _id_of(value: Any, names: Sequence[str]) -> str | None:
    """Get an id that is given as it is, or under one of these names."""
    if isinstance(value, dict):
        value = next((value[name] for name in names if value.get(name) is not None), None)
    return as_id(value)


def _responses(history: Any) -> list[str]:
    entries = history if isinstance(history, list) else []
    return [each["response"] for each in entries if isinstance(each, dict) and isinstance(each.get("response"), str)]


def _is_malformed(response: str) -> bool:
    """Tell whether the answer of one window is not one order of numbers from 1, each once."""
    numbers = [int(digits) for digits in re.findall(r"\d{1,18}", response)]
    return not WELL_FORMED.fullmatch(response) or sorted(numbers) != list(range(1, len(numbers) + 1))


LISTWISE = Form(
    title="orders of a listwise re-ranker (rank_llm)",
    needs={"query": (*QUERY_IDS, "query"), "candidates": ("candidates", "document_ids", "docids", "corpus-ids")},
    may={"answer": ANSWERS, "history": ("invocations_history",)},
    types={
        "query": pa.struct([("qid", STRING)]),
        "candidates": pa.list_(pa.struct([("docid", STRING)])),
        "answer": STRING,
        "history": pa.list_(pa.struct([("response", STRING)])),
    },
    part=part,
    clean=clean,
    suits=lambda fields: "answer" in fields or _has_objects(fields["candidates"]),
    is_order=True,
    keep_first=True,
)


def _has_objects(values: Any) -> bool:
    """Tell whether this is a list whose first value is an object."""
    return isinstance(values, list) and bool(values) and isinstance(values[0], dict)

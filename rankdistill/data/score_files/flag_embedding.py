"""FlagEmbedding's training data: the texts of a query and its passages, in relevant and other ones, with scores.

``{"query": "…", "pos": ["…"], "neg": ["…", "…"], "pos_scores": [7.5], "neg_scores": [1.0, -2.0]}``. Passages are named
by their texts; a collection says which documents have them.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import as_ids
from rankdistill.data.score_files.forms import (
    NUMBER,
    STRING,
    Cleaned,
    Form,
    as_id,
    ids_of,
    listed,
    numbers_of,
)
from rankdistill.data.score_files.lists import Part, joined
from rankdistill.files.reading import is_unicode

SIDES = ("pos", "neg")


def part(table: pa.Table) -> Part | None:
    parts = []
    for side in SIDES:
        (sizes, documents), (n_scores, scores) = listed(table[side]), listed(table[f"{side}_scores"])
        if not np.array_equal(sizes, n_scores) or scores.null_count:
            return None
        values = scores.to_numpy(zero_copy_only=False).astype(np.float64)
        parts.append(Part(as_ids(table["query"]), sizes, as_ids(documents), values, np.arange(len(table))))
    return joined(parts)


def clean(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    query = as_id(fields["query"])
    if query is None or not isinstance(fields["query"], str):
        return "the text of a query"
    cleaned: Cleaned = {"query": query}
    for side in SIDES:
        texts, scores = fields.get(side, []), numbers_of(fields.get(f"{side}_scores", []))
        if ids_of(texts) is None or not all(isinstance(text, str) and is_unicode(text) for text in texts):
            return f"a list of texts as {side}"
        if scores is None or len(scores) != len(texts):
            return f"a number in {side}_scores for each text of {side}"
        cleaned |= {side: texts, f"{side}_scores": scores}
    return cleaned


FLAG_EMBEDDING = Form(
    title="FlagEmbedding's texts with scores",
    needs={"query": ("query",), "pos": ("pos",), "pos_scores": ("pos_scores",)},
    may={"neg": ("neg",), "neg_scores": ("neg_scores",)},
    types={
        "query": STRING,
        **{side: pa.list_(STRING) for side in SIDES},
        **{f"{side}_scores": pa.list_(NUMBER) for side in SIDES},
    },
    part=part,
    clean=clean,
    query_is="text",
    document_is="text",
)

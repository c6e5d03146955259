"""search: the best documents for one query, found by BM25 and ordered by a cross-encoder."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from rankdistill.cli.options import Json, Source
from rankdistill.cli.output import print_json, print_rich, table
from rankdistill.data.sources import load_collection
from rankdistill.data.texts import Texts
from rankdistill.errors import UsageError
from rankdistill.inputs.asking import Asking

SNIPPET = 200
ASKED = Asking()


def search(
    query: Annotated[str, Parameter(help="Text to search for.")],
    *,
    model: Annotated[
        str | None, Parameter(help="Cross-encoder: its folder or hub id. [default: none, the order of BM25]")
    ] = None,
    collection: Source = "pydocs",
    k: Annotated[int, Parameter(help="Documents to show.")] = 10,
    candidates: Annotated[int, Parameter(help="Documents that BM25 finds and the model orders.")] = 50,
    relevant_label: Annotated[
        str | None,
        Parameter(help="Which label of a model with two logits means relevant. [default: what their names tell]"),
    ] = None,
    asking: Annotated[Asking, Parameter(name="*")] = ASKED,
    as_json: Json = False,
) -> None:
    """Search a collection: BM25 finds candidates, a cross-encoder orders them.

    The first search builds the index and keeps it in the cache. For example

        rankdistill search "sort a list in place" --model runs/demo/student-pile/model
    """
    if not query.strip():
        raise UsageError("the query is empty: give the text to search for")
    if k < 1 or candidates < 1:
        raise UsageError(f"--k and --candidates must be at least 1, got {k} and {candidates}")
    if model is None and (relevant_label is not None or asking != ASKED):
        raise UsageError("--relevant-label, --prompt and what else says how a model is asked belong to --model")
    source = load_collection(collection)
    from rankdistill.retrieval.cached import cached_index

    first = cached_index(source).search(Texts.from_pairs([query], [query]), max(k, candidates)).query(0)
    texts = source.documents.take(first.doc_ids)
    bm25 = first.columns["bm25"].tolist()
    hits: list[dict[str, Any]] = [
        {"rank": rank, "doc_id": doc_id, "score": score, "bm25": score, "text": text}
        for rank, (doc_id, score, text) in enumerate(zip(first.doc_ids, bm25, texts, strict=True), start=1)
    ]
    if model is not None and hits:
        from rankdistill.models import CrossEncoder

        ranked = CrossEncoder.from_pretrained(model, relevant_label=relevant_label, **asking.asking).rank(query, texts)
        hits = [
            {**hits[hit["corpus_id"]], "rank": rank, "score": hit["score"]} for rank, hit in enumerate(ranked, start=1)
        ]
    if as_json:
        print_json(hits[:k])
    else:
        rows = ([str(h["rank"]), f"{h['score']:.3f}", h["doc_id"], snippet(h["text"])] for h in hits[:k])
        print_rich(table(["", "score", "document", "text"], rows, left=4))


def snippet(text: str) -> str:
    """Shorten a text to its beginning, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET else f"{line[: SNIPPET - 1]}…"

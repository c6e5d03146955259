"""Search the documentation of the Python packages installed here: BM25 finds, a cross-encoder ranks.

python examples/search_pydocs.py "sort a list in place" [model, such as runs/demo/student-pile/model] [collection]
"""

import sys

import rankdistill as rd
from rankdistill.data import Texts
from rankdistill.retrieval.cached import cached_index

query, model, source = (*sys.argv[1:], *("", "pydocs")[len(sys.argv) - 2 :])
collection = rd.load_collection(source)
found = cached_index(collection).search(Texts.from_pairs([query], [query]), 50).query(0)
texts = collection.documents.take(found.doc_ids)

if not model:
    hits = [{"corpus_id": i, "score": float(score)} for i, score in enumerate(found.columns["bm25"])]
else:
    hits = rd.CrossEncoder.from_pretrained(model).rank(query, texts)
for hit in hits[:10]:
    print(f"{hit['score']:7.2f}  {found.doc_ids[hit['corpus_id']]:40}  {texts[hit['corpus_id']][:60]!r}")

"""Score pairs and rank documents with a cross-encoder: a student of yours, or any on the hub.

python examples/rerank_with_a_cross_encoder.py runs/student/model
"""

import sys

import rankdistill as rd

model = rd.CrossEncoder.from_pretrained(sys.argv[1])  # engine="onnx", dtype="int8" for an exported one

query = "how to sort a list"
documents = [
    "the cat is a long dog",
    "sort the list first: list.sort() sorts in place",
    "what a book is",
]
scores = model.predict([(query, document) for document in documents])  # float32 (3,), higher = more relevant
print("scores:", [round(float(score), 3) for score in scores])
for hit in model.rank(query, documents, top_k=2):
    print(f"{hit['score']:.3f}  document {hit['corpus_id']}: {hit['text']}")

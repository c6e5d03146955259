"""Ensemble three teachers' runs by PILE: their mean, corrected until it agrees with the labels.

python examples/ensemble_runs_with_pile.py [pile.trec]
"""

import sys

import numpy as np

import rankdistill as rd

# Candidates with labels and the scores of three teachers. With files: rd.read_run(path) for each, joined by
# `candidates.join(run, ...)`, and the labels from rd.read_qrels(path).
teachers = ["bert", "t5", "llm"]
candidates = rd.Candidates.from_rows(
    ["q1", "q1", "q1", "q2", "q2"],
    ["d1", "d2", "d3", "d1", "d2"],
    {
        "label": [3, 0, 1, 0, 2],
        "bert": [0.2, 0.9, 0.4, 0.7, 0.6],
        "t5": [0.8, 0.3, 0.5, 0.4, 0.3],
        "llm": [0.4, 0.6, 0.1, 0.2, 0.8],
    },
)
scores = np.stack([candidates[name] for name in teachers])  # (teachers, candidates)
pile = rd.pile(scores, candidates["label"], candidates.offsets, rate=0.9, seed=0)
mean = scores.mean(axis=0)

print("query document label   mean   PILE")
columns = candidates.row_query_ids.to_pylist(), candidates.doc_ids.to_pylist(), candidates["label"], mean, pile
for query, document, label, before, after in zip(*columns, strict=True):
    print(f"{query:5} {document:8} {label:5.0f} {before:6.3f} {after:6.3f}")
for name, values in (("mean", mean), ("PILE", pile)):
    print(f"PNR of the {name}: {rd.pnr(values, candidates['label'], candidates.offsets):.2f}")
if len(sys.argv) > 1:
    rd.write_run(candidates.only_columns().with_columns(pile=pile), sys.argv[1], by="pile", tag="pile")
    print("wrote", sys.argv[1])

"""Compare systems: a table with significance against a baseline, and a page to explore.

python examples/leaderboard.py [leaderboard.html]
"""

import sys

import numpy as np

import rankdistill as rd
from rankdistill.evaluation import as_table, write_html
from rankdistill.progress import console

# Forty queries with ten judged documents each, and three systems that know the labels more or less well.
random = np.random.default_rng(0)
queries = [f"q{i}" for i in range(40) for _ in range(10)]
documents = [f"d{i}" for _ in range(40) for i in range(10)]
labels = random.integers(0, 4, 400).astype(np.float32)
qrels = rd.Candidates.from_rows(queries, documents, {"label": labels})
systems = {
    name: qrels.only_columns().with_columns(score=labels + noise * random.normal(size=400).astype(np.float32))
    for name, noise in (("bm25", 3.0), ("student", 1.5), ("teacher", 1.4))
}

board = rd.leaderboard(systems, qrels, ["nDCG@10", "RR(rel=3)@10", "PNR"], baseline="bm25")
console.print(as_table(board))
for row in board.rows:
    print(row["system"], "p(nDCG@10):", row["p(nDCG@10)"])
if len(sys.argv) > 1:
    write_html(board, sys.argv[1])
    print("wrote", sys.argv[1])

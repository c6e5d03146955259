"""Evaluate a TREC run: means over the queries, and one query at a time.

python examples/evaluate_a_run.py [run.trec qrels.txt]
"""

import sys
import tempfile
from pathlib import Path

import rankdistill as rd
from rankdistill.evaluation import evaluate_per_query

if len(sys.argv) == 3:
    run_file, qrels_file = sys.argv[1:]
else:  # two queries, so that the example runs by itself
    folder = Path(tempfile.mkdtemp())
    run_file, qrels_file = folder / "run.trec", folder / "qrels.txt"
    run_file.write_text(
        "q1 Q0 d3 1 9.1 mine\nq1 Q0 d1 2 8.7 mine\nq1 Q0 d2 3 1.2 mine\nq2 Q0 d2 1 5.0 mine\nq2 Q0 d1 2 4.0 mine\n"
    )
    qrels_file.write_text("q1 0 d1 3\nq1 0 d2 0\nq1 0 d3 1\nq2 0 d2 2\nq2 0 d1 0\n")

qrels, run = rd.read_qrels(qrels_file), rd.read_run(run_file)
measures = ["nDCG@10", "RR(rel=2)@10", "PNR"]  # any name of ir_measures, and PNR and DCG

for measure, value in rd.evaluate(qrels, run, measures).items():
    print(f"{measure:14} {value:.4f}")
for query, value in evaluate_per_query(qrels, run, "nDCG@10")["nDCG@10"].items():
    print(f"  {query}: nDCG@10 {value:.4f}")

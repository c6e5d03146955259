"""Every run in the shared data, and thousands of generated ones, query by query against trec_eval's own code."""

import gzip
import math
from collections import defaultdict

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data import read_qrels, read_run, write_qrels, write_run
from rankdistill.data.candidates import Candidates
from rankdistill.evaluation import Conventions, evaluate_per_query, evaluation, pnr_counts

TREC_NAMES = {
    "nDCG": "ndcg",
    "nDCG@10": "ndcg_cut_10",
    "nDCG@100": "ndcg_cut_100",
    "AP": "map",
    "AP@100": "map_cut_100",
    "RR": "recip_rank",
    "P@5": "P_5",
    "P@100": "P_100",
    "R@100": "recall_100",
    "R@1000": "recall_1000",
    "Success@10": "success_10",
    "Rprec": "Rprec",
    "Bpref": "bpref",
    "infAP": "infAP",
}
FOLDERS = ("cisi", "cranfield", "msmarco-doc-dev", "msmarco-passage-dev", "msmarco-passage-dl", "msmarco-v2-passage-dl")
FOLDERS += ("nfcorpus", "noveleval", "scifact", "squad-sentences", "vaswani")


def lines(path):
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as file:
        yield from (line.split() for line in file)


def raw_qrels(path):
    lists = defaultdict(dict)
    for query, _, document, grade in lines(path):
        lists[query][document] = int(grade)
    return dict(lists)


def raw_run(path):
    lists = defaultdict(dict)
    for fields in lines(path):
        document, score = (fields[2], float(fields[4])) if len(fields) == 6 else (fields[1], -float(fields[2]))
        lists[fields[0]][document] = score
    return dict(lists)


def pairs(folder):
    """Runs and the qrels whose tag (dl19, dev, …) is in the run's name."""
    for run in sorted(folder.glob("runs*/*")):
        for qrels in sorted(folder.glob("qrels*")):
            tag = qrels.name.removeprefix("qrels").removesuffix(".gz").removesuffix(".txt").strip(".")
            if not tag or f".{tag}." in f".{run.name}" or (tag.startswith("dev") and "msmarco.tsv" in run.name):
                yield run, qrels


def by_trec_eval(qrels, run, names=TREC_NAMES):
    """{measure: {query: value}} over all judged queries, 0 where the run lacks one."""
    found = pytrec_eval.RelevanceEvaluator(qrels, {TREC_NAMES[name] for name in names}).evaluate(run)
    return {m: {q: found[q][TREC_NAMES[m]] if q in found else 0.0 for q in qrels} for m in names}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_query_of_every_run_has_the_value_of_trec_eval(shared_data, name):
    tried = 0
    for run_path, qrels_path in pairs(shared_data / name):
        qrels, run = raw_qrels(qrels_path), raw_run(run_path)
        if not qrels.keys() & run.keys():
            continue
        values = evaluate_per_query(read_qrels(qrels_path), read_run(run_path), list(TREC_NAMES))
        for measure, expected in by_trec_eval(qrels, run).items():
            assert values[measure] == pytest.approx(expected, abs=1e-6), (run_path.name, measure)
        tried += 1
    assert tried


# -- generated runs ----------------------------------------------------------------------------------------------------

DOCUMENTS = st.sampled_from(["d1", "d10", "d2", "D2", "é", "z", "d", "e1"])
SCORES = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-9, -2.0, 3e7, 3e7 + 1, 1e-40, -1e30]) | st.floats(-9, 9, width=32)
GRADES = st.integers(-1, 3)
RUNS = st.dictionaries(st.sampled_from("abcd"), st.dictionaries(DOCUMENTS, SCORES, min_size=1), min_size=1)
QRELS = st.dictionaries(st.sampled_from("abce"), st.dictionaries(DOCUMENTS, GRADES, min_size=1), min_size=1)
OURS = [
    measure for measure in TREC_NAMES if measure not in ("Bpref", "infAP")
]  # those two ir_measures' pytrec_eval has


@pytest.mark.slow
@settings(max_examples=1500)
@given(RUNS, QRELS)
def test_generated_runs_have_the_values_of_trec_eval(run, qrels):
    if not run.keys() & qrels.keys():
        return
    qrels = {query: {"elsewhere": 0} | grades for query, grades in qrels.items()}  # pytrec_eval loops over -1 alone
    expected = by_trec_eval(qrels, run, OURS)
    values = evaluate_of(run, qrels)
    for measure in OURS:
        assert values[measure] == pytest.approx(expected[measure], abs=1e-6), measure


def evaluate_of(run, qrels):
    made = Candidates.from_dict(run, "score"), Candidates.from_dict(qrels, "label")
    return evaluation(made[1], made[0], OURS).per_query


def brute_force(run, qrels, key):
    """AP, RR and nDCG@10 of lists sorted by ``key``, written to be obviously right."""
    values = {"AP": {}, "RR": {}, "nDCG@10": {}}
    for query, grades in qrels.items():
        ranked = sorted(run.get(query, {}).items(), key=key)
        hits, precisions, gain = 0, [], 0.0
        for rank, (document, _) in enumerate(ranked, start=1):
            grade = grades.get(document, 0)
            if grade > 0:
                hits += 1
                precisions.append(hits / rank)
                gain += grade / math.log2(rank + 1) if rank <= 10 else 0.0
        relevant = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
        ideal = sum(grade / math.log2(rank + 1) for rank, grade in enumerate(relevant[:10], start=1))
        values["AP"][query] = sum(precisions) / len(relevant) if relevant else 0.0
        first = next((rank for rank, (d, _) in enumerate(ranked, start=1) if grades.get(d, 0) > 0), None)
        values["RR"][query] = 1 / first if first else 0.0
        values["nDCG@10"][query] = gain / ideal if ideal else 0.0
    return values


@settings(max_examples=300)
@given(RUNS, QRELS, st.sampled_from(["trec", "docid-asc", "rank"]), st.sampled_from(["float32", "float64"]))
def test_ties_and_precision_are_as_they_are_named(tmp_path_factory, run, qrels, ties, precision):
    if not run.keys() & qrels.keys():
        return
    folder = tmp_path_factory.mktemp("run")
    with (folder / "run").open("w") as file:
        for query, scores in run.items():
            for rank, (document, score) in enumerate(scores.items(), start=1):
                file.write(f"{query} Q0 {document} {100 - rank} {score!r} t\n")
    write_qrels(Candidates.from_dict(qrels, "label"), folder / "qrels")
    compared = (lambda score: float(np.float32(score))) if precision == "float32" else float
    later = {query: list(scores)[::-1] for query, scores in run.items()}  # rising rank
    place = {(query, document): i for query, documents in later.items() for i, document in enumerate(documents)}
    conventions = Conventions(ties=ties, precision=precision)
    read = conventions.read(folder / "run")
    values = evaluation(read_qrels(folder / "qrels"), read, ["AP", "RR", "nDCG@10"], conventions=conventions).per_query
    for query in qrels:
        key = {
            "trec": lambda item: (-compared(item[1]), [-byte for byte in item[0].encode()] + [1]),
            "docid-asc": lambda item: (-compared(item[1]), item[0].encode()),
            "rank": lambda item, query=query: (-compared(item[1]), place[query, item[0]]),
        }[ties]
        expected = brute_force(run, {query: qrels[query]}, key)
        for measure, of_query in expected.items():
            assert values[measure][query] == pytest.approx(of_query[query]), measure


@settings(max_examples=300)
@given(RUNS, QRELS, st.booleans())
def test_pnr_is_a_count_of_pairs(run, qrels, unjudged_count):
    if not run.keys() & qrels.keys():
        return
    conventions = Conventions(unjudged="irrelevant" if unjudged_count else "missing")
    made = Candidates.from_dict(run, "score"), Candidates.from_dict(qrels, "label")
    values = evaluation(made[1], made[0], ["PNR"], conventions=conventions).per_query["PNR"]
    for query, grades in qrels.items():
        rows = [
            (float(np.float32(score)), grades.get(document, 0 if unjudged_count else None))
            for document, score in run.get(query, {}).items()
        ]
        rows = [(score, grade) for score, grade in rows if grade is not None]
        right = sum(a[1] > b[1] and a[0] > b[0] for a in rows for b in rows)
        wrong = sum(a[1] > b[1] and a[0] < b[0] for a in rows for b in rows)
        assert values[query] == right / max(1, wrong)


def test_a_run_written_and_read_again_is_evaluated_the_same(shared_data, tmp_path):
    folder = shared_data / "msmarco-passage-dl"
    run, qrels = read_run(folder / "runs" / "dl19.repllama.trec.gz"), read_qrels(folder / "qrels.dl19.txt")
    write_run(run, tmp_path / "run.trec", "score")
    again = read_run(tmp_path / "run.trec")
    assert evaluate_per_query(qrels, again, OURS) == evaluate_per_query(qrels, run, OURS)
    assert (pnr_counts(run["score"], run["score"], run.offsets)[1] == 0).all()

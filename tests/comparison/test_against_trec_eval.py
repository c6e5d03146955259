"""Evaluation against pytrec_eval (trec_eval's own code) and ir_measures on the real runs, query by query."""

import gzip
from collections import defaultdict

import ir_measures
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data import read_qrels, read_run
from rankdistill.data.candidates import Candidates
from rankdistill.evaluation import Conventions, evaluate, evaluate_per_query

# nDCG@10 (DL 2019, DL 2020) as the data's README gives it, its published values among them: {folder: {system: values}}.
README = {
    "runs": {
        "bm25": (0.5058, 0.4796),
        "bm25_rm3": (0.5216, 0.4896),
        "tasb": (0.7210, 0.6854),
        "ada2": (0.7035, 0.6759),
        "splade_pp_ed": (0.7308, 0.7197),
        "repllama": (0.7439, 0.7205),
        "bm25+gpt35_listwise": (0.6799, 0.6185),
        "bm25+rankvicuna": (0.6682, 0.6549),
        "splade_pp_ed+rankvicuna": (0.7324, 0.7551),
    },
    "runs_depth1000": {
        "bm25_terrier": (0.4794, 0.4918),
        "ance": (0.6537, 0.6447),
        "bm25+bert": (0.6855, 0.6717),
        "bm25_doct5query+colbert": (0.7143, 0.6934),
    },
}
SYSTEMS = [(where, system) for where, systems in README.items() for system in systems]
# Equal scores near the top, which the README orders by the rank column and trec_eval by document id: repllama's are
# rounded to three decimals.
TIED = ("repllama", "bm25_terrier", "bm25+bert")
TREC_NAMES = {
    "nDCG": "ndcg",
    "nDCG@10": "ndcg_cut_10",
    "nDCG@100": "ndcg_cut_100",
    "AP": "map",
    "AP@100": "map_cut_100",
    "RR": "recip_rank",
    "P@10": "P_10",
    "R@100": "recall_100",
    "R@1000": "recall_1000",
    "Success@5": "success_5",
    "Rprec": "Rprec",
    "Bpref": "bpref",
}
IR_MEASURES = {  # {ties as the part of ir_measures breaks them that has these: measures}
    "docid-asc": ["RR@10", "RR(rel=2)@10", "Judged@10", "Judged", "Compat"],
    "trec": ["AP(rel=2)", "P(rel=2)@5", "P(judged_only=True)@10", "nDCG(judged_only=True)@10", "RR(rel=2)", "SetF"],
}


@pytest.fixture(scope="session")
def folder(shared_data):
    return shared_data / "msmarco-passage-dl"


def raw_qrels(path):
    lists = defaultdict(dict)
    for line in path.read_text().splitlines():
        query, _, document, grade = line.split()
        lists[query][document] = int(grade)
    return dict(lists)


def raw_run(path, field=4):
    lists = defaultdict(dict)
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        fields = line.split()
        lists[fields[0]][fields[2]] = float(fields[field])
    return dict(lists)


@pytest.mark.parametrize("year", ["dl19", "dl20"])
@pytest.mark.parametrize(("where", "system"), SYSTEMS)
def test_every_query_has_the_value_of_trec_eval(folder, where, system, year):
    qrels_path, run_path = folder / f"qrels.{year}.txt", folder / where / f"{year}.{system}.trec.gz"
    values = evaluate_per_query(read_qrels(qrels_path), read_run(run_path), list(TREC_NAMES))
    evaluator = pytrec_eval.RelevanceEvaluator(raw_qrels(qrels_path), set(TREC_NAMES.values()))
    expected = evaluator.evaluate(raw_run(run_path))
    for name, trec_name in TREC_NAMES.items():
        assert values[name] == pytest.approx({q: v[trec_name] for q, v in expected.items()}, abs=1e-6), name


@pytest.mark.parametrize("ties", IR_MEASURES)
@pytest.mark.parametrize(("where", "system"), SYSTEMS)
def test_every_query_has_the_value_of_ir_measures(folder, where, system, ties):
    qrels_path, run_path = folder / "qrels.dl19.txt", folder / where / f"dl19.{system}.trec.gz"
    names = IR_MEASURES[ties]
    values = evaluate_per_query(read_qrels(qrels_path), read_run(run_path), names, conventions=Conventions(ties=ties))
    qrels, run = raw_qrels(qrels_path), raw_run(run_path)
    parsed = {ir_measures.parse_measure(name): name for name in names}
    expected = {name: {} for name in names}
    for metric in ir_measures.iter_calc(list(parsed), qrels, run):
        expected[parsed[metric.measure]][metric.query_id] = metric.value
    for name in names:
        assert values[name] == pytest.approx(expected[name], abs=1e-6), name


@pytest.mark.parametrize("system", ["bm25", "repllama", "bm25+rankvicuna"])
def test_err_and_exponential_ndcg_equal_gdeval_as_far_as_it_prints(folder, system):
    if not ir_measures.gdeval.is_available():
        pytest.skip("gdeval needs Perl")
    qrels_path, run_path = folder / "qrels.dl20.txt", folder / "runs" / f"dl20.{system}.trec.gz"
    names = ["ERR@10", "nDCG(dcg='exp-log2')@10", "ERR@100"]
    values = evaluate_per_query(read_qrels(qrels_path), read_run(run_path), names)
    parsed = [ir_measures.parse_measure(name) for name in names]
    for metric in ir_measures.gdeval.iter_calc(parsed, raw_qrels(qrels_path), raw_run(run_path)):
        assert values[str(metric.measure)][metric.query_id] == pytest.approx(metric.value, abs=5.1e-6)


@pytest.mark.parametrize(("where", "system"), [pair for pair in SYSTEMS if pair[1] not in TIED])
def test_values_are_those_of_the_readme_where_scores_settle_the_order(folder, where, system):
    for year, value in zip(("dl19", "dl20"), README[where][system], strict=True):
        run = read_run(folder / where / f"{year}.{system}.trec.gz")
        assert ndcg(folder, year, run) == pytest.approx(value, abs=5.1e-5)


@pytest.mark.parametrize(("where", "system"), SYSTEMS)
def test_values_are_those_of_the_readme_where_the_rank_column_gives_the_order(folder, where, system):
    for year, value in zip(("dl19", "dl20"), README[where][system], strict=True):
        ranks = raw_run(folder / where / f"{year}.{system}.trec.gz", field=3)
        run = Candidates.from_dict({q: {d: -r for d, r in docs.items()} for q, docs in ranks.items()}, "score")
        assert ndcg(folder, year, run) == pytest.approx(value, abs=5.1e-5)


GENERATED = st.dictionaries(
    st.sampled_from(["d1", "d10", "d2", "D2", "é", "z"]),
    st.tuples(st.sampled_from([0.0, 1.0, 1.0 + 1e-9, -2.0, 3e7, 3e7 + 1]), st.sampled_from([None, -1, 0, 1, 2, 3])),
    min_size=1,
)


@given(GENERATED, st.integers(1, 7))
@settings(max_examples=300)
def test_our_ranking_and_gains_are_those_of_trec_eval_with_ties_and_negative_and_missing_grades(documents, cutoff):
    qrels = {"q": {"elsewhere": 1} | {d: grade for d, (_, grade) in documents.items() if grade is not None}}
    run = {"q": {d: score for d, (score, _) in documents.items()}}
    name = f"ndcg_cut_{cutoff}"
    expected = pytrec_eval.RelevanceEvaluator(qrels, {name}).evaluate(run)["q"][name]
    judged = Candidates.from_dict(qrels, "label")
    reached = evaluate(judged, Candidates.from_dict(run, "score"), [f"DCG@{cutoff}"])[f"DCG@{cutoff}"]
    best = evaluate(judged, judged, [f"DCG@{cutoff}"], by="label")[f"DCG@{cutoff}"]
    assert reached / best == pytest.approx(expected, abs=1e-6)


def ndcg(folder, year, run):
    return evaluate(read_qrels(folder / f"qrels.{year}.txt"), run, ["nDCG@10"])["nDCG@10"]

"""Interleaving and GSB: fair drafts, clicks that follow the labels, gains with the right sign and interval."""

import itertools
import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data import Candidates, read_qrels, read_run, write_run
from rankdistill.errors import DataError, FileFormatError, UsageError
from rankdistill.evaluation import evaluate, evaluate_per_query
from rankdistill.evaluation.online.clicks import Impression, attraction, click, read_click_log, write_click_log
from rankdistill.evaluation.online.gain import gain
from rankdistill.evaluation.online.gsb import gsb_gain, preferences_by_measure, read_preferences
from rankdistill.evaluation.online.interleaving import interleaving_gain, simulate_interleaving, team_draft


def run_of(lists):
    return Candidates.from_dict({q: {d: -float(i) for i, d in enumerate(docs)} for q, docs in lists.items()}, "score")


def draft(a, b, k, state=1):
    order, from_a = np.zeros(k, np.int64), np.zeros(k, np.bool_)
    n = max([*a, *b]) + 1
    team_draft(np.array(a, np.int64), np.array(b, np.int64), n, order, from_a, np.uint64(state))
    return order.tolist(), from_a.tolist()


@given(st.permutations(range(8)), st.permutations(range(8)), st.integers(1, 8), st.integers(0, 2**32))
def test_a_draft_takes_each_sides_best_left_and_lets_neither_get_ahead(a, b, k, state):
    order, from_a = draft(a[:5], b[:5], min(k, len({*a[:5], *b[:5]})), state)
    assert len(set(order)) == len(order)
    for rank, (document, is_a) in enumerate(zip(order, from_a, strict=True)):
        own = a[:5] if is_a else b[:5]
        assert document == next(d for d in own if d not in order[:rank])
        left = {True: set(a[:5]) - set(order[:rank]), False: set(b[:5]) - set(order[:rank])}
        given_by_a, given_by_b = from_a[:rank].count(True), from_a[:rank].count(False)
        if left[True] and left[False] and given_by_a != given_by_b:
            assert is_a == (given_by_a < given_by_b)


def test_the_coin_of_a_draft_is_fair():
    firsts = [draft([0, 1], [2, 3], 2, state * 7919)[1][0] for state in range(4000)]
    assert 0.46 < np.mean(firsts) < 0.54


def test_the_cascade_stops_at_the_first_click_and_positions_are_looked_at_by_rank():
    chances, clicked = np.array([0.5, 0.5, 1.0]), np.zeros(3, np.bool_)
    for cascade, expected in ((True, [0.5, 0.25, 0.25]), (False, [0.5, 0.25, 1 / 3])):
        counts, state = np.zeros(3), np.uint64(3)
        for _ in range(20_000):
            state = np.uint64(click(chances, cascade, clicked, state))
            assert not cascade or clicked.sum() == 1
            counts += clicked
        assert counts / 20_000 == pytest.approx(expected, abs=0.015)


def test_attraction_rises_with_the_label_between_the_noises():
    values = attraction(np.array([-1.0, math.nan, 0, 1, 2, 3]), highest=3.0)
    assert values == pytest.approx([0.05, 0.05, 0.05, 0.05 + 0.9 / 7, 0.05 + 0.9 * 3 / 7, 0.95])


QRELS = Candidates.from_dict({f"q{i}": {"good": 2, "fair": 1, "bad": 0} for i in range(40)}, "label")
BETTER = run_of({f"q{i}": ["good", "fair", "bad", "x"] for i in range(40)})
WORSE = run_of({f"q{i}": ["x", "bad", "fair", "good"] for i in range(40)})


@pytest.mark.parametrize("clicks", ["cascade", "position"])
def test_the_better_run_wins_and_the_sign_turns_with_the_sides(clicks):
    forth = interleaving_gain(list(simulate_interleaving(BETTER, WORSE, QRELS, clicks, 50)))
    back = interleaving_gain(list(simulate_interleaving(WORSE, BETTER, QRELS, clicks, 50)))
    assert forth.low > 0
    assert back.high < 0
    assert forth.queries == 40
    assert forth.wins + forth.losses + forth.ties == 40 * 50
    same = interleaving_gain(list(simulate_interleaving(BETTER, BETTER, QRELS, clicks, 50)))
    assert same.low < 0 < same.high


def test_the_sign_is_right_on_real_runs_of_which_one_is_known_to_be_better(shared_data):
    folder = shared_data / "msmarco-passage-dl"
    a, b = (read_run(folder / "runs" / f"dl19.{name}.trec.gz") for name in ("repllama", "bm25"))
    found = interleaving_gain(list(simulate_interleaving(a, b, read_qrels(folder / "qrels.dl19.txt"))))
    assert found.low > 0
    assert found.queries == 43


def test_simulated_clicks_depend_on_the_seed_and_the_query_alone():
    made = list(simulate_interleaving(BETTER, WORSE, QRELS, sessions=5, seed=1))
    assert made == list(simulate_interleaving(BETTER, WORSE, QRELS, sessions=5, seed=1))
    assert made != list(simulate_interleaving(BETTER, WORSE, QRELS, sessions=5, seed=2))
    fewer = list(simulate_interleaving(BETTER.take_queries(["q7", "q3"]), WORSE, QRELS, sessions=5, seed=1))
    assert fewer == [seen for seen in made if seen.query_id in ("q3", "q7")]


def test_what_cannot_be_interleaved_is_refused():
    with pytest.raises(DataError, match="no query is in both runs"):
        list(simulate_interleaving(BETTER, run_of({"r": ["good"]}), QRELS))
    with pytest.raises(UsageError, match="click model 'cascading'; did you mean 'cascade'"):
        list(simulate_interleaving(BETTER, WORSE, QRELS, "cascading"))
    with pytest.raises(UsageError, match="at least 1"):
        list(simulate_interleaving(BETTER, WORSE, QRELS, sessions=0))


# -- gains -------------------------------------------------------------------------------------------------------------


def test_the_gain_is_that_of_the_papers():
    assert gain([1, 1, 0, -1], range(4), 0.5).value == 0.5 * (2 - 1) / 4
    assert gsb_gain({"a": 1, "b": 0, "c": -1, "d": 1, "e": 1}).value == (3 - 1) / 5
    assert math.isnan(gain([], []).value)
    assert math.isnan(gain([1], ["q"]).low)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        drift = rng.normal(0.2, 0.3, 60)  # users of a query are alike
        outcomes = np.sign(rng.normal(drift[:, None], 1.0, (60, 20))).astype(int)
        found = gain(outcomes.ravel(), np.repeat(np.arange(60), 20))
        truth = 0.1518  # the mean sign of a normal variable of mean 0.2 and variance 1.09
        held += found.low < truth < found.high
    assert 0.91 < held / 400 < 0.985


def test_outcomes_are_won_by_the_side_with_more_clicks():
    for teams, clicks, outcome in (("ABBA", (1, 4), 1), ("ABBA", (1, 2), 0), ("ABBA", (2,), -1), ("AB", (), 0)):
        assert Impression("q", teams, clicks).outcome == outcome


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_log_reads_back_as_written(tmp_path):
    impressions = list(itertools.islice(simulate_interleaving(BETTER, WORSE, QRELS), 150))
    write_click_log(impressions, tmp_path / "log.jsonl")
    assert read_click_log(tmp_path / "log.jsonl") == impressions


BAD_LOGS = {
    "no JSON": "query q1",
    "no object": "[1]",
    "a rank that is not there": '{"query": "q", "teams": "AB", "clicks": [3]}',
    "a rank from 0": '{"query": "q", "teams": "AB", "clicks": [0]}',
    "a team of neither": '{"query": "q", "teams": "AC", "clicks": []}',
    "no clicks field": '{"query": "q", "teams": "AB"}',
    "a number as query": '{"query": 7, "teams": "AB", "clicks": []}',
    "half a character": '{"query": "\\ud83d", "teams": "AB", "clicks": []}',
    "clicks nested too deep": '{"query": "q", "teams": "AB", "clicks": ' + "[" * 2000 + "]" * 2000 + "}",
}


@pytest.mark.parametrize("line", BAD_LOGS.values(), ids=BAD_LOGS)
def test_a_bad_line_of_a_log_is_named(tmp_path, line):
    path = tmp_path / "log.jsonl"
    path.write_text('{"query": "q", "teams": "AB", "clicks": [1]}\n' + line + "\n")
    with pytest.raises(FileFormatError, match=r"log.jsonl:2: .*expected an impression such as"):
        read_click_log(path)


def test_preferences_are_read_in_words_and_letters(tmp_path):
    path = tmp_path / "said.txt"
    path.write_text("# who said it\nq1 good\nq2\tS\n\nq3 Bad\n")
    assert read_preferences(path) == {"q1": 1, "q2": 0, "q3": -1}
    for text, says in (("q1 better\n", "good, same or bad"), ("q1 G\nq1 B\n", "once"), ("", "without lines")):
        path.write_text(text)
        with pytest.raises(FileFormatError, match=says):
            read_preferences(path)


def test_preferences_that_are_no_utf8_are_named(tmp_path):
    (tmp_path / "said.txt").write_bytes(b"q1 good\nq\xff bad\n")
    with pytest.raises(FileFormatError, match=r"said\.txt:2: .*text in UTF-8"):
        read_preferences(tmp_path / "said.txt")


def test_a_measure_prefers_by_more_than_the_margin():
    a, b = {"q1": 0.5, "q2": 0.5, "q3": 0.1}, {"q1": 0.4, "q2": 0.5, "q3": 0.9}
    assert preferences_by_measure(a, b) == {"q1": 1, "q2": 0, "q3": -1}
    assert preferences_by_measure(a, b, margin=0.2) == {"q1": 0, "q2": 0, "q3": -1}
    with pytest.raises(DataError, match="one side only, such as 'q3'"):
        preferences_by_measure(a, {"q1": 1, "q2": 1})
    with pytest.raises(UsageError, match="at least 0"):
        preferences_by_measure(a, b, margin=-1)


def test_gsb_by_a_measure_counts_as_the_leaderboard_does():
    values = [evaluate_per_query(QRELS, run, "nDCG@10")["nDCG@10"] for run in (BETTER, WORSE)]
    found = gsb_gain(preferences_by_measure(*values))
    assert (found.value, found.wins) == (1.0, 40)


# -- as a measure ------------------------------------------------------------------------------------------------------


def test_the_gain_is_a_measure_of_ir_measures(tmp_path):
    write_run(WORSE, tmp_path / "worse.trec", "score")
    name = f"Interleaving(against='{tmp_path}/worse.trec',sessions=50)@10"
    expected = interleaving_gain(list(simulate_interleaving(BETTER, WORSE, QRELS, sessions=50))).value
    assert evaluate_per_query(QRELS, BETTER, name)[name].keys() == set(QRELS.query_ids.to_pylist())
    assert evaluate(QRELS, BETTER, name)[name] == pytest.approx(expected)
    assert evaluate(QRELS, WORSE, name)[name] == pytest.approx(0, abs=0.05)
    lists = [
        {q.query_id: dict(zip(q.doc_ids, q.columns[c].tolist(), strict=True)) for q in made.queries()}
        for made, c in ((QRELS, "label"), (BETTER, "score"))
    ]
    lists[0] = {q: {d: int(y) for d, y in docs.items()} for q, docs in lists[0].items()}
    theirs = ir_measures.calc_aggregate([ir_measures.parse_measure(name)], *lists)
    assert list(theirs.values()) == [pytest.approx(expected)]
    with pytest.raises(UsageError, match=r"'against'.*is missing"):
        evaluate(QRELS, BETTER, "Interleaving@10")


def test_a_click_log_nested_too_deep_to_parse_is_refused_by_line(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"query": "q", "teams": "AB", "clicks": [1]}\n' + "[" * 20_000 + "\n")
    with pytest.raises(FileFormatError, match=r"log\.jsonl:2: got"):
        read_click_log(log)

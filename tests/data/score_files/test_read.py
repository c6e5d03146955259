"""Files of scores in other tools' forms: read as plain readers read them, said what they are, refused with a place."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.data import Collection, Texts, read_run
from rankdistill.data.score_files import entries, margins
from rankdistill.data.trec.read import read_ranking
from rankdistill.errors import DataError, FileFormatError, RankDistillError, UsageError

Lists = dict[str, dict[str, float]]
IDS = st.text("abz019-_é日 .:", min_size=1, max_size=6).map(str.strip).filter(bool)
SCORES = st.floats(-1e6, 1e6, width=32)
LISTS = st.dictionaries(IDS, st.dictionaries(IDS, SCORES, min_size=1, max_size=5), min_size=1, max_size=4)


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=nth % 2 == 0) + "\n" for nth, row in enumerate(rows))


def id_set(lists: Lists) -> str:
    return lines(
        [
            {"positive_ids": [], "query_id": query, "document_ids": [*docs], "scores": [*docs.values()]}
            for query, docs in lists.items()
        ]
    )


def tevatron(lists: Lists) -> str:
    rows = []
    for query, docs in lists.items():
        passages = [{"docid": doc, "title": "", "text": '{["', "score": score} for doc, score in docs.items()]
        rows.append(
            {"query_id": query, "query": "x", "positive_passages": passages[:1], "negative_passages": passages[1:]}
        )
    return lines(rows)


def tevatron_lists(lists: Lists) -> str:
    return lines(
        [
            {"query_id": query, "passages": [{"docid": doc, "text": "x"} for doc in docs], "scores": [*docs.values()]}
            for query, docs in lists.items()
        ]
    )


def pairs(lists: Lists) -> str:
    return lines(
        [{"query-id": q, "corpus-id": d, "score": score} for q, docs in lists.items() for d, score in docs.items()]
    )


def flat_map(lists: Lists) -> str:
    return json.dumps(lists, indent=1)


def mteb_map(lists: Lists) -> str:
    return json.dumps({"mteb_model_meta": {"name": "a/b"}, "default": {"test": lists}})


def triples(lists: Lists) -> str:
    rows = []
    for query, docs in lists.items():
        found = [*docs.items()]
        rows += [
            f"{a[1]!r}\t{b[1]!r}\t{query}\t{a[0]}\t{b[0]}\n" for a, b in zip(found, found[1:] + found[:1], strict=True)
        ]
    return "".join(rows)


SCORED: dict[str, Callable[[Lists], str]] = {
    "an id-based score set": id_set,
    "Tevatron's passages with scores": tevatron,
    "Tevatron's passages and a list of scores": tevatron_lists,
    "scores of pairs": pairs,
    "a map of queries to scores of documents": flat_map,
    "Margin-MSE's triples": triples,
}


pytestmark = pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")


def read(path: Path, collection: Collection | None = None) -> tuple[Lists, str]:
    """Read a file: query -> document -> score, and what was said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = read_run(path, collection=collection)
    lists = {
        each.query_id: dict(zip(each.doc_ids, each.columns["score"].tolist(), strict=True)) for each in run.queries()
    }
    return lists, " ".join(str(warning.message) for warning in said)


@pytest.fixture
def by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse line by line alone."""
    monkeypatch.setattr(entries, "_by_arrow", lambda piece, form, schemas: (None, piece.count(b"\n")))
    monkeypatch.setattr(margins, "_by_arrow", lambda piece, columns: None)


@pytest.mark.parametrize("title", SCORED)
@given(lists=LISTS)
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_every_form_gives_back_what_was_written(tmp_path: Path, title: str, lists: Lists) -> None:
    path = tmp_path / "scores.x"
    path.write_text(SCORED[title](lists), encoding="utf-8")
    found, said = read(path)
    assert found == {query: {doc: float(np.float32(s)) for doc, s in docs.items()} for query, docs in lists.items()}
    assert title in said
    assert f"{len(lists):,} queries, {sum(map(len, lists.values())):,} scores" in said


LISTS_OF_IDS = {"q1": {"d1": 1.5, "d2": -2.0, "d3": 0.25}, "2": {"10": 3.0, "d1": 7.0}}


@pytest.mark.parametrize("title", SCORED)
def test_lines_parsed_by_python_give_the_same(tmp_path: Path, title: str, by_python: None) -> None:
    path = tmp_path / "scores.x"
    path.write_text(SCORED[title](LISTS_OF_IDS))
    assert read(path)[0] == LISTS_OF_IDS


def test_small_pieces_zipped_and_whole_numbers_as_ids_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "PIECE", 30)
    rows = [{"query_id": q, "document_ids": [q, 70, 80], "scores": [1, 2.5, -q]} for q in range(20)]
    path = tmp_path / "scores.jsonl.gz"
    path.write_bytes(gzip.compress(("\n" + lines(rows[:9]) + "\n \n" + lines(rows[9:])).encode()))
    expected = {str(r["query_id"]): dict(zip(map(str, r["document_ids"]), r["scores"], strict=True)) for r in rows[:7]}
    found = read(path)[0]
    assert {query: found[query] for query in expected} == expected
    assert len(found) == 20


def test_a_parquet_file_and_a_folder_of_them_are_read(tmp_path: Path) -> None:
    table = pa.table(
        {
            "query_id": [1, 2],
            "document_ids": [[11, 12], [11]],
            "scores": pa.array([[0.5, 1], [2]], pa.list_(pa.float32())),
        }
    )
    folder = tmp_path / "set" / "scores"
    folder.mkdir(parents=True)
    pq.write_table(table.slice(0, 1), folder / "train-00000-of-00002.parquet")
    with pytest.raises(DataError, match=r"lacks 1 of its 2 files.*train-00001-of-00002\.parquet"):
        read(tmp_path / "set")
    pq.write_table(table.slice(1, 1), folder / "train-00001-of-00002.parquet")
    expected = {"1": {"12": 1.0, "11": 0.5}, "2": {"11": 2.0}}
    assert read(tmp_path / "set")[0] == expected
    pq.write_table(table, tmp_path / "one.parquet")
    assert read(tmp_path / "one.parquet")[0] == expected
    rows = [{"query": {"qid": 3}, "candidates": [{"docid": "b"}, {"docid": "a"}], "response": "[2] > [1]"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "answers.parquet")
    assert read(tmp_path / "answers.parquet")[0] == {"3": {"a": -1.0, "b": -2.0}}


ORDERS = {
    "top_ranked": lines([{"query-id": "q", "corpus-ids": ["b", "a"]}]),
    "NanoBEIR's older form": lines([{"query-id": "q", "positive-corpus-ids": ["a"], "bm25-ranked-ids": ["b", "a"]}]),
    "top_ranked as JSON": json.dumps({"q": ["b", "a"]}),
    "rank_llm's results": lines(
        [
            {
                "query": {"text": "x", "qid": "q"},
                "candidates": [{"docid": "b", "score": 1, "doc": {}}, {"docid": "a", "score": 9}],
            }
        ]
    ),
    "rank_llm's JSON": json.dumps([{"query": {"qid": "q"}, "candidates": [{"docid": "b"}, {"docid": "a"}]}]),
    "an answer in text": lines([{"qid": "q", "candidates": ["a", "b"], "response": "[2] > [1]"}]),
    "a permutation": lines([{"qid": "q", "docids": ["a", "b"], "permutation": [2, 1]}]),
}


@pytest.mark.parametrize("text", ORDERS.values(), ids=ORDERS)
def test_an_order_gives_places_as_scores(tmp_path: Path, text: str) -> None:
    path = tmp_path / "order.x"
    path.write_text(text)
    assert read(path)[0] == {"q": {"b": -1.0, "a": -2.0}}
    assert read_ranking(path, ties="rank")["ranking"].tolist() == [-1.0, -2.0]


ANSWERS = {
    "[2] > [2] > [1] > [3]": ([2, 1, 3], "answers that repeat passages"),
    "[2] > [9] > [1] > [3]": ([2, 1, 3], "answers with numbers of no passage"),
    "[0] > [3]": ([3, 1, 2], "answers with numbers of no passage"),
    "[3] > [1]": ([3, 1, 2], "answers that lack passages"),
    "The order is 3, 2, 1.": ([3, 2, 1], "answers with other text"),
    "Of the 3 passages, 1 is off topic: [2] > [1] > [3]": ([2, 1, 3], "answers with other text"),
    "the 3 passages: [ 2 ], then [1]": ([2, 1, 3], "answers with other text"),
    "[2, 1, 3]": ([2, 1, 3], "answers with other text"),
    "Of 3 passages [none] is relevant": ([3, 1, 2], "answers with other text"),
    "[3] > [2] > [1]": ([3, 2, 1], ""),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_malformed_answers_are_mended_and_counted(tmp_path: Path, answer: str) -> None:
    path = tmp_path / "answers.jsonl"
    rows = [{"qid": "q", "candidates": ["d1", "d2", "d3"], "response": answer}]
    path.write_text(lines([*rows, {"qid": "no", "candidates": ["d1"], "response": "I cannot rank."}]))
    order, says = ANSWERS[answer]
    found, said = read(path)
    assert found == {"q": {f"d{number}": -float(place) for place, number in enumerate(order, start=1)}}
    assert f"1 {says}" in said if says else "answers that" not in said
    assert "1 answers without any passage's number, whose lists are left out" in said
    assert "lists without documents" not in said, "counted once"


def test_answers_of_windows_are_counted_and_the_final_order_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    history = [{"response": "[1] > [2]"}, {"response": "[2] > [2]"}]
    row = {"query": {"qid": "q"}, "candidates": [{"docid": "b"}, {"docid": "a"}], "invocations_history": history}
    path.write_text(lines([row]))
    found, said = read(path)
    assert found == {"q": {"b": -1.0, "a": -2.0}}
    assert "1 answers of single windows that are malformed" in said


@given(st.permutations(range(4)), st.booleans())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_numbers_of_passages_that_count_from_0_are_refused(tmp_path: Path, order: list[int], as_text: bool) -> None:
    def row(query: str, numbers: list[int]) -> dict[str, Any]:
        answer: Any = " > ".join(f"[{number}]" for number in numbers) if as_text else numbers
        return {"qid": query, "candidates": ["a", "b", "c", "d"], "permutation": answer}

    path = tmp_path / "answers.jsonl"
    path.write_text(lines([row("q1", [2, 1]), row("q2", list(order))]))
    with pytest.raises(FileFormatError, match=r"jsonl:2: got .*count from 1, not from 0: add 1 to every number"):
        read(path)
    path.write_text(lines([row("q1", [2, 1]), row("q2", [number + 1 for number in order])]))
    found = read(path)[0]
    assert [*found["q2"]] == ["abcd"[number] for number in order]


def test_a_list_with_a_0_is_refused_though_it_lacks_passages(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([{"qid": "q", "candidates": ["a", "b", "c"], "ranking": [2, 0]}]))
    with pytest.raises(DataError, match=r"entry 1: .*count from 1, not from 0"):
        read(path)


EMPTY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rank_llm": (
        {"query": {"qid": "e", "text": "x"}, "candidates": []},
        {"query": {"qid": "q", "text": "x"}, "candidates": [{"docid": "a", "score": 1}]},
    ),
    "rank_llm's windows": (
        {"query": {"qid": "e"}, "candidates": [], "invocations_history": []},
        {"query": {"qid": "q"}, "candidates": [{"docid": "a"}], "invocations_history": [{"response": "[1]"}]},
    ),
    "objects by id": ({"qid": "e", "candidates": []}, {"qid": "q", "candidates": [{"docid": "a"}]}),
    "an answer": (
        {"qid": "e", "candidates": [], "response": ""},
        {"qid": "q", "candidates": ["a"], "response": "[1]"},
    ),
    "an id-based set": (
        {"query_id": "e", "document_ids": [], "scores": []},
        {"query_id": "q", "document_ids": ["a"], "scores": [-1]},
    ),
    "top_ranked": ({"query-id": "e", "corpus-ids": []}, {"query-id": "q", "corpus-ids": ["a"]}),
    "Tevatron": (
        {"query_id": "e", "positive_passages": [], "negative_passages": []},
        {"query_id": "q", "positive_passages": [], "negative_passages": [{"docid": "a", "score": -1}]},
    ),
    "Tevatron's lists": (
        {"query_id": "e", "query": "x", "passages": [], "scores": []},
        {"query_id": "q", "query": "x", "passages": [{"docid": "a", "text": "x"}], "scores": [-1]},
    ),
}


@pytest.mark.parametrize(("empty", "other"), EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("kind", ["lines", "array", "parquet", "folder"])
@pytest.mark.parametrize("places", [(0,), (1,), (0, 2)])
def test_lists_of_nothing_are_counted_wherever_they_stand(
    tmp_path: Path, empty: dict[str, Any], other: dict[str, Any], kind: str, places: tuple[int, ...]
) -> None:
    rows = [other]
    for place in places:
        own = "query" if isinstance(empty.get("query"), dict) else next(iter(empty))
        name = {**empty[own], "qid": f"e{place}"} if own == "query" else f"e{place}"
        rows.insert(place, {**empty, own: name})
    path = tmp_path / "scores" / "a.x"
    path.parent.mkdir()
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "array":
        path.write_text(json.dumps(rows))
    elif kind == "lines":
        path.write_text(lines(rows))
    else:
        (path.parent / "a.jsonl").write_text(lines(rows))
        path = path.parent
    found, said = read(path)
    assert found == {"q": {"a": -1.0}}
    assert f"{len(places)} lists without documents, which are left out" in said


GOOD = {"query_id": "q", "document_ids": ["a"], "scores": [1]}
BAD: dict[str, tuple[str, int, str]] = {
    "a missing field": (lines([GOOD, {"query_id": "r", "scores": [1]}]), 2, "document_ids is missing"),
    "no scores at all": (lines([{"query": "x", "pos": ["a"], "neg": []}]), 1, "pos_scores"),
    "Tevatron without scores": (
        lines([{"query_id": "q", "positive_passages": [{"docid": "d"}], "negative_passages": []}]),
        1,
        "a number as score in each of positive_passages",
    ),
    "another number of scores": (lines([GOOD, {**GOOD, "scores": [1, 2]}]), 2, "got 1 documents and 2 scores"),
    "NaN": (lines([GOOD, {"query_id": "r", "document_ids": ["a"], "scores": [float("nan")]}]), 2, "numbers as scores"),
    "more than a float32 holds": (lines([{**GOOD, "scores": [1e39]}]), 1, "numbers as scores"),
    "a score as text": (lines([{**GOOD, "scores": ["1"]}]), 1, "numbers as scores"),
    "a pair with two scores": (lines([GOOD, GOOD, {**GOOD, "scores": [2]}]), 3, "one score for each"),
    "no JSON": (lines([GOOD]) + "{oops\n", 2, "JSON object"),
    "a field twice": (lines([GOOD]) + '{"query_id":"a","query_id":"b","document_ids":[],"scores":[]}\n', 2, "once"),
    "an empty id": (lines([{**GOOD, "document_ids": [""]}]), 1, "document ids"),
    "unknown fields": (lines([{"a": 1, "b": 2}]), 1, "query_id, document_ids, scores (an id-based score set)"),
    "scores after an order": (
        lines([{"query_id": "q", "document_ids": ["a"]}, {**GOOD, "query_id": "r"}]),
        2,
        "no scores, as the first entry has none",
    ),
    "triples of texts": ("pos_score\tneg_score\tquery\tpos_text\tneg_text\n1\t2\tq\ta\tb\n", 1, "not their texts"),
    "a triple of four fields": ("1\t2\tq\ta\tb\n1\t2\tq\ta\n", 2, "5 fields"),
    "a triple without a number": ("1\t2\tq\ta\tb\nx\t2\tq\ta\tc\n", 2, "finite float32"),
    "a listwise entry without ids": (
        lines([{"query": {"qid": "q"}, "candidates": [{"docid": "a"}]}, {"query": {"qid": "r"}, "candidates": [{}]}]),
        2,
        "a docid in each",
    ),
}


def test_the_line_of_a_repeated_pair_counts_blank_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "PIECE", 10)
    path = tmp_path / "scores.jsonl"
    path.write_text("\n" + lines([GOOD]) + "\n\n" + lines([{**GOOD, "scores": [2]}]))
    with pytest.raises(FileFormatError, match=r"jsonl:5: got 'document a again for query q"):
        read(path)


@pytest.mark.parametrize(("text", "line", "says"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_with_its_line_and_what_was_expected(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    path = tmp_path / "scores.x"
    path.write_text(text)
    with pytest.raises(FileFormatError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:{line}: got ")
    assert says in str(caught.value)


BAD_WHOLES = {
    "two runs in one file": (
        json.dumps({"a": {"test": {"q": {"d": 1}}}, "b": {"test": {"q": {"d": 1}}}}),
        "several runs, a, b",
    ),
    "a map with a text": (json.dumps({"q": {"d": "x"}}), "list of query 'q'"),
    "a query twice": ('{"q": {"d": 1}, "q": {"d": 2}}', "'q' twice"),
    "an array of numbers": ("[[1, 2]]", "an array"),
    "an entry of an array": (
        json.dumps([{"qid": "q", "candidates": [{"docid": "a"}]}, {"qid": "r", "candidates": 3}]),
        "entry 2",
    ),
    "only answers without an order": (
        lines([{"qid": "q", "candidates": ["a"], "response": "no"}]),
        "holds no scores: 1 answers",
    ),
    "only lists of nothing": (
        lines([{"query": {"qid": "q"}, "candidates": []}]),
        "holds no scores: 1 lists without documents",
    ),
}


@pytest.mark.parametrize(("text", "says"), BAD_WHOLES.values(), ids=BAD_WHOLES)
def test_a_bad_whole_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "scores.x"
    path.write_text(text)
    with pytest.raises(RankDistillError, match=r"scores\.x") as caught:
        read(path)
    assert says in str(caught.value)


def test_repeated_pairs_of_triples_keep_the_first_score_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "triples.tsv"
    path.write_text("3.5\t1\tq\ta\tb\n3.5\t2\tq\ta\tc\n3.75\t2\tq\ta\tc\n")
    found, said = read(path)
    assert found == {"q": {"a": 3.5, "b": 1.0, "c": 2.0}}
    assert "1 scores of pairs that have another one (by up to 0.25) are left out; 2 pairs are listed again" in said


def test_the_first_line_counts_also_where_a_passage_is_once_relevant_and_once_not(tmp_path: Path) -> None:
    path = tmp_path / "triples.tsv"
    path.write_text("3.5\t1\tq\ta\tb\n2\t3.5\tq\tb\ta\n")
    assert read(path)[0] == {"q": {"a": 3.5, "b": 1.0}}


@pytest.mark.parametrize("query", ["{", "[", "{x", "[1]"])
def test_a_run_whose_first_id_begins_with_a_bracket_is_a_run(tmp_path: Path, query: str) -> None:
    path = tmp_path / "run.trec"
    path.write_text(f"{query} Q0 d 1 2.5 t\n")
    assert read(path) == ({query: {"d": 2.5}}, "")


def test_a_header_tells_the_columns_of_triples(tmp_path: Path) -> None:
    path = tmp_path / "triples.tsv"
    path.write_text("qid\tpos_pid\tneg_pid\tpos_score\tneg_score\nq\ta\tb\t2\t1\n")
    assert read(path)[0] == {"q": {"a": 2.0, "b": 1.0}}


@pytest.fixture
def collection() -> Collection:
    documents = Texts.from_pairs(["d1", "d2", "d3"], ["sorts  a list", "prints it", "prints it "])
    return Collection("small", Texts.from_pairs(["q1"], ["sort a list"]), documents)


def test_texts_get_the_ids_that_the_collection_has(tmp_path: Path, collection: Collection) -> None:
    path = tmp_path / "train.jsonl"
    row = {
        "query": " sort a\nlist",
        "pos": ["sorts a list"],
        "neg": ["prints it", "?"],
        "pos_scores": [3],
        "neg_scores": [1, 0],
    }
    path.write_text(lines([row, {**row, "query": "other"}]))
    found, said = read(path, collection)
    assert found == {"q1": {"d1": 3.0, "d2": 1.0, "d3": 1.0}}
    assert "1 lists of queries whose text the collection does not have are left out, the first is 'other'" in said
    assert "2 documents whose text the collection does not have are left out, the first is '?'" in said
    with pytest.raises(UsageError, match=r"by their texts.*--collection"):
        read(path)
    path.write_text(lines([{"query_id": "q7", "passages": ["prints it"], "scores": [2]}]))
    assert read(path, collection)[0] == {"q7": {"d2": 2.0, "d3": 2.0}}
    path.write_text(lines([{**row, "query": "other"}]))
    with pytest.raises(DataError, match="holds no scores: 1 lists of queries"):
        read(path, collection)


def test_scores_are_compared_as_doubles_where_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text(lines([{**GOOD, "document_ids": ["a", "b"], "scores": [1.0, 1.0 + 1e-12]}]))
    assert read_run(path).doc_ids.to_pylist() == ["b", "a"]  # equal float32 scores: the larger id
    assert read_ranking(path)["ranking"].tolist() == [-1.0, -2.0]
    with pytest.raises(DataError, match="no ranks"):
        read_run(path, ties="rank")

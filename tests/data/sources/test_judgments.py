"""Judgments as JSON lines and Parquet: the same as in a TREC file, and faults named with file and line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rankdistill.data.sources.judgments import read_jsonl_qrels, read_parquet_qrels
from rankdistill.errors import DataError, FileFormatError

ROWS = [("q2", "d1", 1), ("q1", "d 1", 0), ("q2", "d2", -1), ("q1", "7", 3)]
GROUPED = {"q2": {"d1": 1.0, "d2": -1.0}, "q1": {"d 1": 0.0, "7": 3.0}}


def as_dict(qrels):
    return {
        query.query_id: dict(zip(query.doc_ids, query.columns["label"].tolist(), strict=True))
        for query in qrels.queries()
    }


@pytest.mark.parametrize(
    "keys",
    [("query-id", "corpus-id", "score"), ("query_id", "doc_id", "relevance"), ("qid", "docid", "label")],
)
@pytest.mark.parametrize("number", [int, float])
def test_objects_and_columns_of_other_tools_are_read(tmp_path, keys, number):
    rows = [dict(zip(keys, (query, document, number(grade)), strict=True)) for query, document, grade in ROWS]
    (tmp_path / "a.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
    assert as_dict(read_jsonl_qrels(tmp_path / "a.jsonl")) == GROUPED
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert as_dict(read_parquet_qrels(tmp_path / "a.parquet")) == GROUPED


def test_numbers_are_ids_and_columns_may_be_dictionaries(tmp_path):
    table = pa.table({"query-id": pa.array(["a", "a"]).dictionary_encode(), "corpus-id": [7, 8], "score": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert as_dict(read_parquet_qrels(tmp_path / "a.parquet")) == {"a": {"7": 1.0, "8": 2.0}}
    (tmp_path / "a.jsonl").write_text('{"query-id": 1, "corpus-id": 2, "score": 3}')
    assert as_dict(read_jsonl_qrels(tmp_path / "a.jsonl")) == {"1": {"2": 3.0}}


GOOD = '{"query-id": "q", "corpus-id": "d", "score": 1}\n'
BAD_LINES = {
    "a list": "[1]",
    "no grade": '{"query-id": "q", "corpus-id": "e"}',
    "half a grade": '{"query-id": "q", "corpus-id": "e", "score": 0.5}',
    "an infinite grade": '{"query-id": "q", "corpus-id": "e", "score": 1e999}',
    "a grade too long to parse": '{"query-id": "q", "corpus-id": "e", "score": ' + "1" * 5000 + "}",
    "a grade that float32 cannot hold": '{"query-id": "q", "corpus-id": "e", "score": 16777217}',
    "a grade that is true": '{"query-id": "q", "corpus-id": "e", "score": true}',
    "a grade that is text": '{"query-id": "q", "corpus-id": "e", "score": "1"}',
    "two grades": '{"query-id": "q", "corpus-id": "e", "score": 1, "score": 2}',
    "no query": '{"corpus-id": "e", "score": 1}',
    "an empty document": '{"query-id": "q", "corpus-id": "", "score": 1}',
    "no JSON": "q 0 d 1",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_a_line_that_is_no_judgment_is_named(tmp_path, line):
    (tmp_path / "a.jsonl").write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(FileFormatError, match=r"a\.jsonl:3: .*expected a JSON object with query-id, corpus-id and a"):
        read_jsonl_qrels(tmp_path / "a.jsonl")


def test_a_document_judged_twice_and_a_file_without_lines_are_named(tmp_path):
    (tmp_path / "a.jsonl").write_text(GOOD + "\n" + GOOD)
    with pytest.raises(FileFormatError, match=r"a\.jsonl:3: got 'document d again'.*query q \(line 1 has it\)"):
        read_jsonl_qrels(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(FileFormatError, match=r"a\.jsonl:1: got 'a file without lines'"):
        read_jsonl_qrels(tmp_path / "a.jsonl")


BAD_TABLES = {
    "a missing column": ({"query-id": ["q"], "score": [1]}, r"has the columns query-id, score, expected corpus-id or"),
    "a null id": ({"query-id": ["q", None], "corpus-id": ["d", "e"], "score": [1, 1]}, r"row 2 of 2: .*null"),
    "a null grade": ({"query-id": ["q", "q"], "corpus-id": ["d", "e"], "score": [1, None]}, r"row 2 of 2: .*null"),
    "half a grade": (
        {"query-id": ["q", "q"], "corpus-id": ["d", "e"], "score": [1, 0.5]},
        r"row 2 of 2: .*not a whole",
    ),
    "too large a grade": ({"query-id": ["q"], "corpus-id": ["d"], "score": [1 << 25]}, r"row 1 of 1: .*16,777,216"),
    "a grade of text": ({"query-id": ["q"], "corpus-id": ["d"], "score": ["1"]}, "type string, expected whole numbers"),
    "ids of half numbers": (
        {"query-id": [0.5], "corpus-id": ["d"], "score": [1]},
        "type double, expected text or whole",
    ),
    "a document twice": ({"query-id": ["q", "q"], "corpus-id": ["d", "d"], "score": [1, 1]}, "query 'q', document 'd'"),
    "no rows": (
        {
            "query-id": pa.array([], pa.string()),
            "corpus-id": pa.array([], pa.string()),
            "score": pa.array([], pa.int8()),
        },
        "no rows",
    ),
}


@pytest.mark.parametrize(("columns", "says"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_table_that_holds_no_judgments_is_explained(tmp_path, columns, says):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=says) as caught:
        read_parquet_qrels(tmp_path / "a.parquet")
    assert "a.parquet" in str(caught.value)

"""Queries of a file in any form: ids and texts, topics, or a text a line; errors name the place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rankdistill.data.sources.query_file import read_queries
from rankdistill.errors import DataError, FileFormatError, UsageError

EXPECTED = {"7": "sort a list", "8": "who wrote “it”?"}
CLASSIC = """<top>
<num> Number: 7
<title> sort
a list

<desc> Description:
Find how lists are sorted.
</top>

<top>
<num> Number: 8 </num>
<title> who wrote “it”? </title>
</top>
"""
XML = """<?xml version="1.0" encoding="UTF-8"?>
<topics task="adhoc">
 <topic number="7"><query>sort a list</query><question>how?</question></topic>
 <topic number="8"><query>who wrote “it”?</query></topic>
</topics>
"""
FORMS = {
    "queries.tsv": "7\tsort a list\n8\twho wrote “it”?\n",
    "queries.txt": "7\tsort a list\r\n\r\n8\twho wrote “it”?\r\n",
    "log.tsv": "\ufeffqid\tquery\n7\tsort a list\n8\twho wrote “it”?\n",
    "queries.jsonl": "\n".join(json.dumps({"_id": query, "text": text}) for query, text in EXPECTED.items()),
    "questions.jsonl": "\n".join(json.dumps({"qid": query, "question": text}) for query, text in EXPECTED.items()),
    "topics.txt": CLASSIC,
    "topics.xml": XML,
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_queries(tmp_path: Path, name: str, zipped: bool) -> None:
    data = FORMS[name].encode()
    file = tmp_path / (f"{name}.gz" if zipped else name)
    file.write_bytes(gzip.compress(data) if zipped else data)
    assert dict(read_queries(file)) == EXPECTED


def test_parquet_queries_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"qid": [7, 8], "query": list(EXPECTED.values())}), tmp_path / "queries.parquet")
    assert dict(read_queries(tmp_path / "queries.parquet")) == EXPECTED


def test_lines_without_a_tab_are_queries_under_their_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.txt").write_text("sort a list\n\nwho wrote it\n")
    assert dict(read_queries(tmp_path / "log.txt")) == {"1": "sort a list", "3": "who wrote it"}
    assert "no line has a tab: each is a query" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.tsv", "7 sort a list\n", r"q.tsv:1"),
        ("q.tsv", "7\tsort\n7\tbook\n", r"q.tsv:2: duplicate id '7', which .*q.tsv:1 has already"),
        ("q.jsonl", '{"_id": "7", "text": "sort"}\n{"_id": "8", "text": " "}\n', r"q.jsonl:2: query '8' has an empty"),
        ("q.jsonl", '{"_id": "7"}\n', r"q.jsonl:1"),
        ("topics.txt", "<top>\n<num> Number: 7\n<desc> no title\n</top>\n", r"topics.txt:1.*<title>"),
        ("topics.txt", "<top>\n<num> 7\n<title>a\n</top>\n<top>\n<num> 7\n<title>b\n</top>", r"query 2: duplicate id"),
        ("q.tsv", "\n\n", r"q.tsv has no queries"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises((DataError, FileFormatError), match=said):
        read_queries(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file of queries .*expected .*TREC topics"):
        read_queries(tmp_path / "absent.tsv")

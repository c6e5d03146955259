"""Which files of a folder are which: other tools' names are found, copies count once, and what is left is named."""

import pytest

from rankdistill.data.sources.layout import find_files


def made(tmp_path, *names):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return find_files(tmp_path)


def names(files):
    return [(file.path.name, file.tags) for file in files]


def passed_over(layout, tmp_path):
    return [path.relative_to(tmp_path).as_posix() for path in layout.passed_over]


TEXTS = {
    "beir": (["corpus.jsonl", "queries.jsonl"], ["corpus.jsonl"], ["queries.jsonl"]),
    "parquet": (["corpus.parquet", "queries.parquet"], ["corpus.parquet"], ["queries.parquet"]),
    "ms marco": (
        ["collection.tsv.gz", "queries.dev.small.tsv"],
        ["collection.tsv.gz"],
        ["queries.dev.small.tsv"],
    ),
    "hub": (
        ["corpus/corpus-00000-of-00002.parquet", "corpus/corpus-00001-of-00002.parquet", "queries/q.jsonl"],
        ["corpus-00000-of-00002.parquet", "corpus-00001-of-00002.parquet"],
        ["q.jsonl"],
    ),
    "topics": (["docs.jsonl", "topics.dl19.tsv"], ["docs.jsonl"], ["topics.dl19.tsv"]),
}


@pytest.mark.parametrize(("files", "documents", "queries"), TEXTS.values(), ids=TEXTS)
def test_documents_and_queries_are_found_under_the_names_of_other_tools(tmp_path, files, documents, queries):
    layout = made(tmp_path, *files)
    assert [name for name, _ in names(layout.documents)] == documents
    assert [name for name, _ in names(layout.queries)] == queries
    assert layout.passed_over == []


JUDGMENTS = {
    "qrels/test.tsv": ("test",),
    "qrels/test.jsonl": ("test",),
    "qrels/test.jsonl.gz": ("test",),
    "qrels/test.parquet": ("test",),
    "qrels/test-00000-of-00001.parquet": ("test",),
    "qrels/qrels.test.tsv": ("test",),
    "qrels/test.qrels": ("test",),
    "qrels.test.txt.gz": ("test",),
    "qrels.jsonl": (),
    "qrels.dev.small.tsv": ("dev", "small"),
    "test.qrels": ("test",),
    "test.qrels.gz": ("test",),
    "test.qrels.txt": ("test",),
}


@pytest.mark.parametrize(("name", "tags"), JUDGMENTS.items(), ids=JUDGMENTS)
def test_judgments_are_found_under_the_names_of_other_tools(tmp_path, name, tags):
    layout = made(tmp_path, name)
    assert names(layout.judgments) == [(name.rpartition("/")[2], tags)]
    assert (layout.runs, layout.passed_over) == ([], [])


RUNS = {
    "bm25.trec": "bm25",
    "bm25.dev.trec.gz": "bm25.dev",
    "bm25.res": "bm25",
    "bm25.res.gz": "bm25",
    "bm25.run": "bm25",
    "bm25.msmarco.tsv.gz": "bm25",
    "run.bm25.txt": "bm25",
    "run.msmarco-v1-passage.bm25.txt.gz": "msmarco-v1-passage.bm25",
    "runs/bm25.txt": "bm25",
    "runs/run.bm25.tsv": "bm25",
    "bm25/run.txt": "bm25",
    "runs/bm25/run.trec.gz": "bm25",
}


@pytest.mark.parametrize(("file", "name"), RUNS.items(), ids=RUNS)
def test_runs_are_found_under_the_names_of_other_tools(tmp_path, file, name):
    layout = made(tmp_path, file)
    assert [run.name for run in layout.runs] == [name]
    assert (layout.judgments, layout.passed_over) == ([], [])


def test_of_files_that_differ_in_their_suffix_alone_one_is_read_and_the_others_are_named(tmp_path):
    layout = made(tmp_path, "qrels/test.tsv", "qrels/test.jsonl", "corpus.jsonl", "corpus.jsonl.gz", "corpus.parquet")
    assert names(layout.judgments) == [("test.tsv", ("test",))]
    assert names(layout.documents) == [("corpus.jsonl", ())]
    assert passed_over(layout, tmp_path) == ["corpus.jsonl.gz", "corpus.parquet", "qrels/test.jsonl"]


def test_what_looks_like_part_of_a_collection_and_is_not_read_is_named(tmp_path):
    odd = ["qrels.csv", "qrels/test.csv", "topics.txt", "test.qrels.json", "run.json", "my-queries.json", "x.res.bz2"]
    layout = made(tmp_path, "corpus.jsonl", "docs.jsonl", *odd, "runs_old/a.trec")
    assert sorted(passed_over(layout, tmp_path)) == sorted(["docs.jsonl", *odd, "runs_old"])


def test_what_no_collection_holds_is_not_named(tmp_path):
    ordinary = [
        "README.txt",
        "qrels/README.md",
        "LICENSE",
        ".queries.tsv",
        "notes.txt",
        "truncated.json",
        "runs/a/model.json",
    ]
    layout = made(tmp_path, "corpus.jsonl", "queries.tsv", *ordinary, "runs/distil/log.json", "docs/index.md")
    assert layout.passed_over == []
    assert layout.runs == []

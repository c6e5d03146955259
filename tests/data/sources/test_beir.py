"""Folders in the BEIR layout: every form of file is read, variants are told apart, and faults are named."""

import gzip
import json
import re
import warnings

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rankdistill.data import load_collection, read_run
from rankdistill.errors import DataError, FileFormatError, RankDistillError, UnknownNameError

CORPUS = '{"_id": "d1", "title": "A", "text": "first"}\n{"_id": "d2", "text": "second"}\n'
QUERIES = '{"_id": "q1", "text": "one"}\n{"_id": "q2", "text": "two"}\n{"_id": "q3", "text": "three"}\n'


def folder(tmp_path, **files):
    """A folder of these files; ``__`` in a name stands for a dot and ``___`` for a slash."""
    for name, text in files.items():
        path = tmp_path / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return tmp_path


def test_a_beir_folder_is_read_with_its_splits_from_the_qrels(tmp_path):
    header = "query-id\tcorpus-id\tscore\n"
    source = folder(
        tmp_path,
        corpus__jsonl=CORPUS,
        queries__jsonl=QUERIES,
        qrels___train__tsv=f"{header}q3\td1\t1\nq1\td1\t1\n",
        qrels___test__tsv=f"{header}q2\td1\t2\nq2\td2\t0\nq9\td1\t1\n",
    )
    made = load_collection(source)
    assert list(made.documents) == [("d1", "A first"), ("d2", "second")]
    assert list(made.queries) == [("q1", "one"), ("q2", "two"), ("q3", "three")]
    assert made.splits == {"test": ["q2"], "train": ["q1", "q3"]}
    assert made.qrels.take_queries(["q2"])["label"].tolist() == [2.0, 0.0]
    assert made.stats()["judged_queries_without_text"] == 1


def test_gzipped_parts_tsv_queries_trec_qrels_and_runs_are_read(tmp_path):
    source = folder(
        tmp_path,
        corpus__00__jsonl__gz='{"doc_id": "d1", "text": "x"}\n',
        corpus__01__jsonl__gz='{"doc_id": "d2", "text": "y"}\n\n',
        queries__train__tsv__gz="q1\tone\r\nq2\ttwo \n",
        queries__dev__tsv='q2\ttwo\nq3\t"three"\n',
        qrels__train__txt__gz="q1 0 d1 1\n",
        qrels__dev__txt="q2 0 d2 1\n",
        runs___bm25__dev__trec__gz="q2 Q0 d2 1 3.5 t\n",
        first__trec="q1 Q0 d2 1 3.5 t\n",
        README__txt="not qrels",
    )
    made = load_collection(f"folder:{source}")
    assert made.documents.ids.to_pylist() == ["d1", "d2"]
    assert list(made.queries) == [("q2", "two"), ("q3", '"three"'), ("q1", "one")]
    assert made.splits == {"train": ["q1", "q2"], "dev": ["q2", "q3"]}
    assert made.qrels.query_ids.to_pylist() == ["q2", "q1"]
    assert list(made.runs) == ["first", "bm25.dev"]
    assert read_run(made.runs["bm25.dev"])["score"].tolist() == [3.5]
    assert made.candidates is None


def test_a_tag_keeps_its_own_files_and_the_untagged_where_it_has_none(tmp_path):
    source = folder(
        tmp_path,
        corpus__jsonl=CORPUS,
        queries__a__tsv="q1\tone\n",
        queries__b__tsv="q2\ttwo\n",
        qrels__a__txt="q1 0 d1 1\n",
        runs___x__a__trec="q1 Q0 d2 1 3.5 t\n",
        runs___x__b__trec="q2 Q0 d2 1 3.5 t\n",
        runs___both__trec="q2 Q0 d2 1 3.5 t\n",
    )
    made = load_collection(f"{source}#a")
    assert (made.queries.ids.to_pylist(), list(made.runs), made.splits) == (["q1"], ["x.a"], {})
    assert made.name == f"{source.name}#a"
    other = load_collection(f"{source}#b")
    assert other.qrels is None
    assert len(other.documents) == 2
    with pytest.raises(UnknownNameError, match=r"'c'.*Valid: a, b"):
        load_collection(f"{source}#c")


def test_variants_of_the_same_ids_must_be_chosen_from(tmp_path):
    source = folder(
        tmp_path,
        corpus__en__jsonl='{"id": "d", "text": "dog"}',
        corpus__de__jsonl='{"id": "d", "text": "Hund"}',
        queries__tsv="q\tx\n",
    )
    with pytest.raises(
        DataError, match=r"en\.jsonl:1: duplicate id 'd', which .*de\.jsonl:1 has already.*choose one: .*#de"
    ):
        load_collection(source)
    assert load_collection(f"{source}#de").documents["d"] == "Hund"
    folder(tmp_path, queries__en__tsv="q\tdog?\n", queries__de__tsv="q\tHund?\n")
    with pytest.raises(DataError, match=r"queries\.en\.tsv:1: query 'q' has another text"):
        load_collection(source)


def test_escapes_numbers_as_ids_and_other_fields_are_read(tmp_path):
    corpus = [
        {"_id": 7, "text": 'caf\u00e9 \U0001f600 "x"\n', "title": None, "metadata": {"a": [1]}},
        {"_id": "8", "text": "", "title": "  only a title "},
    ]
    queries = '{"query_id": "q", "text": "\\u00e9", "url": 3}\n'
    source = folder(tmp_path, corpus__jsonl="\n".join(map(json.dumps, corpus)), queries__jsonl=queries)
    made = load_collection(source)
    assert list(made.documents) == [("7", 'caf\u00e9 \U0001f600 "x"'), ("8", "only a title")]
    assert list(made.queries) == [("q", "é")]


BAD_CORPORA = {
    "no JSON": (CORPUS + "oops\n", 3),
    "half an object": (CORPUS + '{"_id": "d3", "te', 3),
    "no text": (CORPUS + '\n{"_id": "d3"}\n', 4),
    "no id": ('{"text": "x"}\n', 1),
    "an empty id": ('{"_id": "", "text": "x"}\n', 1),
    "a list as text": ('{"_id": "d", "text": ["x"]}\n', 1),
    "a number as title": ('{"_id": "d", "text": "x", "title": 3}\n', 1),
    "a list": ("[1]\n", 1),
    "half a character": ('{"_id": "d", "text": "\\ud83d"}\n', 1),
}


@pytest.mark.parametrize(("text", "line"), BAD_CORPORA.values(), ids=BAD_CORPORA)
def test_a_bad_line_of_the_corpus_is_named(tmp_path, text, line):
    source = folder(tmp_path, corpus__jsonl=text, queries__tsv="q\tx\n")
    with pytest.raises(
        FileFormatError, match=r"corpus\.jsonl:\d+: got .* expected a JSON object with _id or"
    ) as caught:
        load_collection(source)
    assert caught.value.line == line


def test_bytes_that_are_no_utf8_are_named(tmp_path):
    source = folder(tmp_path, queries__tsv="q\tx\n")
    (source / "corpus.jsonl").write_bytes(CORPUS.encode() + b'{"_id": "d3", "text": "\xff"}\n')
    with pytest.raises(FileFormatError, match=r"corpus\.jsonl:3: .*UTF-8"):
        load_collection(source)


@pytest.mark.parametrize("line", ["q", "q\ta\tb", "\ta"])
def test_a_bad_line_of_the_queries_is_named(tmp_path, line):
    source = folder(tmp_path, corpus__jsonl=CORPUS, queries__tsv=f"q0\tx\n{line}\n")
    with pytest.raises(FileFormatError, match=r"queries\.tsv:2: .* expected an id, a tab and a text"):
        load_collection(source)


def test_what_is_missing_empty_or_double_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no corpus"):
        load_collection(tmp_path)
    source = folder(tmp_path, corpus__jsonl=CORPUS)
    with pytest.raises(DataError, match="holds no queries"):
        load_collection(source)
    folder(tmp_path, queries__tsv="q1\tx\nq2\t \n")
    with pytest.raises(DataError, match=r"queries\.tsv:2: query 'q2' has an empty text"):
        load_collection(source)
    folder(tmp_path, queries__tsv="q1\tx\nq1\ty\n")
    with pytest.raises(DataError, match=r"queries\.tsv:2: duplicate id 'q1', which .*queries\.tsv:1 has already"):
        load_collection(source)
    folder(tmp_path, queries__tsv="q1\tx\n", qrels__a__txt="q1 0 d1 1\n", qrels__b__txt="q1 0 d1 2\n")
    with pytest.raises(DataError, match=r"judgments of .*qrels\.a\.txt, .*document 'd1'"):
        load_collection(source)


def test_the_layout_of_mteb_is_read(tmp_path):
    source = folder(
        tmp_path,
        corpus__jsonl=CORPUS,
        queries__jsonl=QUERIES,
        qrels___test__jsonl='{"query-id": "q1", "corpus-id": "d1", "score": 1.0}\n',
        qrels___dev__jsonl='{"query-id": "q2", "corpus-id": "d1", "score": 2}\n',
    )
    made = load_collection(source)
    assert made.splits == {"test": ["q1"], "dev": ["q2"]}
    assert made.qrels["label"].tolist() == [2.0, 1.0]


def test_a_folder_of_parquet_files_is_read(tmp_path):
    tables = {
        "corpus/corpus-00000-of-00002.parquet": {"_id": ["d1"], "title": ["A"], "text": ["first"]},
        "corpus/corpus-00001-of-00002.parquet": {"_id": ["d2"], "title": [None], "text": ["second"]},
        "queries/queries-00000-of-00001.parquet": {"_id": [1, 2], "text": ["one", "two"]},
        "qrels/test-00000-of-00001.parquet": {"query-id": [1], "corpus-id": ["d2"], "score": [1.0]},
    }
    for name, columns in tables.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), tmp_path / name)
    made = load_collection(tmp_path)
    assert list(made.documents) == [("d1", "A first"), ("d2", "second")]
    assert list(made.queries) == [("1", "one"), ("2", "two")]
    assert made.splits == {"test": ["1"]}


def test_files_that_look_like_parts_of_the_collection_and_are_not_read_are_named_once(tmp_path):
    source = folder(tmp_path, corpus__jsonl=CORPUS, queries__jsonl=QUERIES, qrels__csv="q1,d1,1\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_collection(source)
        load_collection(source)
    assert [re.sub(r"in .*?:", "in FOLDER:", str(each.message)).partition(";")[0] for each in caught] == [
        "not read in FOLDER: qrels.csv"
    ]


def test_a_folder_without_a_corpus_is_told_what_was_seen(tmp_path):
    source = folder(tmp_path, corpus__json="[]", queries__jsonl=QUERIES)
    with pytest.raises(DataError, match=r"holds no corpus\*\.jsonl .*; not read are corpus\.json"):
        load_collection(source)


def test_collections_without_documents_or_queries_are_refused(tmp_path):
    source = folder(tmp_path, corpus__jsonl="\n", queries__tsv="q\tx\n")
    with pytest.raises(DataError, match=r"no documents in .*corpus\.jsonl: expected at least one"):
        load_collection(source)
    folder(tmp_path, corpus__jsonl=CORPUS, queries__tsv="")
    with pytest.raises(DataError, match=r"no queries in .*queries\.tsv"):
        load_collection(source)


def test_duplicates_in_two_files_are_named_with_both_places(tmp_path):
    source = folder(
        tmp_path, corpus__00__jsonl=CORPUS, corpus__01__jsonl="\n" + CORPUS.splitlines()[1], queries__tsv="q\tx\n"
    )
    with pytest.raises(DataError, match=r"01\.jsonl:2: duplicate id 'd2', which .*00\.jsonl:2 has already"):
        load_collection(source)
    pq.write_table(pa.table({"_id": ["q", "q"], "text": ["x", "y"]}), tmp_path / "queries.parquet")
    (source / "corpus.01.jsonl").unlink()
    (source / "queries.tsv").unlink()
    with pytest.raises(DataError, match=r"queries\.parquet, row 2: duplicate id 'q', which .*parquet, row 1 has"):
        load_collection(source)


def test_runs_of_one_name_are_told_apart_by_their_places(tmp_path):
    source = folder(
        tmp_path, corpus__jsonl=CORPUS, queries__jsonl=QUERIES, a__trec="x", runs___a__trec="x", runs___b__res="x"
    )
    assert list(load_collection(source).runs) == ["a.trec", "runs/a.trec", "b"]


REAL = {
    "noveleval": (21, 420, {}),
    "cranfield": (225, 1400, {}),
    "cisi": (112, 1460, {}),
    "vaswani": (93, 11_429, {}),
    "xquad#en": (1190, 240, {}),
    "xquad#zh": (1190, 240, {}),
    "scifact": (1109, 5183, {"dev": 300, "train": 809}),
    "nfcorpus": (3237, 3633, {"dev": 324, "test": 323, "train": 2590}),
    "squad-sentences": (22_447, 13_447, {"part1": 10_570, "part2": 11_877}),
    "msmarco-passage-dl": (97, 27_274, {"dl19": 43, "dl20": 54}),
    "msmarco-v2-passage-dl": (129, 27_170, {"dl21": 53, "dl22": 76}),
}


@pytest.mark.parametrize("name", REAL)
def test_real_folders_have_the_numbers_that_their_readme_gives(shared_data, name):
    n_queries, n_documents, splits = REAL[name]
    made = load_collection(shared_data / name)
    assert (len(made.queries), len(made.documents)) == (n_queries, n_documents)
    assert {split: len(queries) for split, queries in made.splits.items()} == splits
    assert made.qrels is not None
    assert made.stats()["judged_queries_without_text"] == 0
    for path in list(made.runs.values())[:2]:
        run = read_run(path)
        assert (made.queries.positions(run.query_ids) >= 0).all()
        assert (made.documents.positions(run.doc_ids) >= 0).all()


def test_the_two_languages_of_xquad_must_be_chosen_from(shared_data):
    with pytest.raises(RankDistillError, match=r"choose one: .*xquad#en"):
        load_collection(shared_data / "xquad")

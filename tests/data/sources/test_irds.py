"""Collections of ir_datasets, by its own classes over local files registered in its own registry."""

import os
from pathlib import Path

import pytest

from rankdistill.data import load_collection
from rankdistill.errors import DataError, UnknownNameError


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Local files, and ir_datasets with its home in the same place."""
    home = tmp_path_factory.mktemp("irds")
    before = os.environ.get("IR_DATASETS_HOME")
    os.environ["IR_DATASETS_HOME"] = str(home / "home")
    (home / "docs.tsv").write_text("d1\tfirst text\nd2\tsecond text é\nd3\tthird text\n", encoding="utf-8")
    (home / "titled.tsv").write_text("d1\tA title\thttp://example.org\tand a text\n")
    (home / "queries.tsv").write_text("q1\tone\nq2\ttwo\n")
    (home / "topics.txt").write_text(
        "<top>\n<num> Number: 301\n<title> crime\n<desc> Description:\nall of it\n<narr> Narrative:\nmuch\n</top>\n"
    )
    (home / "qrels.txt").write_text("q1 0 d1 2\nq1 0 d2 0\nq2 0 d3 1\n")
    (home / "run.txt").write_text("q1 Q0 d2 1 1.5 t\nq1 Q0 d1 2 2.5 t\nq2 Q0 d3 1 -1e-3 t\n")
    yield home
    if before is None:
        del os.environ["IR_DATASETS_HOME"]
    else:
        os.environ["IR_DATASETS_HOME"] = before


@pytest.fixture(scope="module")
def dataset_ids(files: Path):
    """Ids of data sets put together from the files by ir_datasets' own formats."""
    import ir_datasets
    from ir_datasets import formats
    from ir_datasets.datasets.base import Dataset
    from ir_datasets.util import LocalDownload

    def local(name):
        return LocalDownload(files / name)

    documents = formats.TsvDocs(local("docs.tsv"))
    queries = formats.TsvQueries(local("queries.tsv"))
    qrels = formats.TrecQrels(local("qrels.txt"), {0: "not", 1: "yes", 2: "very"})
    sets = {
        "full": Dataset(documents, queries, qrels, formats.TrecScoredDocs(local("run.txt"))),
        "bare": Dataset(documents, queries),
        "no-queries": Dataset(documents),
        "no-docs": Dataset(queries),
        "titled": Dataset(
            formats.TsvDocs(local("titled.tsv"), doc_cls=formats.TitleUrlTextDoc),
            formats.TrecQueries(local("topics.txt")),
        ),
    }
    for name, dataset in sets.items():
        ir_datasets.registry.register(f"rankdistill-test/{name}", dataset)
    return {name: f"irds:rankdistill-test/{name}" for name in sets}


def as_dict(candidates, column):
    return {q.query_id: dict(zip(q.doc_ids, q.columns[column].tolist(), strict=True)) for q in candidates.queries()}


def test_queries_documents_qrels_and_scored_documents_are_read(dataset_ids):
    made = load_collection(dataset_ids["full"])
    assert made.name == "irds:rankdistill-test/full"
    assert list(made.queries) == [("q1", "one"), ("q2", "two")]
    assert as_dict(made.qrels, "label") == {"q1": {"d1": 2.0, "d2": 0.0}, "q2": {"d3": 1.0}}
    assert made.candidates.doc_ids.to_pylist() == ["d1", "d2", "d3"]
    assert made.candidates["score"].tolist() == pytest.approx([2.5, 1.5, -1e-3])
    assert sorted(made.split("train") + made.split("dev") + made.split("test")) == ["q1", "q2"]


def test_documents_are_looked_up_in_the_docstore_as_texts_are(dataset_ids):
    documents = load_collection(dataset_ids["full"]).documents
    assert documents.take(["d3", "d1", "d3"]) == ["third text", "first text", "third text"]
    assert documents["d2"] == "second text é"
    assert len(documents) == 3
    assert documents.ids.to_pylist() == ["d1", "d2", "d3"]
    assert documents.positions(["d3", "x", "d1"]).tolist() == [2, -1, 0]
    assert list(documents)[1] == ("d2", "second text é")
    assert ["d1" in documents, "x" in documents] == [True, False]
    assert [len(ids) for ids, _ in documents.batches(2)] == [2, 1]


def test_a_document_that_is_not_in_the_docstore_is_named(dataset_ids):
    documents = load_collection(dataset_ids["full"]).documents
    with pytest.raises(DataError, match=r"'x' has no text \(2 of the 3 ids"):
        documents.take(["x", "d1", "y"])


def test_docstore_texts_can_be_saved_as_texts(dataset_ids, tmp_path):
    from rankdistill.data import Texts

    documents = load_collection(dataset_ids["full"]).documents
    documents.save(tmp_path / "t.arrow")
    assert list(Texts.open(tmp_path / "t.arrow")) == list(documents)


def test_qrels_and_scored_documents_may_be_lacking(dataset_ids):
    made = load_collection(dataset_ids["bare"])
    assert (made.qrels, made.candidates) == (None, None)
    assert made.stats()["mean_document_words"] == pytest.approx(7 / 3)


def test_a_record_of_several_fields_gives_the_text_that_ir_datasets_takes_as_its_content(dataset_ids):
    made = load_collection(dataset_ids["titled"])
    assert list(made.queries) == [("301", "crime")]
    assert made.documents["d1"] == "A title and a text"


def test_data_sets_without_queries_or_documents_are_refused(dataset_ids):
    with pytest.raises(DataError, match="has no queries"):
        load_collection(dataset_ids["no-queries"])
    with pytest.raises(DataError, match="has no docs"):
        load_collection(dataset_ids["no-docs"])


def test_an_unknown_id_gets_the_nearest(dataset_ids):
    with pytest.raises(UnknownNameError, match="did you mean 'rankdistill-test/full'"):
        load_collection("irds:rankdistill-test/fulll")


def test_a_data_set_that_cannot_be_fetched_is_named_with_what_to_do(monkeypatch):
    class Unreachable:
        def has(self, kind):
            return True

        def queries_iter(self):
            raise ConnectionError("no such host")

    monkeypatch.setattr("ir_datasets.load", lambda name: Unreachable())
    with pytest.raises(DataError, match=r"irds:far/away cannot be fetched: no such host; load it once where"):
        load_collection("irds:far/away")

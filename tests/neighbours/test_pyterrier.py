"""ReRanker: PyTerrier's pipelines, cut-offs, inspection and comparison, against the model's own scores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import lively, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder

pt = pytest.importorskip("pyterrier", reason="PyTerrier, of the extra pyterrier, is not installed")
import pandas as pd  # noqa: E402

from rankdistill.neighbours.pyterrier import ReRanker  # noqa: E402

QUERIES = {1: "how to sort a list", 2: "what is a dog"}
COLUMNS = ["qid", "query", "docno", "text", "score", "rank"]


@pytest.fixture(scope="module")
def model() -> CrossEncoder:
    return CrossEncoder(lively("bert"), make_tokenizer())


@pytest.fixture
def results() -> pd.DataFrame:
    texts = ["a dog", "sort the list", "what is a book", "the cat wrote", "how long is the first list"]
    rows = [(f"q{q}", QUERIES[q], f"d{d}", text, 9.0 - d) for q in (2, 1) for d, text in enumerate(texts)]
    return pt.model.add_ranks(pd.DataFrame(rows, columns=COLUMNS[:5]))


def test_scores_are_the_models_and_ranks_follow_them(model: CrossEncoder, results: pd.DataFrame) -> None:
    out = ReRanker(model)(results)
    pairs = list(zip(results["query"], results["text"], strict=True))
    np.testing.assert_allclose(out["score"], model.predict(pairs), rtol=1e-5, atol=1e-6)
    for _, query in out.groupby("qid"):
        assert query.sort_values("rank")["score"].is_monotonic_decreasing
        assert sorted(query["rank"]) == list(range(5))
    assert out[["qid", "docno"]].equals(results[["qid", "docno"]])
    assert results["score"].max() == 9.0  # the frame that was given is as it was


def test_a_frame_without_rows_gives_one_without_rows(model: CrossEncoder, results: pd.DataFrame) -> None:
    out = ReRanker(model)(results.iloc[:0])
    assert len(out) == 0
    assert list(out.columns) == ["qid", "query", "docno", "text", "score", "rank"]
    assert len(ReRanker(model)(pd.DataFrame(columns=["qid", "query", "docno", "text"]))) == 0


def test_transformers_compare_by_value(model: CrossEncoder, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "model")
    assert ReRanker(model) == ReRanker(folder)
    assert hash(ReRanker(model)) == hash(ReRanker(folder))
    assert ReRanker(model) != ReRanker(model, text_field="body")
    assert ReRanker(model) != ReRanker(CrossEncoder(lively("bert", num_hidden_layers=1), make_tokenizer()))
    assert ReRanker(model) != pt.Transformer.identity()


def test_columns_are_declared_and_checked(model: CrossEncoder, results: pd.DataFrame) -> None:
    ranker = ReRanker(model)
    assert pt.inspect.transformer_inputs(ranker) == [["qid", "query", "docno", "text"]]
    outputs = pt.inspect.transformer_outputs(ranker, ["qid", "query", "docno", "text", "year"])
    assert outputs == ["qid", "query", "docno", "text", "year", "score", "rank"]
    assert list(ranker(results.assign(year=1)).columns) == ["qid", "query", "docno", "text", "year", "score", "rank"]
    with pytest.raises(pt.validate.InputValidationError, match="text"):
        ranker(results.drop(columns="text"))


def test_pipelines_cut_offs_and_unions_work(model: CrossEncoder, results: pd.DataFrame) -> None:
    source = pt.Transformer.from_df(results)
    topics = results[["qid", "query"]].drop_duplicates()
    cut = (source % 3 >> ReRanker(model) % 2)(topics)
    assert cut.groupby("qid").size().tolist() == [2, 2]
    assert set(cut["docno"]) <= {"d0", "d1", "d2"}
    assert len((source >> ReRanker(model) | source % 1)(topics)) == 10
    assert (source >> ReRanker(model)).search(QUERIES[1], qid="q1")["rank"].tolist() == list(range(5))


def test_iterated_records_are_scored_too(model: CrossEncoder, results: pd.DataFrame) -> None:
    records = ReRanker(model)(results.to_dict(orient="records"))
    assert [record["score"] for record in records] == ReRanker(model)(results)["score"].tolist()


def test_a_missing_text_is_named(model: CrossEncoder, results: pd.DataFrame) -> None:
    results.loc[3, "text"] = None
    with pytest.raises(DataError, match=r"row 3 .* 'text'.*get_text"):
        ReRanker(model)(results)


def test_importing_rankdistill_does_not_import_pyterrier() -> None:
    code = "import sys, rankdistill.cli; sys.exit('pyterrier' in sys.modules or 'mteb' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

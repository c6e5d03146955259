"""MtebCrossEncoder: mteb takes it for a cross-encoder, and a task measured by it has the model's own order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import WORDS, lively, make_tokenizer

from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder

mteb = pytest.importorskip("mteb", reason="mteb, of the extra mteb, is not installed")

from rankdistill.neighbours.mteb import MtebCrossEncoder  # noqa: E402

ASKED = {"task_metadata": None, "hf_split": "test", "hf_subset": "default"}


@pytest.fixture(scope="module")
def model() -> CrossEncoder:
    return CrossEncoder(lively("bert"), make_tokenizer())


def test_it_has_mtebs_protocol(model: CrossEncoder) -> None:
    adapter = MtebCrossEncoder(model, name="we/student")
    assert isinstance(adapter, mteb.CrossEncoderProtocol)
    assert not isinstance(adapter, mteb.EncoderProtocol)
    meta = adapter.mteb_model_meta
    assert (meta.name, meta.max_tokens, meta.n_parameters) == ("we/student", model.max_length, model.n_parameters)
    assert meta.is_cross_encoder


def test_batches_of_texts_are_scored_pair_by_pair(model: CrossEncoder, tmp_path: Path) -> None:
    adapter = MtebCrossEncoder(str(model.save(tmp_path / "student")))
    queries = [{"text": ["sort a list", "sort a list"]}, {"text": ["print"]}]
    documents = [{"text": ["sorts it", "a dog"]}, {"text": ["prints a text"]}]
    scores = adapter.predict(queries, documents, **ASKED, batch_size=1)
    pairs = [("sort a list", "sorts it"), ("sort a list", "a dog"), ("print", "prints a text")]
    np.testing.assert_allclose(scores, model.predict(pairs), rtol=1e-5, atol=1e-6)
    assert adapter.predict([], [], **ASKED).shape == (0,)
    assert adapter.mteb_model_meta.name == "rankdistill/student"


def test_what_it_cannot_do_is_refused(model: CrossEncoder) -> None:
    with pytest.raises(UsageError, match="revision 'abc'"):
        MtebCrossEncoder(model, "abc")
    with pytest.raises(UsageError, match="device 'tpu'"):
        MtebCrossEncoder(model, device="tpu")
    with pytest.raises(UsageError, match="image"):
        MtebCrossEncoder(model).predict([{"image": [0]}], [{"text": ["a"]}], **ASKED)


def test_a_task_is_measured(model: CrossEncoder, tmp_path: Path) -> None:
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData

    documents = {f"d{i}": " ".join(WORDS[i : i + 3]) for i in range(12)}
    queries = {"q1": "how to sort a list", "q2": "what is a dog"}
    order = {query: list(documents) for query in queries}
    best = {
        query: max(documents, key=lambda d, text=text: float(model.predict([(text, documents[d])])[0]))
        for query, text in queries.items()
    }

    class Small(AbsTaskRetrieval):
        metadata = mteb.TaskMetadata(
            name="SmallReranking",
            description="Twelve texts.",
            reference=None,
            dataset={"path": "none/none", "revision": "1"},
            type="Reranking",
            category="t2t",
            modalities=["text"],
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
            date=("2024-01-01", "2024-12-31"),
            domains=["Web"],
            task_subtypes=[],
            license="cc0-1.0",
            annotations_creators="derived",
            dialect=[],
            sample_creation="found",
            bibtex_citation="",
        )

        def load_data(self, *args: object, **kwargs: object) -> None:
            split = RetrievalSplitData(
                corpus=Dataset.from_list([{"id": i, "text": t, "title": ""} for i, t in documents.items()]),
                queries=Dataset.from_list([{"id": i, "text": t} for i, t in queries.items()]),
                relevant_docs={query: {document: 1} for query, document in best.items()},
                top_ranked=order,
            )
            self.dataset, self.data_loaded = {"default": {"test": split}}, True

    result = mteb.evaluate(MtebCrossEncoder(model), Small(), cache=None, show_progress_bar=False)
    assert result.task_results[0].get_score() == pytest.approx(1.0)

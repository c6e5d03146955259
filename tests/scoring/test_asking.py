"""What says how a model is asked holds for folders; a model that is loaded keeps how it is, which is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pair_tasks import write_glue
from tiny import judged_collection, lively, make_model, make_tokenizer, write_collection
from tiny_causal import write_causal

import rankdistill as rd
from rankdistill.cli.entry import main
from rankdistill.cli.experts import experts_over
from rankdistill.data import Candidates, Collection, Texts, read_run, write_run
from rankdistill.data.collection import own_candidates
from rankdistill.data.pair_parts import SCHEMA, read_pairs
from rankdistill.data.parts import read_parts, write_parts
from rankdistill.data.sources import load_collection
from rankdistill.errors import UsageError
from rankdistill.inputs.asking import ASKING
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.ready import ReadyModel
from rankdistill.recipes.class_teachers import add_logits
from rankdistill.recipes.guided import guide
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.multitask import Run
from rankdistill.recipes.rekindle import rekindle
from rankdistill.recipes.teachers import add_teachers, check_teachers
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring.experts import load_experts, score_experts
from rankdistill.scoring.score import load_scorer, score, score_logits, score_with_report
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task

PROMPT = "Query: {query}\nDocument: {document}\nAnswer:"
ASKED: dict[str, Any] = {"prompt": PROMPT, "relevant_token": "a", "other_token": "the"}
GIVEN: dict[str, Any] = {
    "prompt": "{query} {document} ?",
    "instruction": "judge",
    "relevant_token": "yes",
    "other_token": "no",
    "token_scale": 2.0,
}
KEPT = "a model that is loaded keeps its prompt and its tokens, got {}: give the model's folder"
PAIRS = [("what is a dog?", "a cat"), ("what is a dog?", "a dog is the cat")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_causal(tmp_path_factory.mktemp("causal") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> CrossEncoder:
    return CrossEncoder.from_pretrained(folder, **ASKED)


@pytest.fixture
def collection() -> Collection:
    documents = Texts.from_pairs(["d0", "d1"], [document for _, document in PAIRS])
    return Collection("tiny", Texts.from_pairs(["q"], [PAIRS[0][0]]), documents)


@pytest.fixture
def candidates() -> Candidates:
    return Candidates.from_dict({"q": {"d0": 2.0, "d1": 1.0}}, "score")


def test_every_field_is_tried() -> None:
    assert set(GIVEN) == set(ASKING)


@pytest.mark.parametrize("name", GIVEN)
def test_a_loaded_model_is_not_asked_otherwise(
    model: CrossEncoder, candidates: Candidates, collection: Collection, name: str
) -> None:
    given = {name: GIVEN[name]}
    for by in (rd.score, score_with_report, score_logits):
        with pytest.raises(UsageError, match=KEPT.format(name)):
            by(model, candidates, collection, **given)
    for ready in (model, object.__new__(ReadyModel)):
        with pytest.raises(UsageError, match=KEPT.format(name)):
            load_scorer(ready, ScoringSettings(**given))
    np.testing.assert_allclose(score(model, candidates, collection), model.predict(PAIRS), atol=1e-5)


def test_a_folder_is_asked_and_other_settings_hold_for_loaded_models(
    folder: Path, model: CrossEncoder, candidates: Candidates, collection: Collection
) -> None:
    scores = score(folder, candidates, collection, **ASKED)
    np.testing.assert_allclose(scores, model.predict(PAIRS), atol=1e-5)
    assert len(score(model, candidates, collection, batch_tokens=50, threads=1)) == len(PAIRS)


def test_loaded_teachers_and_experts_are_not_asked_otherwise(
    folder: Path, model: CrossEncoder, candidates: Candidates, collection: Collection, tmp_path: Path
) -> None:
    settings = ScoringSettings(**ASKED)
    plain = CrossEncoder(lively("bert"), make_tokenizer())
    read: list[Callable[[dict[str, Any]], Any]] = [
        lambda models: check_teachers(models, settings),
        lambda models: add_teachers(candidates, collection, models, settings),
        lambda models: score_experts(models, candidates, collection, settings),
        lambda models: dict(load_experts(models, settings)),
        lambda models: rd.distill(
            collection,
            candidates,
            models,
            CrossEncoder(make_model(), make_tokenizer()),
            objective="pointwise_mse(target)",
            scoring=settings,
            out=tmp_path / "out",
        ),
    ]
    for by in read:
        for models in ({"t1": model}, {"t1": model, "t2": folder}, {"t1": plain, "t2": model}):
            with pytest.raises(UsageError, match=KEPT.format("prompt, relevant_token, other_token")):
                by(models)
        with pytest.raises(UsageError, match=r"none of the models is a causal .* leave out prompt, relevant_token"):
            by({"t1": plain, "t2": plain})
    assert not (tmp_path / "out").exists()
    for scored in (
        add_teachers(candidates, collection, {"t1": plain, "t2": folder}, settings),
        score_experts({"t1": plain, "t2": folder}, candidates, collection, settings)[0],
    ):  # among several they are for the causal folder
        np.testing.assert_allclose(scored["t1"], plain.predict(PAIRS), atol=1e-5)
        np.testing.assert_allclose(scored["t2"], model.predict(PAIRS), atol=1e-5)


def test_recipes_whose_models_are_loaded_refuse_it_before_any_work(model: CrossEncoder, tmp_path: Path) -> None:
    settings, out, nothing = ScoringSettings(**GIVEN), tmp_path / "out", cast(Any, None)
    read: list[Callable[[], Any]] = [
        lambda: guide("base", {"e": model}, nothing, scoring=settings, out=out),
        lambda: rekindle(nothing, nothing, "base", {"e": model}, scoring=settings, out=out),
        lambda: Run.of(nothing, "teacher", "bilstm", out, scoring=settings),
    ]
    for by in read:
        with pytest.raises(UsageError, match=KEPT.format(", ".join(GIVEN))):
            by()
    with pytest.raises(UsageError, match="no expert is given that could be asked: leave out prompt, instruction"):
        experts_over(None, [], settings)
    assert not out.exists()


def test_a_measured_student_keeps_its_prompt(
    model: CrossEncoder, candidates: Candidates, collection: Collection, tmp_path: Path
) -> None:
    qrels = Candidates.from_dict({"q": {"d1": 1.0}}, "label")
    task = Task(replace(collection, qrels=qrels), candidates)
    measure_model(model, task, tmp_path, scoring=ScoringSettings(**GIVEN))
    written = candidates.join(read_run(tmp_path / "run.trec.gz"), "score")["score"]
    np.testing.assert_allclose(written, model.predict(PAIRS), atol=1e-5)


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize("command", ["score", "rerank"])
def test_commands_ask_the_folder_that_they_load(
    command: str, in_parts: bool, folder: Path, model: CrossEncoder, tmp_path: Path
) -> None:
    made = judged_collection(3, 6)
    data, run = write_collection(made, tmp_path / "data"), bm25(made, k=3)
    given, out = tmp_path / "bm25.trec", tmp_path / "out.trec"
    write_run(run, given, by="bm25")
    if in_parts:
        given, out = tmp_path / "parts", tmp_path / "out"
        write_parts(read_run(tmp_path / "bm25.trec"), given, 2)
    words = [command, "--model", str(folder), "--collection", str(data), "--run", str(given), "--out", str(out)]
    assert main([*words, "--prompt", PROMPT, "--relevant-token", "a", "--other-token", "the"]) == 0
    found = (read_parts if in_parts else read_run)(out)
    queries, documents = made.queries.take(found.row_query_ids), made.documents.take(found.doc_ids)
    np.testing.assert_allclose(found["score"], model.predict(list(zip(queries, documents, strict=True))), atol=1e-4)


def test_experts_over_parts_are_asked_when_they_are_loaded(folder: Path, model: CrossEncoder, tmp_path: Path) -> None:
    texts = [[first for first, _ in PAIRS], [second for _, second in PAIRS]]
    table = pa.table([pa.array(["0", "1"], pa.large_string()), *map(pa.array, texts)], SCHEMA.names).cast(SCHEMA)
    (tmp_path / "pairs").mkdir()
    pq.write_table(table, tmp_path / "pairs" / "00000.parquet")
    words = ["score", "--experts", f"e={folder}", "--collection", f"pairs:{tmp_path / 'pairs'}"]
    asked = ["--prompt", PROMPT, "--relevant-token", "a", "--other-token", "the"]
    assert main([*words, *asked, "--out", str(tmp_path / "out")]) == 0
    np.testing.assert_allclose(read_pairs(tmp_path / "out")["e"].to_numpy(), model.predict(PAIRS), atol=1e-4)


def test_a_classification_teacher_with_a_place_for_an_instruction_is_given_it(tmp_path: Path) -> None:
    collection = load_collection(f"glue:rte@{write_glue(tmp_path / 'glue')}")
    scored = collection.scored_pairs
    assert scored is not None
    base = write_causal(tmp_path / "qwen3-reranker")
    contract = ScoreContract.for_pairs(scored)
    folder = CrossEncoder.from_base(base, 2, contract=contract, labels=scored.classes).save(tmp_path / "teacher")
    lists = own_candidates(collection).take_queries(np.arange(8))
    given = ScoringSettings(instruction="find books")
    found = add_logits(lists, Task(collection, lists), {"t1": folder}, "target", given)
    pairs = list(
        zip(collection.queries.take(found.row_query_ids), collection.documents.take(found.doc_ids), strict=True)
    )
    plain, told = (CrossEncoder.from_pretrained(folder, **asked) for asked in ({}, {"instruction": "find books"}))
    logits = np.stack([found["t1.0"], found["t1.1"]], axis=1)
    np.testing.assert_allclose(logits, told.logits(pairs), atol=1e-5)
    assert np.abs(logits - plain.logits(pairs)).max() > 1e-3

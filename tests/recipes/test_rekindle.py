"""Guided pre-training and the whole cycle of knowledge rekindle, on tiny models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pair_tasks import write_glue
from tiny import WORDS, make_model, make_tokenizer

from rankdistill.cli.entry import main
from rankdistill.data import load_collection
from rankdistill.data.pair_parts import SCHEMA
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.recipes.guided import GuidedSettings, expert_columns, guide, guided_objective
from rankdistill.recipes.rekindle import RESULT
from rankdistill.training import TrainingSettings


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Forty pairs of sentences of five words, in two parts."""
    rng = np.random.default_rng(0)
    texts = [[" ".join(rng.choice(WORDS, 5)) for _ in range(40)] for _ in range(2)]
    table = pa.table([pa.array(map(str, range(40)), pa.large_string()), *map(pa.array, texts)], SCHEMA.names)
    (tmp_path / "pairs").mkdir()
    for number in range(2):
        pq.write_table(table.slice(20 * number, 20).cast(SCHEMA), tmp_path / "pairs" / f"{number:05}.parquet")
    return tmp_path / "pairs"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    CrossEncoder(make_model(), make_tokenizer(), max_length=32).save(tmp_path / "base")
    return tmp_path / "base"


def expert(base: Path, seed: int, n_logits: int, contract: ScoreContract, n_texts: int = 2) -> CrossEncoder:
    labels = [f"class{place}" for place in range(n_logits)]
    model = CrossEncoder.from_base(base, n_logits, contract=contract, seed=seed, labels=labels, n_texts=n_texts)
    with torch.no_grad():
        model.model.classifier.weight.mul_(50)
    return model


def experts(base: Path) -> dict[str, CrossEncoder]:
    return {
        "nli": expert(base, 1, 3, ScoreContract("classes", n_classes=3)),
        "sst": expert(base, 2, 2, ScoreContract("classes", n_classes=2), n_texts=1),
        "sts": expert(base, 3, 1, ScoreContract("sigmoid", scale=5.0)),
        "rank": expert(base, 4, 1, ScoreContract("logit")),
    }


def falls(folder: Path) -> bool:
    """Whether the last logged loss of a training is below the first."""
    log = [entry["loss"] for entry in json.loads((folder / "log.json").read_text()) if "loss" in entry]
    return log[-1] < log[0]


def test_experts_of_every_kind_score_the_pairs(base: Path, parts: Path, tmp_path: Path) -> None:
    pairs, models = load_collection(f"pairs:{parts}"), experts(base)
    scored = expert_columns(models, pairs)
    assert pairs.candidates is not None
    texts = [(pairs.queries[name], pairs.documents[name]) for name in pairs.candidates.query_ids.to_pylist()]
    for name, model in models.items():
        columns = [column for column in scored.columns if column == name or column.startswith(f"{name}.")]
        given = np.stack([scored[column] for column in columns], axis=1)
        reads = [first for first, _ in texts] if model.n_texts == 1 else texts
        expected = model.logits(reads) if model.contract.form == "classes" else model.predict(reads)[:, None]
        np.testing.assert_allclose(given, expected, atol=1e-5)


def test_the_objective_has_a_term_and_a_head_for_each_expert(base: Path) -> None:
    models = experts(base)
    assert str(guided_objective(models, GuidedSettings())) == (
        "kl(nli, head=nli) + kl(sst, head=sst) + similarity_mse(sts, head=sts, lowest=0.0, highest=5.0) + "
        "pointwise_mse(rank, head=rank) + mlm(shared=False)"
    )
    one = {"nli": models["nli"]}
    assert str(guided_objective(one, GuidedSettings(kd_reads="masked"))) == "kl(nli) + mlm(shared=True)"
    assert str(guided_objective(one, GuidedSettings(terms="kd"))) == "kl(nli)"
    assert str(guided_objective(models, GuidedSettings(terms="mlm"))) == "mlm(shared=False)"


def test_a_base_without_a_language_models_head_gets_one_that_is_trained_first(
    base: Path, parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = load_collection(f"pairs:{parts}")
    settings = GuidedSettings(guided_steps=4, guided_batch=8, head_steps=20)
    guide(base, experts(base), pairs, settings, TrainingSettings(logging_steps=1), out=tmp_path / "out")
    assert "has no head of a masked language model: one is trained first, for 20 updates" in capsys.readouterr().err
    log = [
        entry["loss"] for entry in json.loads((tmp_path / "out" / "head" / "log.json").read_text()) if "loss" in entry
    ]
    assert log[-1] < log[0]
    before, after = (CrossEncoder.from_pretrained(folder) for folder in (base, tmp_path / "out" / "head" / "model"))
    for name, weights in before.model.base_model.state_dict().items():
        assert np.array_equal(weights, after.model.base_model.state_dict()[name]), f"{name} was trained with the head"


def test_one_experts_head_is_the_students_own(base: Path, parts: Path, tmp_path: Path) -> None:
    pairs, teacher = load_collection(f"pairs:{parts}"), {"nli": experts(base)["nli"]}
    settings = GuidedSettings(guided_steps=60, guided_batch=16, head_steps=0, terms="kd", guided_learning_rate=5e-3)
    training = TrainingSettings(logging_steps=1)
    guided = guide(base, teacher, pairs, settings, training, out=tmp_path / "out")
    assert pairs.candidates is not None
    texts = [(pairs.queries[name], pairs.documents[name]) for name in pairs.candidates.query_ids.to_pylist()]
    log = [
        entry["loss"] for entry in json.loads((tmp_path / "out" / "guided" / "log.json").read_text()) if "loss" in entry
    ]
    assert log[-1] < log[0]
    assert guided.logits(texts).shape == (40, 3)


def rekindle(*more: object) -> int:
    words = ["rekindle", "--max-length", 16, "--epochs", 2, "--guided-steps", 3, "--guided-batch", 8, "--head-steps", 2]
    return main([str(word) for word in (*words, *more)])


def test_the_whole_cycle_ends_in_a_comparison_and_is_not_repeated(base: Path, parts: Path, tmp_path: Path) -> None:
    source, out = f"glue:rte@{write_glue(tmp_path / 'glue')}", tmp_path / "out"
    words = ["--task", source, "--data", parts, "--base", base, "--out", out, "--seeds", 2]
    assert rekindle(*words) == 0
    result = json.loads((out / RESULT).read_text())
    assert result["measure"] == "accuracy"
    assert result["difference"] == pytest.approx(result["rekindled"] - result["expert"])
    assert result["interval"][0] <= result["difference"] <= result["interval"][1]
    assert result["expert"] == pytest.approx(np.mean(result["values"]["expert"]))
    assert (result["examples"], result["pairs"], result["seeds"]) == (20, 40, [0, 1])
    written = {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")}
    assert len(written) == 6  # two experts, two rekindled models, the guided one, the one beside the head
    assert rekindle(*words) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")} == written
    assert json.loads((out / RESULT).read_text()) == result


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "absent"], "is a folder without parts|there is no"),
        (["--terms", "mse"], "terms"),
        (["--test-split", "absent"], "unknown split"),
    ],
)
def test_what_cannot_be_rekindled_is_refused(
    base: Path, parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    import re

    source = f"glue:rte@{write_glue(tmp_path / 'glue')}"
    given = {"--task": source, "--data": parts, "--base": base, "--out": tmp_path / "out"}
    given |= dict([options])
    assert rekindle(*(word for pair in given.items() for word in pair)) in (1, 2)
    assert re.search(said, capsys.readouterr().err)

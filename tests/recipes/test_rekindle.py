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
from tokenizers import Tokenizer

from rankdistill.cli.entry import main
from rankdistill.data import load_collection
from rankdistill.data.collection import own_candidates
from rankdistill.data.pair_parts import SCHEMA
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.recipes.finetune import own_settings
from rankdistill.recipes.guided import GuidedSettings, expert_columns, guide, guided_objective, pairs_read
from rankdistill.recipes.rekindle import RESULT
from rankdistill.tasks import Task
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
    told = capsys.readouterr().err
    assert "has no head of a masked language model: one is trained first, for 20 updates" in told
    log = [
        entry["loss"] for entry in json.loads((tmp_path / "out" / "head" / "log.json").read_text()) if "loss" in entry
    ]
    assert log[-1] < log[0]
    assert f"the new head's loss is {log[-1]:.2f} nats a masked token after 20 updates" in told
    before, after = (CrossEncoder.from_pretrained(folder) for folder in (base, tmp_path / "out" / "head" / "model"))
    for name, weights in before.model.base_model.state_dict().items():
        assert np.array_equal(weights, after.model.base_model.state_dict()[name]), f"{name} was trained with the head"


def test_a_guided_model_can_be_guided_again_by_its_own_language_model(
    base: Path, parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, settings = load_collection(f"pairs:{parts}"), GuidedSettings(guided_steps=2, guided_batch=8, head_steps=2)
    one = {"sts": experts(base)["sts"]}
    guide(base, one, pairs, settings, out=tmp_path / "first")
    capsys.readouterr()
    guide(tmp_path / "first" / "guided" / "model", one, pairs, settings, out=tmp_path / "second")
    assert "has no head" not in capsys.readouterr().err
    assert not (tmp_path / "second" / "head").exists()


def test_only_pairs_that_the_updates_reach_are_scored(
    base: Path, parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, settings = load_collection(f"pairs:{parts}"), GuidedSettings(guided_steps=3, guided_batch=8, terms="kd")
    guide(base, {"sts": experts(base)["sts"]}, pairs, settings, out=tmp_path / "out")
    told = capsys.readouterr().err
    assert "the guided training reads 24 of 40 pairs or lists" in told
    assert "scoring by sts: 24 pairs" in told
    read = [pairs_read(pairs, settings, TrainingSettings(seed=seed)).candidates for seed in (0, 0, 1)]
    names = [lists.query_ids.to_pylist() for lists in read if lists is not None]
    assert names[0] == names[1] != names[2]
    assert [len(set(each)) for each in names] == [24, 24, 24]
    assert pairs_read(pairs, GuidedSettings(guided_steps=5, guided_batch=8), TrainingSettings()) is pairs


def test_what_was_drawn_before_changes_nothing(base: Path, parts: Path, tmp_path: Path) -> None:
    """A call that goes on after a kill skips what is done, and has drawn less when it comes to the rest."""
    pairs, settings, results = load_collection(f"pairs:{parts}"), GuidedSettings(guided_steps=2, head_steps=2), []
    for name in ("one", "two"):
        torch.rand(1 if name == "one" else 7)
        guided = guide(base, {"sts": experts(base)["sts"]}, pairs, settings, out=tmp_path / name)
        results.append((guided.fingerprint(), (tmp_path / name / "head" / "masked_lm_head.safetensors").read_bytes()))
    assert results[0] == results[1]


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


def test_experts_may_have_a_vocabulary_of_their_own(base: Path, parts: Path, tmp_path: Path) -> None:
    """Each expert reads the texts by its own tokenizer, as do the student and the masked language model."""
    other = make_tokenizer()
    words = json.loads(other.backend_tokenizer.to_str())
    vocabulary = words["model"]["vocab"]
    ordinary = [word for word in vocabulary if not word.startswith("[")]
    places = [vocabulary[word] for word in ordinary]
    vocabulary.update(zip(ordinary, reversed(places), strict=True))
    other.backend_tokenizer.model = Tokenizer.from_str(json.dumps(words)).model
    model = expert(base, 1, 3, ScoreContract("classes", n_classes=3))
    foreign = CrossEncoder(model.model, other, model.contract, max_length=32)
    assert foreign.tokenizer.get_vocab() != model.tokenizer.get_vocab()
    pairs = load_collection(f"pairs:{parts}")
    assert pairs.candidates is not None
    scored = expert_columns({"own": model, "foreign": foreign}, pairs)
    texts = [(pairs.queries[name], pairs.documents[name]) for name in pairs.candidates.query_ids.to_pylist()]
    for name, each in (("own", model), ("foreign", foreign)):
        given = np.stack([scored[f"{name}.{place}"] for place in range(3)], axis=1)
        np.testing.assert_allclose(given, each.logits(texts), atol=1e-5)
    assert not np.allclose(scored["own.0"], scored["foreign.0"])
    settings = GuidedSettings(guided_steps=2, guided_batch=8, head_steps=0)
    guided = guide(base, {"foreign": foreign}, pairs, settings, out=tmp_path / "out")
    assert guided.tokenizer.get_vocab() == model.tokenizer.get_vocab()


def rekindle(*more: object) -> int:
    words = ["rekindle", "--max-length", 16, "--epochs", 2, "--guided-steps", 3, "--guided-batch", 8, "--head-steps", 2]
    return main([str(word) for word in (*words, *more)])


@pytest.mark.slow
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


@pytest.mark.slow
def test_pairs_that_hold_experts_scores_are_not_scored_again(
    base: Path, parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, scored = f"glue:rte@{write_glue(tmp_path / 'glue')}", tmp_path / "scored"
    models = {name: each.save(tmp_path / name) for name, each in experts(base).items() if name in ("nli", "sts")}
    words = [f"{name}={folder}" for name, folder in models.items()]
    assert main(["score", "--experts", *words, "--collection", f"pairs:{parts}", "--out", str(scored)]) == 0
    given = ["--task", source, "--base", base, "--keep-steps", 1, 3]
    assert rekindle(*given, "--data", scored, "--out", tmp_path / "stored") == 0
    told = capsys.readouterr().err
    assert f"experts: nli, sts, whose scores are in {scored}" in told
    assert "scoring by nli" not in told
    assert rekindle(*given, "--data", parts, "--experts", *words, "--out", tmp_path / "fresh") == 0
    assert "scoring by nli" in capsys.readouterr().err
    results = [json.loads((tmp_path / name / RESULT).read_text()) for name in ("stored", "fresh")]
    assert [each["experts"] for each in results] == [["nli", "sts"]] * 2
    for step in (1, 3):
        weights = [
            CrossEncoder.from_pretrained(tmp_path / name / "guided" / "steps" / str(step)).model.state_dict()
            for name in ("stored", "fresh")
        ]
        for name, tensor in weights[0].items():
            torch.testing.assert_close(tensor, weights[1][name], rtol=0, atol=1e-4)
    one = [f"sts={models['sts']}", "--data", scored, "--out", tmp_path / "one"]
    assert rekindle(*given, "--experts", *one) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert f"{models['sts']}: its scores are in {scored}, under the name sts" in told
    assert json.loads((tmp_path / "one" / RESULT).read_text())["experts"] == ["sts"]
    assert rekindle(*given, "--experts", f"sts={models['nli']}x", "--data", scored, "--out", tmp_path / "no") == 1
    other = [f"sts={base}", "--data", scored, "--out", tmp_path / "no"]
    assert rekindle(*given, "--experts", *other) == 2
    assert "has scores of another expert 'sts'" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--keep-steps", "9"], "keep_steps must be from 1 to the 3 guided_steps, got 9"),
        (["--guided-warmup-ratio", "1.5"], "guided_warmup_ratio is a share"),
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
    assert not list((tmp_path / "out").rglob("*.safetensors"))


def test_a_base_that_cannot_learn_the_language_is_refused_before_any_training(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CrossEncoder(make_model("qwen3"), make_tokenizer(), max_length=32).save(tmp_path / "base")
    given = ["--task", f"glue:rte@{write_glue(tmp_path / 'glue')}", "--data", parts, "--out", tmp_path / "out"]
    assert rekindle(*given, "--base", tmp_path / "base") == 1
    assert "has no masked language model" in " ".join(capsys.readouterr().err.split())
    assert not list((tmp_path / "out").rglob("*.safetensors"))


def test_settings_of_a_task_are_its_own(tmp_path: Path) -> None:
    collection = load_collection(f"glue:rte@{write_glue(tmp_path / 'glue')}")
    task = Task(collection, own_candidates(collection))
    own = own_settings(task, TrainingSettings(seed=3))
    assert (own.learning_rate, own.epochs, own.lists_per_batch, own.seed) == (2e-5, 4, 64, 3)

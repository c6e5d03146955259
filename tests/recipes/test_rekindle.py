"""Guided pre-training and the whole cycle of knowledge rekindle, on tiny models."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pair_tasks import write_glue
from safetensors.torch import load_file, save_file
from tiny import WORDS, make_model, make_tokenizer
from tokenizers import Tokenizer

from rankdistill.cli.entry import main
from rankdistill.data import load_collection
from rankdistill.data.collection import own_candidates
from rankdistill.data.pair_parts import SCHEMA
from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.expert import Expert
from rankdistill.models.untrained import ENTRY
from rankdistill.recipes.finetune import own_settings
from rankdistill.recipes.guided import check_guiding, expert_columns, guide, guided_objective, like, pairs_read
from rankdistill.recipes.guided_settings import UNUSED, GuidedSettings, Terms
from rankdistill.recipes.rekindle import RESULT
from rankdistill.recipes.rekindle import rekindle as rekindled
from rankdistill.scoring.settings import ScoringSettings
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
    settings = GuidedSettings(guided_steps=60, guided_batch=16, terms="kd", guided_learning_rate=5e-3)
    training = TrainingSettings(logging_steps=1)
    guided = guide(base, teacher, pairs, settings, training, out=tmp_path / "out")
    assert pairs.candidates is not None
    texts = [(pairs.queries[name], pairs.documents[name]) for name in pairs.candidates.query_ids.to_pylist()]
    log = [
        entry["loss"] for entry in json.loads((tmp_path / "out" / "guided" / "log.json").read_text()) if "loss" in entry
    ]
    assert log[-1] < log[0]
    assert guided.logits(texts).shape == (40, 3)


UNTRAINED = "its head is not trained, so that its scores mean nothing"


@pytest.mark.parametrize(("names", "terms"), [(("nli", "sst"), "kd+mlm"), (("nli",), "mlm")])
def test_a_head_that_nothing_trained_is_marked_and_drawn_anew_by_the_seed_of_the_next_training(
    base: Path, parts: Path, tmp_path: Path, names: tuple[str, ...], terms: Terms
) -> None:
    """MoEGP learns by heads beside the model's own, and the language alone by none."""
    pairs, known, folder = load_collection(f"pairs:{parts}"), experts(base), tmp_path / "out" / "guided"
    settings = GuidedSettings(guided_steps=2, guided_batch=8, terms=terms, head_steps=2, keep_steps=(1,))
    guide(base, {name: known[name] for name in names}, pairs, settings, out=tmp_path / "out")
    for each in (folder / "model", folder / "steps" / "1", tmp_path / "out" / "head" / "model"):
        with pytest.warns(UserWarning, match=UNTRAINED):
            guided = CrossEncoder.from_pretrained(each)
    own = guided.model.classifier.weight
    starts = [like(known["nli"], folder / "model", seed=seed) for seed in (1, 1, 2)]
    heads = [start.model.classifier.weight for start in starts]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert not torch.equal(heads[0], own)
    assert starts[2].contract == known["nli"].contract
    trained = CrossEncoder.from_base(folder / "model", 3, contract=known["nli"].contract).model.state_dict()
    for name, weights in starts[2].model.state_dict().items():
        assert "classifier" in name or torch.equal(weights, trained[name]), f"{name} was drawn anew with the head"


def test_a_pooler_that_the_base_lacks_is_drawn_anew_with_the_head(base: Path, parts: Path, tmp_path: Path) -> None:
    known, bare = experts(base), tmp_path / "bare"
    CrossEncoder.from_base(base).save(bare)
    file = bare / "model.safetensors"
    save_file({name: each for name, each in load_file(file).items() if "pooler" not in name}, file, {"format": "pt"})
    (bare / "checksums.json").unlink()
    settings, out = GuidedSettings(guided_steps=1, guided_batch=8, head_steps=0), tmp_path / "out"
    guide(bare, {name: known[name] for name in ("nli", "sst")}, load_collection(f"pairs:{parts}"), settings, out=out)
    one, other = (like(known["nli"], out / "guided" / "model", seed=seed).model.state_dict() for seed in (0, 1))
    differ = {name for name in one if not torch.equal(one[name], other[name])}
    assert differ == {"bert.pooler.dense.weight", "classifier.weight"}


def test_a_head_that_was_trained_before_is_no_untrained_one(base: Path, parts: Path, tmp_path: Path) -> None:
    """A trained base keeps its head, which all seeds go on from."""
    known, settings = experts(base), GuidedSettings(guided_steps=1, guided_batch=8, terms="mlm", head_steps=0)
    known["nli"].save(tmp_path / "trained")
    guide(
        tmp_path / "trained", {"nli": known["nli"]}, load_collection(f"pairs:{parts}"), settings, out=tmp_path / "out"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        guided = CrossEncoder.from_pretrained(tmp_path / "out" / "guided" / "model")
    start = like(known["nli"], tmp_path / "out" / "guided" / "model", seed=5)
    assert torch.equal(start.model.classifier.weight, guided.model.classifier.weight)
    assert torch.equal(start.model.classifier.weight, known["nli"].model.classifier.weight)


def test_a_training_of_the_head_takes_the_mark_away(base: Path, parts: Path, tmp_path: Path) -> None:
    known, pairs = experts(base), load_collection(f"pairs:{parts}")
    alone = GuidedSettings(guided_steps=1, guided_batch=8, terms="mlm", head_steps=0)
    guide(base, {"nli": known["nli"]}, pairs, alone, out=tmp_path / "language")
    again = GuidedSettings(guided_steps=1, guided_batch=8, terms="kd")
    guide(tmp_path / "language" / "guided" / "model", {"nli": known["nli"]}, pairs, again, out=tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not CrossEncoder.from_pretrained(tmp_path / "out" / "guided" / "model").untrained
    assert ENTRY not in json.loads((tmp_path / "out" / "guided" / "model" / "config.json").read_text())


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
        (["--guided-learning-rate", "5"], "guided_learning_rate must be at most 1, got 5"),
        (["--guided-learning-rate", "0"], "guided_learning_rate must be above 0, got 0"),
        (["--guided-learning-rate", "-1"], "guided_learning_rate must be above 0, got -1"),
        (["--scoring.passages", "max"], "passages must be 'first', got 'max'"),
        (["--terms", "kd"], "head_steps would not change: leave it out, or take terms 'kd.mlm'"),
        (["--keep-steps", "9"], "keep_steps must be from 1 to the 3 guided_steps, got 9"),
        (["--guided-warmup-ratio", "1.5"], "guided_warmup_ratio must be at most 1, got 1.5"),
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
    assert re.search(said, " ".join(capsys.readouterr().err.replace("│", " ").split()))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"guided_learning_rate": 5.0}, "guided_learning_rate must be at most 1"),
        ({"guided_learning_rate": float("nan")}, "guided_learning_rate must be above 0"),
        ({"guided_steps": 0}, "guided_steps must be at least 1"),
        ({"guided_batch": 0.5}, "guided_batch must be a whole number"),
        ({"guided_save_steps": -1}, "guided_save_steps must be at least 0"),
        ({"head_steps": -1}, "head_steps must be at least 0"),
        ({"mlm_weight": 0}, "mlm_weight must be at least"),
        ({"expert_weights": (1.0, -1.0)}, "an expert's weight must be at least"),
        ({"kd_reads": "half"}, "text that the student reads"),
        ({"terms": "kd", "kd_reads": "masked"}, "which kd_reads would not change: leave it out"),
        ({"terms": "kd", "mlm_weight": 0.5, "head_steps": 3}, "which mlm_weight, head_steps would not change"),
        ({"terms": "mlm", "expert_weights": (3.0,)}, "the language alone, which expert_weights would not change"),
        ({"terms": "mlm", "kd_reads": "masked"}, "the language alone, which kd_reads would not change"),
    ],
)
def test_settings_that_cannot_be_or_have_no_effect_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        GuidedSettings(**settings)


@pytest.mark.parametrize("terms", get_args(Terms))
def test_settings_of_other_terms_keep_what_these_have_a_use_for(terms: Terms) -> None:
    given = GuidedSettings(guided_steps=7, mlm_weight=0.5, kd_reads="masked", head_steps=3, expert_weights=(2.0,))
    other = given.with_terms(terms)
    assert (other.guided_steps, other.terms) == (7, terms)
    for name in ("mlm_weight", "kd_reads", "head_steps", "expert_weights"):
        assert getattr(other, name) == getattr(GuidedSettings if name in UNUSED[terms] else given, name), name


@pytest.mark.parametrize("given", ["pairs", "scores", "passages"])
def test_what_the_experts_cannot_score_is_refused_before_the_first_training(
    base: Path, parts: Path, tmp_path: Path, given: str
) -> None:
    collection, pairs, known = load_collection(f"glue:rte@{write_glue(tmp_path / 'glue')}"), parts, experts(base)
    unlabelled, task = load_collection(f"pairs:{pairs}"), Task(collection, own_candidates(collection))
    guides: dict[str, Any] = {"nli": known["nli"]}
    more: dict[str, Any] = {}
    said = "pairs has no pairs: expected"
    if given == "pairs":
        unlabelled = replace(unlabelled, candidates=None)
    elif given == "scores":
        guides, said = {"nli": Expert.of(known["nli"])}, "lacks scores in the column 'nli.0'"
    else:
        more, said = {"scoring": ScoringSettings(passages="mean")}, "passages must be 'first', got 'mean'"
    for call in (
        lambda: rekindled(task, unlabelled, base, guides, out=tmp_path / "out", **more),
        lambda: guide(base, guides, unlabelled, out=tmp_path / "out", **more),
    ):
        with pytest.raises((DataError, UsageError), match=said):
            call()
        assert not (tmp_path / "out").exists()


def test_passages_are_no_matter_where_no_expert_scores(base: Path, parts: Path) -> None:
    """Experts whose scores the pairs hold, and the language alone."""
    known, pairs, long = experts(base), load_collection(f"pairs:{parts}"), ScoringSettings(passages="max")
    nothing: tuple[Any, ...] = (TrainingSettings(), long)
    check_guiding({"sts": known["sts"], "rank": known["rank"]}, pairs, GuidedSettings(), *nothing)
    check_guiding({"nli": known["nli"]}, pairs, GuidedSettings(terms="mlm"), *nothing)
    assert pairs.candidates is not None
    scores = dict.fromkeys(["nli.0", "nli.1", "nli.2"], np.zeros(40, np.float32))
    scored = replace(pairs, candidates=pairs.candidates.with_columns(scores))
    check_guiding({"nli": Expert.of(known["nli"])}, scored, GuidedSettings(), *nothing)


def test_layers_of_a_base_that_cannot_learn_the_language_imitate_nothing(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CrossEncoder(make_model("qwen3"), make_tokenizer(), max_length=32).save(tmp_path / "base")
    given = ["--task", f"glue:rte@{write_glue(tmp_path / 'glue')}", "--data", parts, "--out", tmp_path / "out"]
    assert rekindle(*given, "--base", tmp_path / "base", "--layers", 0, 1) == 1
    assert "has no masked language model" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


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

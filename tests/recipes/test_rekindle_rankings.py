"""UEGP for ranking: experts' scores of whole lists, eq. 8 and 9 with a masked language model; experts of every kind."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import WORDS, judged_collection, lively, make_tokenizer, write_collection

from rankdistill.cli.entry import main
from rankdistill.data import Candidates, Collection, Texts, load_collection, write_run
from rankdistill.data.query_lists import write_lists
from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.masked_lm import MaskedLMHead, save_masked_lm_head
from rankdistill.recipes import guided_settings
from rankdistill.recipes.guided import expert_columns, guide, guided_objective
from rankdistill.recipes.guided_settings import GuidedSettings
from rankdistill.recipes.rekindle import RESULT
from rankdistill.retrieval.bm25 import bm25
from rankdistill.training import TrainingSettings
from rankdistill.training.list_trainer import ListTrainer

FLOAT32 = TrainingSettings(dtype="float32", logging_steps=1)
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An encoder without dropout, so that the first loss can be computed by hand, with a language model's head."""
    model = CrossEncoder(lively("bert", **NO_DROPOUT), make_tokenizer(), max_length=32)
    model.save(tmp_path / "base")
    save_masked_lm_head(MaskedLMHead(model.model), tmp_path / "base")
    return tmp_path / "base"


def expert(base: Path, seed: int, n_logits: int, contract: ScoreContract) -> CrossEncoder:
    labels = [f"class{place}" for place in range(n_logits)]
    model = CrossEncoder.from_base(base, n_logits, contract=contract, seed=seed, labels=labels)
    with torch.no_grad():
        model.model.classifier.weight.normal_(std=1.0, generator=torch.Generator().manual_seed(seed))
    return model


def ranker(base: Path) -> CrossEncoder:
    return expert(base, 4, 1, ScoreContract("logit"))


def mixture(base: Path) -> dict[str, CrossEncoder]:
    return {
        "nli": expert(base, 1, 3, ScoreContract("classes", n_classes=3)),
        "sts": expert(base, 3, 1, ScoreContract("sigmoid", scale=5.0)),
        "rank": ranker(base),
    }


@pytest.fixture
def lists() -> Collection:
    """Twelve queries with lists of 2 to 6 candidates, which nobody judged."""
    rng = np.random.default_rng(0)
    queries = {f"u{i}": " ".join(rng.choice(WORDS, 3)) for i in range(12)}
    documents = {f"p{i}": " ".join(rng.choice(WORDS, 7)) for i in range(30)}
    rows = [(query, f"p{(7 * i + j) % 30}") for i, query in enumerate(queries) for j in range(2 + i % 5)]
    return Collection(
        "log",
        Texts.from_pairs(list(queries), list(queries.values())),
        Texts.from_pairs(list(documents), list(documents.values())),
        candidates=Candidates.from_rows([query for query, _ in rows], [document for _, document in rows]),
    )


def texts(collection: Collection) -> list[list[tuple[str, str]]]:
    """The pairs of every list."""
    assert collection.candidates is not None
    return [
        [(collection.queries[each.query_id], collection.documents[document]) for document in each.doc_ids]
        for each in collection.candidates.queries()
    ]


def log(folder: Path) -> list[dict[str, Any]]:
    return [entry for entry in json.loads((folder / "log.json").read_text()) if "loss" in entry]


def one_update(
    base: Path, experts: dict[str, CrossEncoder], lists: Collection, out: Path, **more: Any
) -> dict[str, Any]:
    """What is logged of one update on all lists, before anything is learned."""
    settings = GuidedSettings(**{"guided_steps": 1, "guided_batch": 72, **more})
    guide(base, experts, lists, settings, FLOAT32, out=out)
    return log(out / "guided")[0]


def test_the_losses_over_lists_are_eq_8_and_9(base: Path, lists: Collection, tmp_path: Path) -> None:
    teacher, student = ranker(base), CrossEncoder.from_base(base, max_length=32)
    logged = one_update(base, {"rank": teacher}, lists, tmp_path / "out", terms="kd")
    pointwise: list[float] = []
    pairwise: list[float] = []
    for pairs in texts(lists):
        ours, theirs = (model.predict(pairs).astype(np.float64) for model in (student, teacher))
        for i in range(len(pairs)):
            pointwise.append((ours[i] - theirs[i]) ** 2)
            for j in range(len(pairs)):
                if j != i:
                    pairwise.append(((ours[i] - ours[j]) - (theirs[i] - theirs[j])) ** 2)
    assert logged["pointwise_mse(rank)"] == pytest.approx(np.mean(pointwise), rel=1e-4)
    assert logged["pairwise_mse(rank)"] == pytest.approx(np.mean(pairwise), rel=1e-4)
    assert logged["loss"] == pytest.approx(np.mean(pointwise) + np.mean(pairwise), rel=1e-4)


def test_experts_of_every_kind_are_mixed_over_lists_each_logged_alone(
    base: Path, lists: Collection, tmp_path: Path
) -> None:
    experts, weights = mixture(base), (0.5, 2.0, 3.0)
    logged = one_update(base, experts, lists, tmp_path / "out", expert_weights=weights, mlm_weight=0.25)
    terms = {
        "kl(nli, head=nli)": 0.5,
        "similarity_mse(sts, head=sts)": 2.0,
        "pointwise_mse(rank, head=rank)": 3.0,
        "pairwise_mse(rank, head=rank)": 3.0,
        "mlm()": 0.25,
    }
    assert set(terms) <= set(logged)
    assert logged["loss"] == pytest.approx(sum(weight * logged[name] for name, weight in terms.items()), rel=1e-5)
    scored = expert_columns(experts, lists)
    pairs = [pair for each in texts(lists) for pair in each]
    np.testing.assert_allclose(scored["rank"], experts["rank"].predict(pairs), atol=1e-5)
    np.testing.assert_allclose(scored["nli.2"], experts["nli"].logits(pairs)[:, 2], atol=1e-5)


def test_two_logits_are_learned_as_their_margin_by_one_logit(base: Path, lists: Collection, tmp_path: Path) -> None:
    for form in ("margin", "probability"):
        teacher = expert(base, 6, 2, ScoreContract(form, relevant=0))
        scored = expert_columns({"two": teacher}, lists)["two"]
        logits = teacher.logits([pair for each in texts(lists) for pair in each])
        np.testing.assert_allclose(scored, logits[:, 0] - logits[:, 1], atol=1e-5)
        settings = GuidedSettings(guided_steps=1, guided_batch=8, terms="kd")
        student = guide(base, {"two": teacher}, lists, settings, FLOAT32, out=tmp_path / form)
        assert student.contract == ScoreContract("logit")


def test_pairs_alone_have_no_differences_to_learn(base: Path) -> None:
    experts = {"rank": ranker(base)}
    assert str(guided_objective(experts, GuidedSettings(terms="kd"))) == "pointwise_mse(rank)"
    over_lists = guided_objective(experts, GuidedSettings(terms="kd"), lists=True)
    assert str(over_lists) == "pointwise_mse(rank) + pairwise_mse(rank)"


@pytest.mark.parametrize(
    ("batch", "size", "expected"),
    [(200, 0, (6, 33)), (200, 4, (4, 50)), (5, 0, (5, 1)), (6, 0, (6, 1)), (1, 0, (2, 1)), (12, 0, (6, 2))],
)
def test_a_batch_holds_whole_lists_and_no_more_pairs_than_asked(
    lists: Collection, batch: int, size: int, expected: tuple[int, int]
) -> None:
    assert lists.candidates is not None
    settings = GuidedSettings(guided_steps=7, guided_batch=batch, guided_list_size=size)
    training = settings.training(FLOAT32, lists.candidates, compared=True)
    assert (training.list_size, training.lists_per_batch) == expected
    assert training.epochs * 12 >= 7 * training.lists_per_batch, "the lists last for all updates"


def test_a_killed_guided_training_over_lists_ends_as_an_uninterrupted_one(
    base: Path, lists: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guided_settings, "GUIDED", replace(guided_settings.GUIDED, save_steps=2))
    experts = mixture(base)
    settings = GuidedSettings(guided_steps=5, guided_batch=12)

    def run(name: str) -> CrossEncoder:
        return guide(base, experts, lists, settings, FLOAT32, out=tmp_path / name)

    whole, save = run("whole"), ListTrainer._save_checkpoint

    def killed(self: ListTrainer, *given: Any) -> None:
        save(self, *given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ListTrainer, "_save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            run("killed")
    resumed = run("killed")
    for name, weights in whole.model.state_dict().items():
        assert torch.equal(weights, resumed.model.state_dict()[name]), name
    times = ("train_runtime", "train_samples_per_second", "train_steps_per_second")
    logs = [json.loads((tmp_path / name / "guided" / "log.json").read_text()) for name in ("whole", "killed")]
    one, other = ([{k: v for k, v in entry.items() if k not in times} for entry in each] for each in logs)
    assert one == other


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A folder collection with hashed splits, and a run of BM25's ten best beside it."""
    collection = judged_collection()
    folder = write_collection(collection, tmp_path / "data")
    write_run(bm25(collection, k=10), tmp_path / "bm25.trec", "bm25")
    (tmp_path / "log.tsv").write_text("".join(f"n{i}\t{WORDS[i]} {WORDS[i + 1]}\n" for i in range(8)))
    return folder


def rekindle(*more: object) -> int:
    words = ["rekindle", "--max-length", 16, "--epochs", 2, "--guided-steps", 3, "--guided-batch", 8, "--head-steps", 2]
    return main([str(word) for word in (*words, "--logging-steps", 1, *more)])


@pytest.mark.slow
@pytest.mark.parametrize("with_run", [True, False])
def test_the_cycle_of_a_ranking_ends_in_its_measures_and_is_not_repeated(
    base: Path, task: Path, tmp_path: Path, with_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    lists, out = tmp_path / "log.lists", tmp_path / "out"
    words = ["--collection", task, "--queries", tmp_path / "log.tsv", "--k", 5, "--lists", "--out", lists]
    assert main(["retrieve", *map(str, words)]) == 0
    words = ["--task", task, "--data", lists, "--base", base, "--out", out, "--seeds", 2]
    words += ["--measures", "PNR", "nDCG@10"]
    words += ["--run", tmp_path / "bm25.trec"] if with_run else []
    assert rekindle(*words) == 0
    told = capsys.readouterr().err
    assert ("no --run: the candidates are BM25's 100 best for 60 judged queries" in told) != with_run
    result = json.loads((out / RESULT).read_text())
    assert list(result["measures"]) == ["PNR", "nDCG@10"]
    known = result["measures"]["nDCG@10"]
    assert known["difference"] == pytest.approx(known["rekindled"] - known["expert"])
    assert known["interval"][0] <= known["difference"] <= known["interval"][1]
    assert 0 <= known["p_value"] <= 1
    held_out = load_collection(task).split("test")
    assert result["examples"] == len(held_out)
    assert result["pairs"] == len(load_collection(f"lists:{lists}").candidates)
    for name in ("expert0", "expert1", "rekindled0", "rekindled1"):
        assert "nDCG@10" in json.loads((out / name / "metrics.json").read_text())
    first = log(out / "guided")[0]
    assert {"pointwise_mse(expert)", "pairwise_mse(expert)", "mlm()"} <= set(first)
    written = {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")}
    assert rekindle(*words) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")} == written
    assert json.loads((out / RESULT).read_text()) == result


def test_layers_that_are_kept_are_those_of_expert_and_guided_model(base: Path, task: Path, tmp_path: Path) -> None:
    lists, out = tmp_path / "lists", tmp_path / "out"
    collection = load_collection(task)
    write_lists(bm25(collection, k=4).take_queries(slice(0, 8)), collection, lists)
    words = ["--task", task, "--data", lists, "--base", base, "--out", out, "--run", tmp_path / "bm25.trec"]
    assert rekindle(*words, "--layers", 0, 3) == 0
    for name in ("expert0", "guided", "rekindled0"):
        model = CrossEncoder.from_pretrained(out / name / "model").model
        assert model.config.num_hidden_layers == 2, name


@pytest.mark.slow
def test_lists_that_hold_scores_guide_as_experts_that_score_them(
    base: Path, task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collection, lists, scored = load_collection(task), tmp_path / "lists", tmp_path / "scored"
    write_lists(bm25(collection, k=4).take_queries(slice(0, 8)), collection, lists, queries_per_part=3)
    for name, model in mixture(base).items():
        model.save(tmp_path / name)
    experts = ["--experts", *(f"{name}={tmp_path / name}" for name in mixture(base))]
    assert main(["score", *experts, "--collection", f"lists:{lists}", "--out", str(scored)]) == 0
    words = ["--task", task, "--base", base, "--run", tmp_path / "bm25.trec", "--dtype", "float32"]
    assert rekindle(*words, "--data", lists, *experts, "--out", tmp_path / "fresh") == 0
    capsys.readouterr()
    assert rekindle(*words, "--data", scored, "--out", tmp_path / "stored") == 0
    told = " ".join(capsys.readouterr().err.split())
    assert f"experts: nli, sts, rank, whose scores are in {scored / 'lists'}" in told
    assert not list((tmp_path / "stored" / "scores").glob("*"))
    for fresh, stored in zip(log(tmp_path / "fresh" / "guided"), log(tmp_path / "stored" / "guided"), strict=True):
        terms = [name for name in fresh if "(" in name]
        assert len(terms) == 5
        assert {name: stored[name] for name in terms} == pytest.approx({name: fresh[name] for name in terms}, rel=1e-4)
    measures = [json.loads((tmp_path / name / RESULT).read_text())["measures"] for name in ("fresh", "stored")]
    assert measures[1]["nDCG@10"]["rekindled"] == pytest.approx(measures[0]["nDCG@10"]["rekindled"], abs=1e-2)


@pytest.mark.slow
def test_experts_of_other_kinds_guide_a_ranking(base: Path, task: Path, tmp_path: Path) -> None:
    collection, out = load_collection(task), tmp_path / "out"
    models = mixture(base)
    for name, model in models.items():
        model.save(tmp_path / name)
    write_run(bm25(collection, k=4).take_queries(slice(0, 8)), tmp_path / "few.trec", "bm25")
    words = ["--task", task, "--data", task, "--data-run", tmp_path / "few.trec", "--run", tmp_path / "bm25.trec"]
    words += ["--base", base, "--out", out, "--experts", *(tmp_path / name for name in models)]
    assert rekindle(*words, "--expert-weights", 1, 0.5, 2) == 0
    logged = log(out / "guided")[0]
    assert {"kl(e1, head=e1)", "similarity_mse(e2, head=e2)", "pairwise_mse(e3, head=e3)", "mlm()"} <= set(logged)
    assert CrossEncoder.from_pretrained(out / "rekindled0" / "model").contract == ScoreContract("logit")
    one = ["--task", task, "--data", task, "--data-run", tmp_path / "few.trec", "--run", tmp_path / "bm25.trec"]
    one += ["--base", base, "--out", tmp_path / "one", "--experts", tmp_path / "nli"]
    assert rekindle(*one) == 0
    assert "kl(e1, head=e1)" in log(tmp_path / "one" / "guided")[0], "a head beside the ranking's own"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "TASK"], "is a collection without candidates: give its unlabelled lists by --data-run"),
        (["--data", "absent"], "is a folder without parts|there is no"),
        (["--expert-weights", "1", "2"], "got 2 expert weights for 1 experts: give one for each"),
        (["--expert-weights", "0"], "weight"),
        (["--guided-list-size", "1"], "guided_list_size must be at least 2, or 0, got 1"),
        (["--test-split", "absent"], "unknown split"),
        (["--measures", "nDGC@10"], "'nDGC'"),
        (["--run", "absent.trec"], "absent.trec"),
    ],
)
def test_what_cannot_be_rekindled_is_refused_before_any_training(
    base: Path, task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    collection = load_collection(task)
    write_lists(bm25(collection, k=4).take_queries(slice(0, 8)), collection, tmp_path / "lists")
    given: dict[str, list[object]] = {"--task": [task], "--data": [tmp_path / "lists"], "--base": [base]}
    given |= {"--out": [tmp_path / "out"], "--run": [tmp_path / "bm25.trec"]}
    given |= {options[0]: [str(task) if word == "TASK" else word for word in options[1:]]}
    assert rekindle(*(word for name, words in given.items() for word in (name, *words))) in (1, 2)
    assert re.search(said, " ".join(capsys.readouterr().err.split()))
    assert not list((tmp_path / "out").rglob("model.safetensors"))


def test_a_run_is_not_for_scored_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pair_tasks import write_glue

    source = f"glue:rte@{write_glue(tmp_path / 'glue')}"
    (tmp_path / "x.trec").write_text("q Q0 d 1 1.0 x\n")
    words = ["--task", source, "--data", tmp_path, "--out", tmp_path / "out", "--run", tmp_path / "x.trec"]
    assert rekindle(*words) == 2
    assert "--run is for rankings" in capsys.readouterr().err


def test_a_weight_too_many_is_refused(base: Path, lists: Collection, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="got 2 expert weights for 3 experts"):
        guide(base, mixture(base), lists, GuidedSettings(expert_weights=(1.0, 2.0)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()

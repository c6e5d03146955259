"""What kind an expert is: stated by its config, by the task's classes, or by the user; else a ranker, which is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from public_models import PAIRS, RTE, classification, public
from tiny import lively, make_tokenizer

from rankdistill.cli.entry import main
from rankdistill.cli.experts import experts_over
from rankdistill.cluster import score_lists
from rankdistill.data import Candidates, Collection, Texts, load_collection
from rankdistill.data.query_lists import LISTS, write_lists
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.models import CrossEncoder, ScoreContract, as_one_logit
from rankdistill.models.expert import Expert
from rankdistill.recipes.guided import guide, guided_objective
from rankdistill.recipes.guided_settings import GuidedSettings
from rankdistill.scoring.experts import load_experts, score_experts, stored_experts
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.training import TrainingSettings


def loaded(folder: Path, *, named: bool = False, classes: tuple[str, ...] = ()) -> CrossEncoder:
    [(_, model)] = load_experts({"e": folder}, ScoringSettings(), ["e"] if named else [], classes)
    return model


def test_two_logits_are_a_rankers_unless_something_says_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, classes = public(tmp_path / "rte", RTE), ScoreContract("classes", n_classes=2)
    assert loaded(folder).contract == ScoreContract("margin", relevant=0)
    said = capsys.readouterr().err
    assert "the expert e is taken as a ranker, by the margin of its two logits, of which 'entailment' means" in said
    assert "say so by --classifiers e" in said
    assert loaded(folder, named=True).contract == classes
    assert loaded(folder, classes=RTE[::-1]).contract == classes
    assert loaded(folder, classes=("negative", "positive")).contract.form == "margin"
    counted = public(tmp_path / "counted", ["LABEL_0", "LABEL_1"])
    assert loaded(counted, classes=RTE).contract.form == "margin"
    capsys.readouterr()
    stated = loaded(folder).save(tmp_path / "stated")
    assert loaded(stated).contract == ScoreContract("margin", relevant=0)
    assert loaded(stated, named=True).contract == classes
    assert "taken as a ranker" not in capsys.readouterr().err


def test_three_logits_are_a_classifiers_and_one_is_none(tmp_path: Path) -> None:
    three = loaded(public(tmp_path / "nli", ["contradiction", "entailment", "neutral"]))
    assert three.contract == ScoreContract("classes", n_classes=3)
    with pytest.raises(UsageError, match="the expert e is no classifier: its model has one logit"):
        loaded(public(tmp_path / "one", ["LABEL_0"]), named=True)
    with pytest.raises(UnknownNameError, match="unknown expert among the classifiers 'rte'"):
        list(load_experts({"e": "absent"}, ScoringSettings(), ["rte"]))


def test_what_a_student_learns_follows_the_kind(tmp_path: Path) -> None:
    folder = public(tmp_path / "rte", RTE)
    settings = GuidedSettings(terms="kd")
    assert str(guided_objective({"e": loaded(folder)}, settings)) == "pointwise_mse(e)"
    assert str(guided_objective({"e": loaded(folder, named=True)}, settings)) == "kl(e)"
    assert str(guided_objective({"e": loaded(folder, classes=RTE)}, settings)) == "kl(e)"


def test_experts_over_the_pairs_of_a_task_may_be_of_any_other(tmp_path: Path) -> None:
    task = classification("negative", "positive")
    similarity = CrossEncoder.from_pretrained(public(tmp_path / "one", ["LABEL_0"])).with_contract(
        ScoreContract("sigmoid", scale=5.0)
    )
    folders = {"rte": public(tmp_path / "rte", RTE), "sts": similarity.save(tmp_path / "sts")}
    columns, _ = score_experts(folders, task.candidates, task.collection, classifiers=["rte"])
    logits = CrossEncoder.from_pretrained(folders["rte"], as_classifier=True).logits(PAIRS)
    np.testing.assert_allclose(np.stack([columns["rte.0"], columns["rte.1"]], axis=1), logits, atol=1e-5)
    np.testing.assert_allclose(columns["sts"], similarity.predict(PAIRS), atol=1e-5)
    own = public(tmp_path / "own", ["POSITIVE", "NEGATIVE"])
    assert set(score_experts({"own": own}, task.candidates, task.collection)[0]) == {"own.0", "own.1"}


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    queries = {"q0": "a cat", "q1": "the dog"}
    documents = {"d0": "a cat is", "d1": "the dog wrote", "d2": "long list"}
    texts = (Texts.from_pairs(list(each), list(each.values())) for each in (queries, documents))
    run = Candidates.from_dict({query: dict.fromkeys(documents, 1.0) for query in queries}, "score")
    write_lists(run, Collection("", *texts), tmp_path / "lists", queries_per_part=1)
    return tmp_path / "lists"


def probability(folder: Path) -> CrossEncoder:
    """A ranker of one logit whose score is the probability of relevance."""
    two = CrossEncoder(lively("bert", num_labels=2), make_tokenizer(), ScoreContract("probability"), max_length=32)
    with torch.no_grad():
        two.model.classifier.weight.mul_(50)
    one = as_one_logit(two)
    assert one.contract == ScoreContract("sigmoid")
    one.save(folder)
    return CrossEncoder.from_pretrained(folder)


def test_over_lists_a_probability_is_learned_as_the_rankers_logit(lists: Path, tmp_path: Path) -> None:
    ranker, collection = probability(tmp_path / "ranker"), load_collection(f"lists:{lists}")
    settings = GuidedSettings(guided_steps=1, guided_batch=4, terms="kd")
    training = TrainingSettings(dtype="float32", logging_steps=1)
    student = guide(tmp_path / "ranker", {"r": ranker}, collection, settings, training, out=tmp_path / "out")
    assert student.contract == ScoreContract("logit")
    log = (tmp_path / "out" / "guided" / "log.json").read_text()
    assert "pairwise_mse(r)" in log
    assert "similarity_mse" not in log


def test_a_similarity_task_from_0_to_1_keeps_its_own_head_over_lists(lists: Path, tmp_path: Path) -> None:
    own, collection = probability(tmp_path / "own"), load_collection(f"lists:{lists}")
    settings = GuidedSettings(guided_steps=1, guided_batch=4, terms="kd")
    start = CrossEncoder.from_pretrained(tmp_path / "own")
    training = TrainingSettings(dtype="float32", logging_steps=1)
    guide(tmp_path / "own", {"s": own}, collection, settings, training, student=start, out=tmp_path / "out")
    assert "similarity_mse(s)" in (tmp_path / "out" / "guided" / "log.json").read_text()


def test_stored_scores_of_lists_are_the_logits_and_are_found_again(lists: Path, tmp_path: Path) -> None:
    ranker, graded = probability(tmp_path / "ranker"), probability(tmp_path / "same")
    graded.with_contract(ScoreContract("sigmoid", scale=5.0)).save(tmp_path / "graded")
    score_lists({"r": str(tmp_path / "ranker"), "g": str(tmp_path / "graded")}, lists, tmp_path / "scored")
    stored = stored_experts(tmp_path / "scored" / LISTS)
    assert {name: each.contract for name, each in stored.items()} == {
        "r": ScoreContract("logit"),
        "g": ScoreContract("sigmoid", scale=5.0),
    }
    found = load_collection(f"lists:{tmp_path / 'scored'}")
    assert found.candidates is not None
    pairs = [
        (found.queries[each.query_id], found.documents[document])
        for each in found.candidates.queries()
        for document in each.doc_ids
    ]
    np.testing.assert_allclose(found.candidates["r"], ranker.logits(pairs)[:, 0], atol=1e-5)
    guides = experts_over(tmp_path / "scored" / LISTS, [str(tmp_path / "ranker")])
    assert list(guides) == ["r"]
    assert isinstance(guides["r"], Expert)


def test_the_commands_take_the_kinds_of_experts(
    lists: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = public(tmp_path / "rte", RTE)
    words = ["score", "--experts", f"rte={folder}", f"x={folder}", "--collection", f"lists:{lists}"]
    assert main([*words, "--classifiers", "rte", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert "the expert x is taken as a ranker" in said
    assert "the expert rte is taken" not in said
    forms = {name: each.contract.form for name, each in stored_experts(tmp_path / "out" / LISTS).items()}
    assert forms == {"rte": "classes", "x": "margin"}
    guides = experts_over(tmp_path / "out" / LISTS, [f"rte={folder}"], None, ["rte"])
    assert isinstance(guides["rte"], Expert)
    assert guides["rte"].labels == RTE
    assert main([*words, "--classifiers", "rtf", "--out", str(tmp_path / "no")]) == 2
    assert "unknown expert among the classifiers 'rtf'; did you mean 'rte'?" in capsys.readouterr().err
    words = ["score", "--model", str(folder), "--classifiers", "rte", "--collection", f"lists:{lists}"]
    assert main([*words, "--out", str(tmp_path / "no.trec")]) == 2
    assert "--classifiers are among --experts" in capsys.readouterr().err
    with pytest.raises(UsageError, match="--classifiers are among --experts"):
        experts_over(None, [], None, ["rte"])

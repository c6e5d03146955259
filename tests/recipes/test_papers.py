"""The papers' recipes: each trains, and says what it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import judged_collection, make_model, make_tokenizer

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses import LOSSES
from rankdistill.models import CrossEncoder, keep_layers, with_two_logits
from rankdistill.recipes import RECIPES, EnsembleSettings, FirstStage, distill, finetune, get_recipe
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring import score
from rankdistill.training import Objective, TrainingSettings

SMALL = TrainingSettings(list_size=4, lists_per_batch=8, max_steps=2)


OF_TEACHERS = [name for name, recipe in RECIPES.items() if recipe.needs != "labels"]
OF_LABELS = [name for name in RECIPES if name not in OF_TEACHERS]


@pytest.mark.parametrize("name", OF_TEACHERS)
def test_every_recipe_trains_a_student(name: str) -> None:
    recipe, collection = RECIPES[name], judged_collection(20)
    run = bm25(collection, k=6)
    teacher = CrossEncoder(make_model(), make_tokenizer())
    student = teacher.with_model(keep_layers(teacher.model, [0, 2]))
    if recipe.n_logits == 2:
        student = with_two_logits(student)
    before = score(student, run, collection)
    settings = EnsembleSettings(method=recipe.method)
    _, report = distill(
        collection,
        run,
        {"t1": teacher},
        student,
        replace(SMALL, draw=recipe.settings.get("draw", "random")),
        ensembling=settings,
        objective=recipe.objective,
        first=recipe.first,
    )
    assert (report is None) == ("target" not in recipe.objective)
    assert not np.array_equal(score(student, run, collection), before)


@pytest.mark.parametrize("name", OF_LABELS)
def test_every_recipe_of_labels_fine_tunes_a_model(name: str) -> None:
    collection = judged_collection(20)
    run, model = bm25(collection, k=6), CrossEncoder(make_model(), make_tokenizer())
    before = score(model, run, collection)
    finetune(collection, run, model, SMALL, objective=RECIPES[name].objective)
    assert not np.array_equal(score(model, run, collection), before)


@pytest.mark.parametrize("name", ["rank-distillm", "adr-mse"])
def test_a_first_stage_learns_from_labels_and_the_second_goes_on_from_it(name: str, tmp_path: Path) -> None:
    recipe, collection = RECIPES[name], judged_collection(20)
    run = bm25(collection, k=6)
    teacher = CrossEncoder(make_model(), make_tokenizer())
    options = {"ensembling": EnsembleSettings("single"), "objective": recipe.objective, "first": recipe.first}
    alone, after = (teacher.with_model(keep_layers(teacher.model, [0, 2])) for _ in "ab")
    finetune(collection, run, alone, recipe.first.training(SMALL), objective="infonce(label)")
    distill(collection, run, {"t1": teacher}, after, SMALL, out=tmp_path, **options)
    assert same_weights(CrossEncoder.from_pretrained(tmp_path / "first" / "model"), alone)
    assert not same_weights(after, alone)
    distill(collection, run, {"t1": teacher}, alone, SMALL, **{**options, "first": None})
    assert same_weights(after, alone)
    (tmp_path / "training.json").unlink()  # as if killed in the second stage
    again = teacher.with_model(keep_layers(teacher.model, [0, 2]))
    distill(collection, run, {"t1": teacher}, again, SMALL, out=tmp_path, **options)
    assert same_weights(again, after)


def same_weights(one: CrossEncoder, other: CrossEncoder) -> bool:
    pairs = zip(one.model.state_dict().items(), other.model.state_dict().items(), strict=True)
    return all(name == its_name and weight.equal(its) for (name, weight), (its_name, its) in pairs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_objective": "ranknet_order(target)"}, "must read label and nothing else"),
        ({"first_objective": "infonce(label) + pointwise_mse(teacher)"}, "must read label and nothing else"),
        ({"first_objective": "infonc(label)"}, "did you mean 'infonce'"),
        ({"first_list_size": 1}, "first_list_size must be at least 2"),
        ({"first_learning_rate": -1}, "first_learning_rate must be at least 0"),
    ],
)
def test_a_first_stage_that_cannot_be_meant_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=message):
        FirstStage(**options)


def test_lists_are_drawn_by_the_targets_of_an_objective_or_refused_before_teachers_score() -> None:
    collection = judged_collection(20)
    run, model = bm25(collection, k=6), CrossEncoder(make_model(), make_tokenizer())
    for settings, objective in (
        (replace(SMALL, draw="even"), "pairwise_mse(target)"),
        (replace(SMALL, draw="hardest", draw_by="bm25"), "hinge(label) + pairwise_mse(target)"),
    ):
        student = model.with_model(keep_layers(model.model, [0, 2]))
        before = student.fingerprint()
        distill(collection, run, {"t1": model}, student, settings, objective=objective)
        assert student.fingerprint() != before
    with pytest.raises(UnknownNameError, match="column to draw lists by 'bm52'; did you mean 'bm25'"):
        distill(collection, run, {"t1": "nosuch"}, model, replace(SMALL, draw="even", draw_by="bm52"))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_needs_the_logits_of_its_losses(name: str) -> None:
    recipe = RECIPES[name]
    parsed = Objective.parse(recipe.objective)
    assert recipe.n_logits == max(LOSSES[term.loss].n_logits for term in parsed.terms)
    assert (recipe.needs == "one teacher model") == parsed.needs_teacher
    assert TrainingSettings(**recipe.settings)


def test_a_teacher_beside_the_student_is_one_model() -> None:
    collection = judged_collection(20)
    run, model = bm25(collection, k=6), CrossEncoder(make_model(), make_tokenizer())
    with pytest.raises(UsageError, match="needs one model that runs beside the student, got 2 models among 2 teachers"):
        distill(collection, run, {"t1": model, "t2": model}, model, SMALL, objective="pointwise_mse(teacher)")


def test_teachers_that_nothing_is_learned_from_are_refused() -> None:
    collection = judged_collection(20)
    run, model = bm25(collection, k=6), CrossEncoder(make_model(), make_tokenizer())
    with pytest.raises(UsageError, match=r"hinge\(label\) learns nothing from t1, t2"):
        distill(collection, run, {"t1": model, "t2": model}, model, SMALL, objective="hinge(label)")


def test_a_recipe_that_is_none_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="recipe 'pd-brt'; did you mean 'pd-bert'"):
        get_recipe("pd-brt")

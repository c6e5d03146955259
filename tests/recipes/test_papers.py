"""The papers' recipes: each trains, and says what it needs."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import judged_collection, make_model, make_tokenizer

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses import LOSSES
from rankdistill.models import CrossEncoder, keep_layers, with_two_logits
from rankdistill.recipes import RECIPES, EnsembleSettings, distill, get_recipe
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring import score
from rankdistill.training import Objective, TrainingSettings

SMALL = TrainingSettings(list_size=4, lists_per_batch=8, max_steps=2)


@pytest.mark.parametrize("name", RECIPES)
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
        collection, run, {"t1": teacher}, student, SMALL, ensembling=settings, objective=recipe.objective
    )
    assert (report is None) == ("target" not in recipe.objective)
    assert not np.array_equal(score(student, run, collection), before)


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

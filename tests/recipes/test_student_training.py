"""Students made from scratch are trained by what suits them, by the command and from Python, whatever the recipe."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pair_tasks import write_glue
from tiny import judged_collection, make_model, make_tokenizer

from rankdistill.cli.app import build_app
from rankdistill.data import load_collection
from rankdistill.data.collection import own_candidates
from rankdistill.models import CrossEncoder
from rankdistill.recipes import RECIPES, distill, finetune
from rankdistill.recipes.stages import FirstStage
from rankdistill.recipes.student_settings import STUDENTS
from rankdistill.recipes.student_training import OPTIMIZING, student_training
from rankdistill.recipes.students import make_student
from rankdistill.retrieval.bm25 import bm25
from rankdistill.training import TrainingSettings

ADAMW = {"optimizer": "adamw", "learning_rate": 2e-5, "warmup_ratio": 0.1, "lr_scheduler_type": "linear"}
OF_LABELS = [name for name, recipe in RECIPES.items() if recipe.needs == "labels"]
NAMES = ["bilstm", "biattentive", "transformer:2x32"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "model"
    CrossEncoder(make_model(), make_tokenizer()).save(folder)
    return folder


def bound(*words: object) -> dict[str, Any]:
    """The arguments that a command is called with."""
    _, arguments, _ = build_app(str(words[0])).parse_args([*map(str, words)], print_error=False, exit_on_error=False)
    arguments.apply_defaults()
    return dict(arguments.arguments)


def command_for(recipe: str) -> list[str]:
    command = "finetune" if recipe in OF_LABELS else "distill"
    teachers = [] if command == "finetune" else ["--teachers", "t"]
    return [command, "--collection", "c", "--run", "r", *teachers, "--recipe", recipe, "--out", "o"]


def optimizing(settings: TrainingSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in OPTIMIZING}


def own(student: str) -> dict[str, Any]:
    return {name: value for name, value in student_training(student).items() if name in OPTIMIZING}


@pytest.mark.parametrize("student", NAMES)
@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "minilmv2"])
def test_optimizer_rate_and_schedule_of_a_student_win_over_a_recipes_as_one(recipe: str, student: str) -> None:
    given = bound(*command_for(recipe), "--student", student)
    settings, paper = given["options"].settings, RECIPES[recipe]
    assert optimizing(settings) == own(student)
    kept = {name: value for name, value in paper.settings.items() if name not in OPTIMIZING}
    assert {name: getattr(settings, name) for name in kept} == kept
    assert given["objective"] == paper.objective
    if "first" in given:
        assert given["first"].training(settings).learning_rate == own(student)["learning_rate"]


def test_a_recipe_for_random_weights_keeps_its_rate() -> None:
    settings = bound(*command_for("minilmv2"), "--student", "transformer:2x32")["options"].settings
    assert (settings.learning_rate, settings.warmup_ratio) == (6e-4, 0.01)


@pytest.mark.parametrize("words", [[], ["--recipe", "pile"]])
def test_what_the_user_gives_wins_and_another_optimizer_takes_nothing_of_the_students(words: list[str]) -> None:
    command = ["distill", "--collection", "c", "--run", "r", "--teachers", "t", *words, "--student", "bilstm"]
    settings = bound(*command, "--out", "o", "--learning-rate", "0.5")["options"].settings
    assert optimizing(settings) == {**own("bilstm"), "learning_rate": 0.5}
    settings = bound(*command, "--out", "o", "--optimizer", "adamw")["options"].settings
    assert optimizing(settings) == ADAMW


def test_an_options_file_wins_too(tmp_path: Path) -> None:
    (tmp_path / "options.yaml").write_text("learning_rate: 0.25\n")
    words = [*command_for("pile"), "--student", "bilstm", "--config", tmp_path / "options.yaml"]
    assert optimizing(bound(*words)["options"].settings) == {**own("bilstm"), "learning_rate": 0.25}


def test_a_model_that_is_no_such_student_keeps_the_recipes_settings(base: Path) -> None:
    settings = bound(*command_for("infonce"), "--base", base)["options"].settings
    assert optimizing(settings) == {**ADAMW, "learning_rate": 1e-5}


@pytest.mark.parametrize("name", NAMES)
def test_python_trains_a_student_and_its_folder_as_the_command_does(
    name: str,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Settings and objectives that nobody gives are those that suit the network, of a task of scored pairs too."""
    fitted: list[tuple[str, TrainingSettings]] = []

    def seen(model: Any, lists: Any, texts: Any, objective: Any, settings: Any, **_: Any) -> Any:
        fitted.append((str(objective), settings))
        return model

    for module in ("finetune", "distill", "stages"):
        monkeypatch.setattr(import_module(f"rankdistill.recipes.{module}"), "fit", seen)
    made = judged_collection(12, 30)
    candidates = bm25(made, k=4)
    student = make_student(name, made, candidates, base=base, max_length=32)
    teacher = {"t1": CrossEncoder.from_pretrained(base)}
    finetune(made, candidates, student)
    distill(made, candidates, teacher, student, first=FirstStage("infonce(label)"))
    assert [optimizing(settings) for _, settings in fitted] == [own(name)] * 3
    assert fitted[-1][1].epochs == STUDENTS[name.partition(":")[0]].training["epochs"]

    task = load_collection(f"glue:sst2@{write_glue(tmp_path / 'glue')}")
    classifier = make_student(name, task, base=base, max_length=32)
    fitted.clear()
    distill(task, own_candidates(task), {"t1": classifier}, classifier)
    by_command = bound(
        "distill", "--collection", f"glue:sst2@{tmp_path / 'glue'}", "--teachers", "t", "--out", "o", "--student", name
    )
    assert fitted == [(by_command["objective"], by_command["options"].settings)]
    assert fitted[0][0] == "logit_mse(target)"

    classifier.save(tmp_path / "trained")
    assert student_training(tmp_path / "trained") == student_training(name)
    capsys.readouterr()
    for given in (TrainingSettings(optimizer="adadelta"), TrainingSettings(optimizer="adadelta", learning_rate=1.0)):
        finetune(made, candidates, student, given)
        said = capsys.readouterr().err
        assert ("hardly moves the weights" in said) == (given.learning_rate < 1)
    settings = bound("finetune", "--collection", "c", "--run", "r", "--base", tmp_path / "trained", "--out", "o")
    assert optimizing(settings["options"].settings) == own(name)


def test_other_models_are_trained_as_their_task_says(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[tuple[str, TrainingSettings]] = []
    monkeypatch.setattr(
        import_module("rankdistill.recipes.distill"),
        "fit",
        lambda model, lists, texts, objective, settings, **_: fitted.append((str(objective), settings)),
    )
    task = load_collection(f"glue:sst2@{write_glue(tmp_path / 'glue')}")
    start = CrossEncoder.from_base(base, 2, labels=task.scored_pairs.classes, n_texts=1, max_length=32)
    distill(task, own_candidates(task), {"t1": make_student("bilstm", task, base=base)}, start)
    [(objective, settings)] = fitted
    by_command = bound(
        "distill", "--collection", f"glue:sst2@{tmp_path / 'glue'}", "--teachers", "t", "--out", "o", "--student", base
    )
    assert (objective, settings) == (by_command["objective"], by_command["options"].settings)
    assert settings.optimizer == "adamw"

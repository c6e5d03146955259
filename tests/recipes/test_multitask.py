"""Multi-task distillation on tiny models, through the command: every step, its products, and what is refused."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
import yaml
from pair_tasks import write_glue
from tiny import judged_collection, make_model, make_tokenizer, write_collection

from rankdistill.cli.app import build_app
from rankdistill.cli.commands.multitask import _table
from rankdistill.cli.entry import main
from rankdistill.data import load_collection, write_run
from rankdistill.data.collection import own_candidates
from rankdistill.data.pair_parts import SCHEMA, write_pair_part
from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder
from rankdistill.recipes.multitask_checks import check_tasks
from rankdistill.recipes.multitask_result import CURVES, RESULT, check_no_others
from rankdistill.recipes.multitask_settings import MultitaskSettings
from rankdistill.retrieval.bm25 import bm25
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings

STUDENT = ["--student", "bilstm", "--lstm-size", 8, "--dense-size", 8, "--embedding-size", 8]
SHORT = ["--teacher-epochs", 1, "--teacher-batch", 30, "--epochs", 1, "--lists-per-batch", 30, "--tune-epochs", 1]
OTHERS = ["--max-length", 16, "--list-size", 4, "--curve-points", 2, "--logging-steps", 1, "--dtype", "float32"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "model"
    CrossEncoder(make_model(num_hidden_layers=2), make_tokenizer(), max_length=32).save(folder)
    return folder


@pytest.fixture(scope="module")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_glue(tmp_path_factory.mktemp("glue"))


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranking")
    made = judged_collection()
    write_collection(made, folder / "docs")
    write_run(bm25(made, k=6), folder / "bm25.trec", by="bm25")
    return folder


def task_of(source: str) -> Task:
    collection = load_collection(source)
    return Task(collection, own_candidates(collection))


def multitask(*words: object) -> int:
    return main([str(word) for word in ("multitask", *SHORT, *OTHERS, *words)])


def fake_training(
    monkeypatch: pytest.MonkeyPatch, see: Callable[[dict[str, Any], Any, Path], None] = lambda *_: None
) -> None:
    """Models are written as they start, in place of every training, which ``see`` is told of."""

    def kept(parts: Any, settings: Any, *, out: Path, **_: Any) -> None:
        see(parts, settings, out)
        for name, part in parts.items():
            part.model.save(out / (part.folder or f"{name}/model"))
        (out / "log.json").write_text("[]")

    monkeypatch.setattr("rankdistill.recipes.multitask.fit_tasks", kept)


@pytest.mark.slow
def test_tasks_of_every_kind_are_distilled_together_and_compared(
    base: Path, glue: Path, ranking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [f"{name}=glue:{name}@{glue}" for name in ("sst2", "rte")]
    tasks += [f"glue:stsb@{glue}", f"docs={ranking / 'docs'}"]
    given = ["--tasks", *tasks, "--runs", f"docs={ranking / 'bm25.trec'}", "--teacher", base, *STUDENT, "--seeds", 2]
    out = tmp_path / "out"
    assert multitask(*given, "--sampling", "sqrt", "--out", out) == 0
    assert "batches: sst2" in capsys.readouterr().err
    result = json.loads((out / RESULT).read_text())
    names = ["sst2", "rte", "stsb", "docs"]
    assert list(result["tasks"]) == names
    kinds = [facts["kind"] for facts in result["tasks"].values()]
    assert kinds == ["classification", "classification", "similarity", "ranking"]
    firsts = [facts["mkd"] for facts in result["tasks"].values()]
    assert result["mean"]["mkd"] == pytest.approx(sum(firsts) / 4)
    for facts in result["tasks"].values():
        assert facts["difference"] == pytest.approx(facts["mkd"] - facts["single"])
        assert len(facts["values"]["mkd"]) == 2
    for name in names:
        for folder in ("teacher", "mkd0/distilled", "mkd0/tuned", "mkd1/tuned", "single1/tuned", "single-teacher"):
            assert (out / folder / name / "run.trec.gz").is_file()
        model = CrossEncoder.from_pretrained(out / "mkd0" / "tuned" / name / "model")
        assert model.model.config.model_type == "rankdistill-bilstm"
        assert model.n_texts == (1 if name == "sst2" else 2)
        metrics = json.loads((out / "mkd0" / "tuned" / name / "metrics.json").read_text())
        facts = result["tasks"][name]
        assert facts["values"]["mkd"][0] == pytest.approx(metrics[facts["measure"]], abs=1e-6)
    for name in names:  # the teacher of all tasks, as each task's model
        card = (out / "mkd0" / "distilled" / name / "model" / "README.md").read_text()
        assert f"- teachers: {name}/model\n" in card
    one, other = (
        CrossEncoder.from_pretrained(out / "mkd0" / "distilled" / name / "model") for name in ("sst2", "docs")
    )
    assert torch.equal(one.model.embeddings.weight, other.model.embeddings.weight)
    log = json.loads((out / "mkd0" / "distilled" / "log.json").read_text())
    keys = {key for entry in log for key in entry}
    assert {"sst2: logit_mse(target)", "docs: pairwise_mse(target)", "eval_stsb_pearson", "eval_mean"} <= keys
    page = (out / CURVES).read_text()
    assert page.count("<polyline") == 4 * 4 + 2 * 4
    written = {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")}
    assert multitask(*given, "--sampling", "sqrt", "--out", out) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")} == written
    assert json.loads((out / RESULT).read_text()) == result


@pytest.mark.slow
def test_a_student_of_layers_is_distilled_on_some_tasks_and_tuned_on_all(
    base: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = ["--tasks", f"glue:rte@{glue}", f"glue:sst2@{glue}", "--joint", "rte", "--single", "none"]
    student = ["--teacher", base, "--student", base, "--layers", 0, "--label-weight", 0.5]
    scoring = [
        "--scoring.dtype",
        "bfloat16",
        "--scoring.store",
        tmp_path / "scores",
        "--measures",
        "rte=f1",
        "rte=matthews",
    ]
    assert multitask(*tasks, *student, *scoring, "--out", tmp_path / "out", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["tasks"]["rte"]["measures"]) == ["f1", "matthews"]
    assert list(result["tasks"]["sst2"]["measures"]) == ["accuracy"]
    assert not (tmp_path / "out" / "scores").exists()
    assert list((tmp_path / "scores").iterdir())
    assert "single" not in result["mean"]
    assert not (tmp_path / "out" / "single0").exists()
    assert sorted(path.name for path in (tmp_path / "out" / "mkd0" / "distilled").iterdir() if path.is_dir()) == ["rte"]
    log = json.loads((tmp_path / "out" / "mkd0" / "distilled" / "log.json").read_text())
    assert any("rte: cross_entropy(label)" in entry for entry in log)
    tuned = CrossEncoder.from_pretrained(tmp_path / "out" / "mkd0" / "tuned" / "sst2" / "model")
    assert tuned.model.config.num_hidden_layers == 1


@pytest.mark.slow
def test_teachers_of_each_task_alone_teach_the_student_of_all(base: Path, glue: Path, tmp_path: Path) -> None:
    given = ["--tasks", f"glue:rte@{glue}", f"glue:sst2@{glue}", "--teacher", base, *STUDENT, "--out", tmp_path / "out"]
    assert multitask(*given, "--joint-teachers", "own", "--tune", "none") == 0
    result = json.loads((tmp_path / "out" / RESULT).read_text())
    assert not (tmp_path / "out" / "teacher").exists()
    for name, facts in result["tasks"].items():
        metrics = json.loads((tmp_path / "out" / "single-teacher" / name / "metrics.json").read_text())
        assert facts["teachers"] == {"own": metrics[facts["measure"]]}
        card = (tmp_path / "out" / "mkd0" / "distilled" / name / "model" / "README.md").read_text()
        assert "- teachers: rte/model, sst2/model\n" in card
    curves = (tmp_path / "out" / CURVES).read_text()
    assert "teacher of this task" in curves
    assert "teacher of all tasks" not in curves


@pytest.mark.slow
def test_what_one_task_is_tuned_to_is_no_other_tasks_start(
    base: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned: dict[str, CrossEncoder] = {}

    def see(parts: dict[str, Any], settings: Any, out: Path) -> None:
        if "tuned" in out.parts:
            tuned.update((name, part.model) for name, part in parts.items())

    fake_training(monkeypatch, see)
    tasks = [f"glue:{name}@{glue}" for name in ("rte", "sst2", "stsb")]
    given = ["--teacher", base, "--student", base, "--joint", "rte", "--single", "none", "--out", tmp_path / "out"]
    assert multitask("--tasks", *tasks, *given) == 0
    encoders = [model.model.bert.embeddings.word_embeddings.weight for model in tuned.values()]
    assert len({id(weight) for weight in encoders}) == len({weight.data_ptr() for weight in encoders}) == 3


ALL = [
    "teacher",
    "single-teacher",
    *(f"{each}/{step}" for each in ("mkd0", "single0") for step in ("distilled", "tuned")),
]
LEFT_OVER: dict[str, tuple[dict[str, Any], list[str], str | None]] = {
    "nothing": ({}, [f"{step}/{task}" for step in ALL for task in ("rte", "sst2")], None),
    "what is no step's": ({}, ["mkd/distilled/rte", "old/mkd0/tuned", "mkd0/other/rte"], None),
    "a task": ({}, ["teacher/rte", "teacher/mrpc"], "teacher/mrpc"),
    "a seed": ({}, ["mkd1/tuned/rte"], "mkd1/tuned/rte"),
    "joint": (
        {"joint": ("rte",)},
        ["mkd0/distilled/rte", "mkd0/distilled/sst2", "mkd0/tuned/sst2"],
        "mkd0/distilled/sst2",
    ),
    "tune": ({"tune": "none"}, ["mkd0/distilled/rte", "mkd0/tuned/rte", "single0/distilled/rte"], "mkd0/tuned/rte"),
    "single none": (
        {"single": "none"},
        ["single-teacher/rte", "single0/tuned/rte", "teacher/rte"],
        "single-teacher/rte, single0/tuned/rte",
    ),
    "single shared": ({"single": "shared"}, ["single-teacher/rte", "single0/tuned/rte"], "single-teacher/rte"),
    "joint teachers": ({"joint_teachers": "own"}, ["single-teacher/rte", "teacher/rte"], "teacher/rte"),
}


@pytest.mark.parametrize("case", LEFT_OVER)
def test_models_that_would_stay_beside_those_of_this_call_are_refused(case: str, tmp_path: Path) -> None:
    settings, folders, others = LEFT_OVER[case]
    for folder in folders:
        (tmp_path / folder / "model").mkdir(parents=True)
    if others is None:
        check_no_others(tmp_path, ["rte", "sst2"], [0], MultitaskSettings(**settings))
        return
    with pytest.raises(UsageError, match=f" holds {others} of an earlier call.*: delete these folders, or give"):
        check_no_others(tmp_path, ["rte", "sst2"], [0], MultitaskSettings(**settings))


def test_they_are_refused_before_any_training(
    base: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "mkd0" / "distilled" / "sst2" / "model").mkdir(parents=True)
    given = ["--tasks", f"glue:rte@{glue}", f"glue:sst2@{glue}", "--joint", "rte", "--teacher", base, *STUDENT]
    assert multitask(*given, "--out", tmp_path / "out") == 2
    assert "holds mkd0/distilled/sst2 of an earlier call" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out" / "teacher").exists()


@pytest.mark.slow
def test_no_teacher_is_in_memory_while_students_train_and_none_scores_twice(
    base: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: dict[str, int] = {}

    def see(parts: dict[str, Any], settings: Any, out: Path) -> None:
        gc.collect()
        teachers = (tmp_path / "out" / "teacher", tmp_path / "out" / "single-teacher")
        if not any(out.is_relative_to(folder) for folder in teachers):
            models = [each for each in gc.get_objects() if type(each) is CrossEncoder and each.folder]
            of_teachers = [each for each in models if any(Path(each.folder).is_relative_to(f) for f in teachers)]
            loaded[str(out)] = len(of_teachers)

    fake_training(monkeypatch, see)
    given = ["--tasks", f"glue:rte@{glue}", f"glue:sst2@{glue}", "--teacher", base, *STUDENT, "--out", tmp_path / "out"]
    assert multitask(*given) == 0
    assert len(loaded) == 2 + 2 + 1 + 2
    assert set(loaded.values()) == {0}
    stored = sorted((tmp_path / "out" / "scores").iterdir())

    def scored(*_: Any) -> None:
        raise AssertionError("scored anew")

    monkeypatch.setattr("rankdistill.scoring.chunks.ChunkScorer.logits", scored)
    assert multitask(*given) == 0
    assert sorted((tmp_path / "out" / "scores").iterdir()) == stored


def test_tasks_of_different_splits_are_learned_together(
    base: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    told = "kind: classification\nclasses: [x, y]\ntexts: [text]\nlabel: label\n"
    (tmp_path / "own" / "task.yaml").write_text(f"{told}splits: {{first: first.tsv, second: second.tsv}}\n")
    for split, n_pairs in (("first", 6), ("second", 4)):
        lines = [f"{split} cat {row}\t{'xy'[row % 2]}" for row in range(n_pairs)]
        (tmp_path / "own" / f"{split}.tsv").write_text("\n".join(["text\tlabel", *lines, ""]))
    fake_training(monkeypatch)
    given = ["--tasks", f"glue:rte@{glue}", f"task:{tmp_path / 'own'}", "--teacher", base, *STUDENT, "--single", "none"]
    splits = ["--train-split", "own=first", "--test-split", "dev", "own=second", "--dev-split", "own=second"]
    assert multitask(*given, *splits, "--out", tmp_path / "out") == 0
    result = json.loads((tmp_path / "out" / RESULT).read_text())
    assert {name: facts["examples"] for name, facts in result["tasks"].items()} == {"rte": 20, "own": 4}


@pytest.mark.slow
def test_a_result_says_what_it_is_the_result_of(
    base: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch)
    first, again = tmp_path / "first", tmp_path / "again"
    given = ["--tasks", f"glue:rte@{glue}", f"glue:sst2@{glue}", "--teacher", base, *STUDENT]
    given += ["--measures", "rte=f1", "--train-split", "rte=dev", "--test-split", "dev", "rte=train"]
    assert multitask(*given, "--out", first) == 0
    config = yaml.safe_load((first / "config.yaml").read_text())
    arguments = build_app("multitask")["multitask"].assemble_argument_collection()
    options = {each.name.removeprefix("--").replace("-", "_") for each in arguments if not each.children}
    assert set(config) == options - {"out", "config", "json"}
    assert (config["teacher"], config["student"], config["epochs"]) == (str(base), "bilstm", 1)
    result = json.loads((first / RESULT).read_text())
    assert (result["teacher"], result["student"], result["training"]["epochs"]) == (str(base), "bilstm", 1)
    assert (result["student_settings"]["lstm_size"], result["unlabelled"]) == (8, {})
    assert result["tasks"]["rte"]["splits"] == {"train_split": "dev", "dev_split": None, "test_split": "train"}
    for name, facts in result["tasks"].items():
        for kind, folder in (("shared", "teacher"), ("own", "single-teacher")):
            metrics = json.loads((first / folder / name / "metrics.json").read_text())
            assert facts["teachers"][kind] == metrics[facts["measure"]]
    headings = [str(column.header) for column in _table(result, True).columns]
    assert headings[:5] == ["task", "measure", "shared teacher", "own teacher", "single"]
    assert main(["multitask", "--config", str(first / "config.yaml"), "--out", str(again)]) == 0
    assert yaml.safe_load((again / "config.yaml").read_text()) == config
    assert json.loads((again / RESULT).read_text()) == result


def test_unlabelled_texts_that_no_teacher_labels_are_refused(
    base: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    write_pair_part(pa.table([["0", "1"], ["a cat", "a dog"], ["", ""]], schema=SCHEMA), parts / "00000.parquet")
    given = ["--tasks", f"glue:rte@{glue}", f"glue:sst2@{glue}", "--unlabelled", f"sst2={parts}", "--joint", "rte"]
    assert multitask(*given, "--single", "none", "--teacher", base, *STUDENT, "--out", tmp_path / "out") == 2
    said = "unlabelled texts of sst2 would not be read: it is not in joint, single is none and tune is labels"
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.rglob("model"))


@pytest.mark.parametrize(("settings", "read"), [({"joint": ("rte",)}, True), ({}, True), ({"joint": ("sst2",)}, False)])
def test_unlabelled_texts_of_a_task_that_learns_of_a_teacher_are_read(
    settings: dict[str, Any], read: bool, glue: Path
) -> None:
    tasks = {name: task_of(f"glue:{name}@{glue}") for name in ("rte", "sst2")}
    more = {"rte": [load_collection(f"glue:rte@{glue}")]}
    for others in ({"tune": "teacher"}, {"single": "own"}, {"single": "shared"}):
        check_tasks(tasks, MultitaskSettings(**{"single": "none", **settings, **others}), TrainingSettings(), more)
    alone = MultitaskSettings(**settings, single="none")
    if read:
        check_tasks(tasks, alone, TrainingSettings(), more)
        return
    check_tasks(tasks, alone, TrainingSettings(), {"rte": []})
    with pytest.raises(UsageError, match="unlabelled texts of rte would not be read"):
        check_tasks(tasks, alone, TrainingSettings(), more)


REFUSED = {
    "one task": (["--tasks", "glue:rte@{glue}"], 2, "got 1 task, expected two or more"),
    "two of one name": (["--tasks", "glue:rte@{glue}", "RTE=glue:sst2@{glue}"], 2, "are both called 'RTE'"),
    **{
        f"called {name}": (["--tasks", f"{name}=glue:rte@{{glue}}", "glue:sst2@{glue}"], 2, f"be called '{name}'")
        for name in ("checkpoints", "Checkpoints", "steps", "log.json", "training.json")
    },
    "no folder": (["--tasks", "glue:rte@{glue}", "glue:mrpc@{glue}"], 1, "mrpc"),
    "hidden": (["--tasks", "glue:rte@{glue}", "glue:sst2@{glue}", "--test-split", "test"], 2, "split of glue:rte"),
    "a joint task": (
        ["--tasks", "glue:rte@{glue}", "glue:sst2@{glue}", "--joint", "rt"],
        2,
        "unknown task 'rt'.*did you mean 'rte'",
    ),
    "a run": (
        ["--tasks", "glue:rte@{glue}", "glue:sst2@{glue}", "--runs", "rte={glue}/x.trec"],
        2,
        "--runs are for rankings",
    ),
    "a run of no task": (["--tasks", "glue:rte@{glue}", "--runs", "{glue}/x.trec"], 2, "--runs says for which task"),
    "a measure of another kind": (
        ["--tasks", "glue:rte@{glue}", "glue:stsb@{glue}", "--measures", "stsb=accuracy"],
        2,
        "accuracy measures classes, and the labels of a similarity are numbers: take pearson or spearman",
    ),
    "a measure of no task": (
        ["--tasks", "glue:rte@{glue}", "glue:sst2@{glue}", "--measures", "accuracy"],
        2,
        "--measures says for which task: got 'accuracy', expected NAME=accuracy",
    ),
    "layers": (
        ["--tasks", "glue:rte@{glue}", "glue:sst2@{glue}", "--layers", "0"],
        2,
        "made from scratch and has no layers",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_learned_together_is_refused_before_any_training(
    case: str, base: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, said = REFUSED[case]
    given = [word.format(glue=glue) for word in words]
    assert multitask(*given, "--teacher", base, *STUDENT, "--out", tmp_path / "out") == code
    assert re.search(said, " ".join(capsys.readouterr().err.split()))
    assert not list(tmp_path.rglob("model"))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["x", "y", "-", "-", "-"], "task b: 0 pairs with a label to measure on|task b: .*no|none of the"),
        (["x", "y", "x", "x", "-"], "task b: 1 pairs with a label to measure on, expected at least 2"),
        (["x", "x", "x", "x", "y"], "task b: no pair of .* to train on has the class 'y'"),
        (["x", "y", "x"], "task b: 3 of the 3 pairs to measure on are among those to train on"),
    ],
)
def test_a_task_without_enough_labels_is_named(
    labels: list[str], said: str, base: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "task.yaml").write_text("kind: classification\nclasses: [x, y]\ntexts: [sentence]\nlabel: label\n")
    for split, rows in (("train", labels[:3]), ("dev", labels[3:])):
        if not rows:
            continue
        lines = [f"a cat {row}\t{'' if label == '-' else label}" for row, label in enumerate(rows)]
        (folder / f"{split}.tsv").write_text("\n".join(["sentence\tlabel", *lines, ""]))
    given = ["--tasks", f"glue:rte@{glue}", f"task:{folder}", "--teacher", base, *STUDENT, "--out", tmp_path / "out"]
    assert multitask(*given) == 1
    assert re.search(said, " ".join(capsys.readouterr().err.split()))


@pytest.mark.parametrize(
    ("words", "optimizer", "batch", "epochs"),
    [
        ([], "adam", 128, 10),
        (["--student", "bilstm"], "adadelta", 50, 10),
        (["--student", "bilstm", "--epochs", "2"], "adadelta", 50, 2),
        (["--student", "some/model"], "adamw", 16, 1),
    ],
)
def test_the_students_own_settings_are_the_defaults_of_its_training(
    words: list[str], optimizer: str, batch: int, epochs: int, tmp_path: Path
) -> None:
    given = ["multitask", "--tasks", "glue:rte@glue", "glue:sst2@glue", "--out", str(tmp_path / "out"), *words]
    _, bound, _ = build_app("multitask").parse_args(given, print_error=False, exit_on_error=False)
    bound.apply_defaults()
    training = bound.arguments["training"]
    assert (training.optimizer, training.lists_per_batch, training.epochs) == (optimizer, batch, epochs)

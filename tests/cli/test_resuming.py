"""finetune and distill after a kill: only the same work goes on, from where it was, and ends as if nothing had been."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rankdistill.files.lock import locked
from rankdistill.models import CrossEncoder
from rankdistill.training.list_trainer import ListTrainer

TRAINING = {
    "--list-size": [4],
    "--lists-per-batch": [4],
    "--learning-rate": [1e-3],
    "--max-length": [32],
    "--start": ["plain"],
}
CHOOSING = {"--eval-steps": [3], "--dev-split": ["dev"], "--share": [0.9]}


@pytest.fixture
def inputs(files, tmp_path: Path) -> Path:
    """A copy of all that the commands read: data/, bm25.trec, other.trec.gz, base/ and model/."""
    return shutil.copytree(files.bm25.parent, tmp_path / "inputs", ignore=shutil.ignore_patterns("*.scores"))


def words(command: str, inputs: Path, options: dict[str, list] | None = None) -> list[object]:
    """A command's line: the defaults here, and what ``options`` adds to or changes of them."""
    chosen = {"--collection": [inputs / "data"], "--run": [inputs / "bm25.trec"], "--out": [inputs.parent / "out"]}
    if command == "finetune":
        chosen |= {"--base": [inputs / "base"], **TRAINING, **CHOOSING}
    if command == "distill":
        teachers = [inputs / "model", inputs / "other.trec.gz"]
        chosen |= {"--student": [inputs / "base"], "--teachers": teachers, "--normalize": ["zscore"], **TRAINING}
    if command == "demo":
        del chosen["--run"]
    return [command, *(word for name, values in (chosen | (options or {})).items() for word in (name, *values))]


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def results(out: Path) -> dict[str, object]:
    """What a command leaves, without times."""
    found: dict[str, object] = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in ("log.json", "metrics.json")
    }
    log = json.loads((out / "log.json").read_text())
    found["log.json"] = [{k: v for k, v in each.items() if "_runtime" not in k and "_second" not in k} for each in log]
    metrics = json.loads((out / "metrics.json").read_text())
    found["metrics.json"] = {name: value for name, value in metrics.items() if name != "pairs_per_second"}
    return found


def edit(file: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def apply(inputs: Path) -> None:
        path = inputs / file
        changed = change(path.read_text())
        assert changed != path.read_text()
        path.write_text(changed)

    return apply


def other_weights(folder: str) -> Callable[[Path], None]:
    def apply(inputs: Path) -> None:
        path = inputs / folder / "model.safetensors"
        weights = load_file(path)
        name = next(name for name in weights if name.endswith("layer.0.output.dense.weight"))
        save_file(weights | {name: weights[name] * 1.5}, path, metadata={"format": "pt"})
        (path.parent / "checksums.json").unlink(missing_ok=True)

    return apply


def fewer_candidates(inputs: Path) -> None:
    lines = (inputs / "bm25.trec").read_text().splitlines(keepends=True)
    (inputs / "bm25.trec").write_text("".join(line for i, line in enumerate(lines) if i % 7))


def other_scores(inputs: Path) -> None:
    lines = gzip.decompress((inputs / "other.trec.gz").read_bytes()).decode().splitlines()
    parts = [line.split() for line in lines]
    text = "".join(f"{q} Q0 {d} {rank} {float(s) / (1 + len(d) % 3)} {tag}\n" for q, _, d, rank, s, tag in parts)
    (inputs / "other.trec.gz").write_bytes(gzip.compress(text.encode()))


def nothing(inputs: Path) -> None:
    pass


CHANGES: list[tuple[str, Callable[[Path], None], dict[str, list], str]] = [
    ("finetune", nothing, {"--share": [0.7]}, "lists."),
    ("finetune", nothing, {"--dev-split": ["test"]}, "dev."),
    ("finetune", nothing, {"--measures": ["RR@5"]}, "dev."),
    ("finetune", nothing, {"--seed": [1]}, "settings.seed"),
    ("finetune", nothing, {"--epochs": [2]}, "settings.epochs"),
    ("finetune", nothing, {"--max-length": [40]}, "model"),
    ("finetune", nothing, {"--objective": ["0.3*hinge(label)"]}, "objective"),
    ("finetune", edit("data/corpus.jsonl", lambda text: text.replace("dog", "cat")), {}, "lists.documents' texts"),
    ("finetune", edit("data/queries.jsonl", lambda text: text.replace("dog", "cat")), {}, "lists.queries' texts"),
    ("finetune", edit("data/qrels.txt", lambda text: text.replace("0 d1", "0 d2", 3)), {}, "lists.column label"),
    ("finetune", edit("data/qrels.txt", lambda text: text.replace(" 3", " 2")), {}, "lists.column label"),
    ("finetune", fewer_candidates, {}, "lists.candidates"),
    ("finetune", other_weights("base"), {}, "model"),
    ("distill", other_scores, {}, "teachers.t2"),
    ("distill", other_weights("model"), {}, "teachers.t1"),
    ("distill", nothing, {"--method": ["mean"]}, "ensembling.method"),
    ("distill", nothing, {"--scoring.batch-tokens": [64]}, "teachers.t1"),
    ("distill", edit("data/corpus.jsonl", lambda text: text.replace("dog", "cat")), {}, "lists.documents' texts"),
]


@pytest.mark.parametrize(("command", "change", "options", "differs"), CHANGES)
def test_unfinished_work_is_refused_to_other_work_which_is_named(
    run, inputs: Path, command: str, change: Callable[[Path], None], options: dict[str, list], differs: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossEncoder, "save", stop)
        assert run(*words(command, inputs)).code == 130
    change(inputs)
    outcome = run(*words(command, inputs, options))
    assert outcome.code == 2, outcome.err
    assert "holds an unfinished training with other" in outcome.err
    assert differs in outcome.err
    assert not (inputs.parent / "out" / "model").exists()


def test_dev_texts_are_part_of_what_chooses_the_checkpoint(run, files, inputs: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossEncoder, "save", stop)
        assert run(*words("finetune", inputs)).code == 130
    [query, *_] = files.loaded.split("dev")
    lines = [json.loads(line) for line in (inputs / "data" / "queries.jsonl").read_text().splitlines()]
    changed = [{**line, "text": "what is a book"} if line["_id"] == query else line for line in lines]
    (inputs / "data" / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in changed))
    outcome = run(*words("finetune", inputs))
    assert outcome.code == 2
    assert "with other dev.texts, see" in outcome.err


@pytest.mark.parametrize(
    "layers",
    [pytest.param({}, id="whole"), pytest.param({"--layers": [0, 2]}, id="imitating", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("command", ["finetune", "distill"])
def test_a_kill_after_the_training_costs_the_measuring_alone(run, inputs: Path, command: str, layers: dict) -> None:
    out, whole = inputs.parent / "out", inputs.parent / "whole"
    assert run(*words(command, inputs, layers)).code == 0
    out.rename(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rankdistill.cli.training.measure_model", stop)
        assert run(*words(command, inputs, layers)).code == 130
    assert (out / "model").is_dir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ListTrainer, "train", lambda *_: pytest.fail("it is trained again"))
        outcome = run(*words(command, inputs, layers))
    assert outcome.code == 0, outcome.err
    again = results(out)
    assert again == {name: again[name] if name == "run.trec.gz" else value for name, value in results(whole).items()}


@pytest.mark.parametrize(
    "n_updates", [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(9, marks=pytest.mark.slow)]
)
def test_a_kill_at_any_update_of_imitation_or_training_leaves_no_trace(run, inputs: Path, n_updates: int) -> None:
    out, whole = inputs.parent / "out", inputs.parent / "whole"
    options = {"--layers": [0, 2], "--save-steps": [2], "--logging-steps": [3]}
    assert run(*words("distill", inputs, options)).code == 0
    out.rename(whole)
    update, done = torch.optim.AdamW.step, []

    def step(self, *arguments, **settings):
        done.append(0)
        if len(done) > n_updates:
            raise KeyboardInterrupt
        return update(self, *arguments, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        assert run(*words("distill", inputs, options)).code == 130
    assert run(*words("distill", inputs, options)).code == 0
    again = results(out)
    assert again == {name: again[name] if name == "run.trec.gz" else value for name, value in results(whole).items()}


@pytest.mark.parametrize("command", ["finetune", "distill", "demo"])
def test_two_commands_into_one_folder_are_one_too_many(run, inputs: Path, command: str) -> None:
    out = inputs.parent / "out"
    with locked(out):
        outcome = run(*words(command, inputs))
    assert outcome.code == 2
    assert "another process writes into" in outcome.err
    assert "start" not in outcome.err.partition("another")[0]


FILES = ["run.trec.gz", "metrics.json", "config.yaml", "log.json", "training.json"]
FOLDERS = ["model", "checkpoints", "start", "scores", ""]


@pytest.mark.parametrize("command", ["finetune", "distill"])
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_what_is_in_the_way_of_a_result_is_found_before_any_work(run, inputs: Path, command: str, name: str) -> None:
    place = inputs.parent / "out" / name
    if name in FILES:
        (place / "full").mkdir(parents=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("a file")
    outcome = run(*words(command, inputs))
    assert outcome.code == 2
    assert ("is a folder, expected the name of a file" if name in FILES else "is a file") in outcome.err
    assert "unjudged" not in outcome.err, "nothing was read"


def test_a_blank_in_the_folders_name_is_no_word_of_the_runs_tag(run, inputs: Path) -> None:
    out = inputs.parent / "my own model"
    outcome = run(*words("finetune", inputs, {"--max-steps": [1], "--out": [out]}))
    assert outcome.code == 0, outcome.err
    assert gzip.decompress((out / "run.trec.gz").read_bytes()).splitlines()[0].split()[-1] == b"my_own_model"


def test_a_training_that_diverges_writes_no_model_and_leaves_the_folder_free(run, inputs: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        real = ListTrainer.compute_loss

        def diverges(self, model, inputs, *arguments, **options):
            if self.state.global_step == 4:
                with torch.no_grad():
                    next(model.parameters()).fill_(torch.inf)
            return real(self, model, inputs, *arguments, **options)

        patch.setattr(ListTrainer, "compute_loss", diverges)
        outcome = run(*words("finetune", inputs, {"--eval-steps": [2]}))
    assert outcome.code == 1
    assert "the loss is nan at update 5" in outcome.err
    assert "Try a lower learning rate" in outcome.err
    assert not (inputs.parent / "out" / "model").exists()
    outcome = run(*words("finetune", inputs, {"--learning-rate": [1e-4]}))
    assert outcome.code == 0, outcome.err


def test_an_unfinished_start_belongs_to_its_texts(run, inputs: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossEncoder, "save", stop)
        assert run(*words("finetune", inputs, {"--layers": [0, 2]})).code == 130
    edit("data/corpus.jsonl", lambda text: text.replace("dog", "cat"))(inputs)
    outcome = run(*words("finetune", inputs, {"--layers": [0, 2]}))
    assert outcome.code == 2
    assert "holds a start with other candidates' texts" in outcome.err


def test_an_unfinished_demo_belongs_to_its_collection_and_base(run, inputs: Path) -> None:
    options = {"--base": [inputs / "base"], "--max-length": [32], "--student-layers": [0]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rankdistill.recipes.demo._Demo.first_stage", stop)
        assert run(*words("demo", inputs, options)).code == 130
        assert run(*words("demo", inputs, options)).code == 130
        edit("data/qrels.txt", lambda text: text.replace(" 3", " 2"))(inputs)
        outcome = run(*words("demo", inputs, options))
        assert outcome.code == 2
        assert "holds a demo with other content of the collection" in outcome.err
        edit("data/qrels.txt", lambda text: text.replace(" 2", " 3"))(inputs)
        other_weights("base")(inputs)
        assert "holds a demo with other content of the base" in run(*words("demo", inputs, options)).err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("epochs: -1", "epochs must be at least 1, got -1"),
        ("learning_rate: .nan", "learning_rate must be above 0, got nan"),
        ("learning_rate: .inf", "learning_rate must be at most 1, got inf"),
        ("lists_per_batch: 0", "lists_per_batch must be at least 1"),
        ("warmup_ratio: 1.5", "warmup_ratio must be at most 1"),
        ("max_grad_norm: -1", "max_grad_norm must be at least 0"),
        ("adam_beta2: 1", "adam_beta2 must be below 1"),
        ("epochs: yes", "epochs"),
        ("epochs: [1, 2]", "epochs"),
        ("epochs: {a: 1}", "epochs"),
        ("epochs: 2020-01-01", "epochs"),
        ("epochs: 2.5", "epochs"),
        ("epochs: 99999999999999999999", "epochs"),
        ("epochs: " + "9" * 5000, "digits|epochs"),
        ("seed: -1", "seed must be at least 0"),
        ("objective: 5", "expected a sum such as"),
        ("objective: 'hinge(label, margin=.inf)'", "expected a sum such as"),
        ("share: 0", "share"),
        ("share: .nan", "share"),
        ("dtype: float8", "dtype"),
    ],
    ids=lambda value: value[:30],
)
def test_settings_in_a_file_that_cannot_be_meant_are_refused_before_any_work(
    run, inputs: Path, line: str, message: str
) -> None:
    (inputs / "settings.yaml").write_text(line + "\n")
    wanted = words("finetune", inputs, {"--config": [inputs / "settings.yaml"]})
    for option in ("--learning-rate", "--share", "--lists-per-batch"):  # the command line would win
        at = wanted.index(option)
        del wanted[at : at + 2]
    outcome = run(*wanted)
    assert outcome.code in (1, 2), outcome.err
    assert re.search(message, outcome.err)
    assert "candidates are unjudged" not in outcome.err
    assert len(outcome.err) < 2000

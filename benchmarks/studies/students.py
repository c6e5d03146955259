"""What the studies do with students: start, teach by teachers and labels, train under an objective, measure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import rankdistill as rd
from benchmarks.studies.marco import MsMarco
from benchmarks.studies.rows import MEASURES, PerQuery
from benchmarks.studies.teachers import SHARES
from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection, read_candidates, write_candidates
from rankdistill.ensembling import EnsembleReport, EnsembleSettings, ensemble
from rankdistill.ensembling.settings import MethodName
from rankdistill.files.facts import claim
from rankdistill.models import keep_layers, with_two_logits
from rankdistill.recipes import add_teachers
from rankdistill.recipes.papers import ENSEMBLED
from rankdistill.recipes.start import IMITATION
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings, draw_candidates

LAYERS = {"3+1 layers": (0, 4, 5, 6), "2+1 layers": (0, 5, 6)}
"""Layers of the teachers, six of the base and the one that their start adds, that students keep."""
SEEDS = (0, 1, 2)
"""Each draws other lists, in another order; the start and the teachers are the same."""
SETTINGS = TrainingSettings(list_size=8, lists_per_batch=8, learning_rate=5e-5, epochs=8, max_steps=85)
"""Of all students: 85 updates, four lists of each of 170 queries where all can be learnt from. The rate is that of
`benchmarks.studies.rates`. The last weights are taken: 39 queries held out cannot tell checkpoints apart."""
CANDIDATES = 48
"""Candidates of a training query, drawn once: what teachers score and students see."""
SCORING = ScoringSettings(dtype="auto")
TEACHERS = list(SHARES)
LABELS = "hinge(label)"
FREE = "cosine of the base encoder"
DISTILLED = ENSEMBLED
RATE = 0.9
WAYS: dict[str, tuple[MethodName, list[str]]] = {  # name -> method, teachers
    "single-KD": ("single", TEACHERS[:1]),
    "AE-KD": ("mean", TEACHERS),
    "PILE-KD": ("pile", TEACHERS),
}


# -- what students start from ------------------------------------------------------------------------------------------


def student_start(task: MsMarco, folder: Path, model: str, size: str) -> Path:
    """Make a start of a few layers that imitate a model's states, on other queries and on DL's; return its folder.

    model: "warm-up", which has seen no list of MS MARCO, or a teacher, whose imitation is a first distillation. No
    label is read, and no query that is held out.
    """
    whole, start = rd.CrossEncoder.from_pretrained(folder / model / "model"), None
    for name, lists, epochs in (("other queries", task.unlabelled, 1), ("DL's", task.not_held_out(task.train), 12)):
        settings, out = replace(IMITATION, epochs=epochs), folder / "starts" / model / size / name
        if not (out / "model").is_dir():
            rd.imitate(whole, LAYERS[size], lists, task.collection, settings, start=start, out=out)
        start = rd.CrossEncoder.from_pretrained(out / "model")
    return out / "model"


def layers_cut(folder: Path, size: str) -> Path:
    """Keep a few layers of the warm-up as they are; return the folder of the model."""
    out = folder / "starts" / "layers cut" / size
    if not out.is_dir():
        whole = rd.CrossEncoder.from_pretrained(folder / "warm-up" / "model")
        whole.with_model(keep_layers(whole.model, LAYERS[size])).save(out)
    return out


# -- what they learn from ----------------------------------------------------------------------------------------------


def teachers_in(folder: Path) -> dict[str, Path]:
    """The teachers' models, by name; `SystemExit` where they are not trained."""
    models = {name: folder / name / "model" for name in TEACHERS}
    if missing := [name for name, model in models.items() if not model.is_dir()]:
        raise SystemExit(f"no {', '.join(missing)} in {folder}: run python -m benchmarks.studies.teachers first")
    return models


def scored_lists(task: MsMarco, folder: Path) -> Candidates:
    """The students' lists with each teacher's scores, all brought to the level of the first's.

    Their objective, differences of scores, leaves a teacher's level open; PILE compares teachers by level.
    """
    lists = draw_candidates(task.train, CANDIDATES, seed=0, labels="label")
    scored = add_teachers(lists, task.collection, teachers_in(folder), SCORING, store=folder / "scores")
    level = np.mean(scored[TEACHERS[0]])
    return scored.with_columns({name: scored[name] - np.mean(scored[name]) + level for name in TEACHERS})


def ensembled(
    scored: Candidates, method: MethodName, teachers: list[str], rate: float, seed: int
) -> tuple[Candidates, EnsembleReport]:
    """The lists with the ensemble's score as the column "target", and what was done."""
    lists, report = ensemble(scored, teachers, EnsembleSettings(method, rate), seed=seed)
    return lists.only_columns("label").with_columns(target=lists[method]), report


# -- training and measuring --------------------------------------------------------------------------------------------


def trained_student(
    collection: Collection,
    lists: Candidates,
    start: Path,
    objective: str,
    seed: int,
    folder: Path,
    *,
    teacher: rd.CrossEncoder | None = None,
    n_logits: int = 1,
    settings: TrainingSettings = SETTINGS,
) -> Path:
    """Train a student under an objective, unless the folder has it; return the folder of the model.

    Raises `UsageError` where the folder has a student of other settings, lists, start or teacher.
    """
    settings = replace(settings, seed=seed)
    student = rd.CrossEncoder.from_pretrained(start)
    facts = {
        "objective": objective,
        "logits": n_logits,
        "settings": asdict(settings),
        "start": student.fingerprint(),
        "teacher": teacher and teacher.fingerprint(),
        "lists": digest_of(lists),
    }
    claim(folder, "a student", facts)
    if not (folder / "model").is_dir():
        if n_logits == 2:
            student = with_two_logits(student)
            teacher = with_two_logits(teacher) if teacher else None
        rd.fit(student, lists, collection, objective, settings, out=folder, teacher=teacher)
    return folder / "model"


def trained_students(
    test: Task, lists: Candidates, start: Path, objective: str, folder: Path, seeds: Sequence[int] = SEEDS
) -> list[PerQuery]:
    """Train a student under each seed, on the same lists, and measure each."""
    return [
        measured(test, trained_student(test.collection, lists, start, objective, seed, folder / f"seed{seed}"))
        for seed in seeds
    ]


def measured(test: Task, model: Path) -> PerQuery:
    """Measure a model on the test candidates, query by query; its scores of these are kept beside it."""
    file = model.with_name(f"{test.name} {digest_of(test.candidates.only_columns())[:12]}.parquet")
    if not file.is_file() or file.stat().st_mtime < (model / "model.safetensors").stat().st_mtime:
        scores = rd.score(str(model), test.candidates, test.collection, dtype="auto")
        write_candidates(test.candidates.only_columns().with_columns(score=scores), file)
    return per_query(test, read_candidates(file)["score"])


def free_systems(test: Task, first_stage: str) -> dict[str, PerQuery]:
    """What costs no training on the test candidates: the first stage, by its column, and the base encoder's cosine."""
    cosine = rd.cosine(test.candidates, test.collection)
    return {"BM25": per_query(test, test.candidates[first_stage]), FREE: per_query(test, cosine)}


def per_query(test: Task, scores: F32) -> PerQuery:
    """Measure scores of the test candidates, float32 (N,), query by query."""
    result = replace(test, measures=MEASURES).evaluation(scores)
    return {f"{name} mean": {"": value} for name, value in result.values.items()} | result.shares


def digest_of(lists: Candidates) -> str:
    """Hash of the ids and columns of candidates."""
    digest = hashlib.sha256(repr((lists.query_ids.to_pylist(), lists.doc_ids.to_pylist())).encode())
    for name in sorted(lists.columns):
        digest.update(name.encode() + np.ascontiguousarray(lists[name]).tobytes())
    return digest.hexdigest()

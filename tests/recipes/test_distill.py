"""Fine-tuning and distillation: teachers of all kinds, shares of queries, resumable scores, clear refusals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

from rankdistill.data import Candidates, Collection, load_collection, write_run
from rankdistill.data.collection import own_candidates
from rankdistill.ensembling.normalize import normalize
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.recipes import (
    Lesson,
    StartSettings,
    add_teachers,
    distill,
    finetune,
    name_teachers,
    sample_queries,
    start_model,
)
from rankdistill.scoring import score
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings, draw_candidates

SETTINGS = TrainingSettings(list_size=4, lists_per_batch=5, learning_rate=1e-3, epochs=2)


def model() -> CrossEncoder:
    return CrossEncoder(make_model(), make_tokenizer())


def test_a_share_of_the_queries_is_drawn_by_its_seed(run: Candidates) -> None:
    first, again, other = (sample_queries(run, 0.8, seed).query_ids.to_pylist() for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == round(0.8 * run.n_queries)
    assert [q for q in run.query_ids.to_pylist() if q in set(first)] == first, "in the run's order"
    assert sample_queries(run, 1.0, 3) is run


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_that_is_none_is_refused(run: Candidates, share: float) -> None:
    with pytest.raises(UsageError, match="share must be above 0 and at most 1"):
        sample_queries(run, share, 0)


def test_drawn_candidates_are_lists_with_the_relevant_ones(collection: Collection, run: Candidates) -> None:
    labelled, _ = Task(collection, run).labelled()
    labelled = labelled.take_queries(np.diff(labelled.offsets) >= 2)
    drawn = draw_candidates(labelled, 4, seed=0, labels="label")
    assert np.diff(drawn.offsets).max() == 4
    assert drawn.query_ids.equals(labelled.query_ids)
    assert (drawn["label"] > 0).sum() == (labelled["label"] > 0).sum()
    np.testing.assert_array_equal(labelled["label"][labelled.find(drawn)], drawn["label"])
    assert draw_candidates(labelled, 4, 0, "label").doc_ids.equals(drawn.doc_ids)
    assert not draw_candidates(labelled, 4, 1, "label").doc_ids.equals(drawn.doc_ids)


def test_models_and_runs_are_teachers_alike(collection: Collection, run: Candidates, tmp_path: Path) -> None:
    teacher = model()
    teacher.save(tmp_path / "teacher")
    write_run(run, tmp_path / "bm25.trec", by="bm25")
    scored = add_teachers(run, collection, name_teachers([tmp_path / "teacher", tmp_path / "bm25.trec"]))
    np.testing.assert_allclose(scored["t1"], score(teacher, run, collection, dtype="float32"), rtol=1e-5)
    np.testing.assert_allclose(scored["t2"], run["bm25"], rtol=1e-6)


def test_distilled_student_comes_closer_to_the_ensemble(
    collection: Collection, run: Candidates, tmp_path: Path
) -> None:
    write_run(run, tmp_path / "bm25.trec", by="bm25")
    teachers = {"model": model(), "run": tmp_path / "bm25.trec"}
    ensembling = EnsembleSettings(method="mean", normalize="zscore")
    start = CrossEncoder(make_model(), make_tokenizer())
    before = score(start, run, collection)
    student, report = distill(
        collection,
        run,
        teachers,
        start,
        TrainingSettings(list_size=6, lists_per_batch=6, learning_rate=2e-3, epochs=8),
        ensembling=ensembling,
        objective="pointwise_mse(target)",
        out=tmp_path / "student",
    )
    target = sum(normalize(s, run.offsets, "zscore") for s in (score(model(), run, collection), run["bm25"]))
    after = score(student, run, collection)
    assert np.mean((after - target / 2) ** 2) < 0.8 * np.mean((before - target / 2) ** 2)
    assert list(report.teachers) == ["model", "run"]
    assert (tmp_path / "student" / "model" / "model.safetensors").is_file()
    assert list((tmp_path / "student" / "scores").iterdir()), "the teacher's scores are kept"


def test_teachers_of_pairs_are_averaged_unless_told_as_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("kind: similarity\ntexts: [a, b]\nlabel: y\nrange: [0, 5]\n")
    (tmp_path / "train.tsv").write_text("a\tb\ty\na cat\ta dog\t0\na dog\ta dog\t5\na cat\ta book\t2\n")
    pairs = load_collection(f"task:{tmp_path}")
    candidates = own_candidates(pairs)
    for name, scores in (("one", [0.5, 4, 1]), ("two", [1, 5, 3])):
        given = candidates.with_columns({name: np.array(scores, np.float32)})
        write_run(given, tmp_path / f"{name}.trec", by=name)
    teachers = [tmp_path / "one.trec", tmp_path / "two.trec"]
    reports = [
        distill(pairs, candidates, teachers, model(), SETTINGS, ensembling=ensembling)[1]
        for ensembling in (None, EnsembleSettings(method="pile"))
    ]
    assert [report.method for report in reports if report is not None] == ["mean", "pile"]


def test_finetuning_on_a_share_uses_these_queries_alone(collection: Collection, run: Candidates) -> None:
    kept = sample_queries(Task(collection, run).labelled()[0], 0.5, 7)
    by_share = finetune(collection, run, model(), SETTINGS, share=0.5, sample_seed=7)
    by_hand = finetune(collection, kept.only_columns("bm25"), model(), SETTINGS)
    np.testing.assert_array_equal(score(by_share, run, collection), score(by_hand, run, collection))


def test_the_ensemble_is_read_under_either_of_its_names(collection: Collection, run: Candidates) -> None:
    students = [
        distill(collection, run, {"t1": model()}, model(), SETTINGS, objective=f"margin_mse({name}, label)")[0]
        for name in ("target", "pile")
    ]
    assert students[0].fingerprint() == students[1].fingerprint() != model().fingerprint()


@pytest.mark.parametrize("name", ["label", "target", "teacher"])
def test_teacher_named_as_a_word_of_objectives_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"a teacher is named '{name}', which means something else"):
        Lesson.of({name: "m"}, f"pointwise_mse({name})")


def test_teachers_score_in_the_precision_of_the_settings(collection: Collection, run: Candidates) -> None:
    rounded = add_teachers(run, collection, {"t": model()}, ScoringSettings(dtype="bfloat16"))["t"]
    np.testing.assert_array_equal(rounded, score(model(), run, collection, dtype="bfloat16"))
    assert not np.array_equal(rounded, add_teachers(run, collection, {"t": model()})["t"])


def test_teachers_that_cannot_teach_are_refused(collection: Collection, run: Candidates, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no teachers given"):
        name_teachers([])
    with pytest.raises(DataError, match="no model 'no/such-model'"):
        add_teachers(run, collection, {"t1": "no/such-model"})
    write_run(Candidates.from_rows(["x"], ["y"], {"s": [1.0]}), tmp_path / "strange.trec", by="s")
    with pytest.raises(DataError, match=r"strange\.trec scores none of the candidates"):
        add_teachers(run, collection, {"t1": tmp_path / "strange.trec"})
    partial = run.take_queries(slice(0, 5))
    write_run(partial, tmp_path / "partial.trec", by="bm25")
    with pytest.raises(DataError, match=r"t1.*query"):
        distill(collection, run, {"t1": tmp_path / "partial.trec"}, model(), SETTINGS)


def deberta() -> CrossEncoder:
    tokenizer = make_tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return CrossEncoder(make_model("deberta-v2"), tokenizer)


@pytest.mark.parametrize(
    ("objective", "teacher", "message"),
    [
        (
            "attention_mse(teacher) + pointwise_mse(target)",
            deberta,
            "scores of DeBERTa-v2 cannot be compared",
        ),
        ("attention_mse(teacher, layers=[1]) + pointwise_mse(target)", model, "expected 'every', 'last', 'last-k'"),
        ("cross_entropy(label) + pointwise_mse(target)", model, "needs a model with 2 logits, this one has 1"),
        ("pointwise_mse(t9) + pointwise_mse(target)", model, "column of the objective .* 't9'"),
    ],
)
def test_an_objective_that_does_not_suit_is_refused_before_any_teacher_scores(
    collection: Collection,
    run: Candidates,
    objective: str,
    teacher: Callable[[], CrossEncoder],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a teacher scored")

    monkeypatch.setattr(sys.modules["rankdistill.recipes.distill"], "add_teachers", fail)
    student = teacher() if teacher is deberta else model()
    with pytest.raises((UsageError, DataError), match=message):
        distill(collection, run, {"t1": teacher()}, student, SETTINGS, objective=objective)


def test_a_mistyped_teacher_in_an_objective_is_named() -> None:
    with pytest.raises(UsageError, match=r"column of the objective .* 't3'.* Valid: label, pile, t1, t2, target"):
        Lesson.of({"t1": "a.trec", "t2": "b.trec"}, "pairwise_mse(t3)")


def test_the_start_follows_the_base_or_the_settings(collection: Collection, tiny_base: Path) -> None:
    plain = start_model(collection, tiny_base, max_length=64)
    assert plain.model.config.num_hidden_layers == 4
    cosine = start_model(collection, tiny_base, start="cosine", layers=[0, 1], imitate=False, max_length=32)
    assert cosine.model.config.num_hidden_layers == 3
    assert cosine.max_length == 32
    by_settings = start_model(collection, tiny_base, StartSettings("cosine", (0, 1), imitate=False, max_length=32))
    assert by_settings.fingerprint() == cosine.fingerprint()
    with pytest.raises(UsageError, match="unknown start 'warm'"):
        start_model(collection, tiny_base, start="warm")


def test_layers_imitate_all_layers_unless_that_is_refused(collection: Collection, tiny_base: Path) -> None:
    with pytest.raises(UsageError, match=r"layers \[0, 1\] first imitate all .* give candidates, or imitate=False"):
        start_model(collection, tiny_base, layers=[0, 1], max_length=32)


def test_a_start_of_few_layers_learns_from_all_and_is_kept(
    collection: Collection, run: Candidates, tiny_base: Path, tmp_path: Path
) -> None:
    def started() -> CrossEncoder:
        return start_model(
            collection,
            tiny_base,
            start="cosine",
            layers=[0, 3],
            max_length=64,
            candidates=run,
            training=SETTINGS,
            out=tmp_path / "start",
        )

    first = started()
    written = (tmp_path / "start" / "model" / "model.safetensors").stat().st_mtime_ns
    second = started()
    assert (tmp_path / "start" / "model" / "model.safetensors").stat().st_mtime_ns == written
    assert first.model.config.num_hidden_layers == 3
    np.testing.assert_allclose(score(first, run, collection), score(second, run, collection), atol=1e-5)
    untaught = start_model(collection, tiny_base, start="cosine", layers=[0, 3], imitate=False, max_length=64)
    assert not np.allclose(score(first, run, collection), score(untaught, run, collection), atol=1e-3)
    with pytest.raises(UsageError, match=r"got layers \[0, 2\], expected the last to be 3"):
        start_model(collection, tiny_base, start="cosine", layers=[0, 2], candidates=run, max_length=64)

"""Training beside a teacher: logits and insides, terms logged alone, projections that come and go, resumption."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import make_candidates, make_collection, make_model, make_tokenizer

from rankdistill.errors import UsageError
from rankdistill.losses import LOSSES
from rankdistill.models import CrossEncoder, keep_layers, with_two_logits
from rankdistill.scoring import score
from rankdistill.training import Objective, TrainingSettings, fit

SETTINGS = TrainingSettings(
    epochs=10, list_size=4, lists_per_batch=4, learning_rate=2e-3, logging_steps=1, save_steps=4
)
INSIDES = " + ".join(f"{name}(teacher)" for name, loss in LOSSES.items() if loss.needs_states)


def models(hidden: int = 32) -> tuple[CrossEncoder, CrossEncoder]:
    """A teacher of four layers whose scores differ much, and a student of two."""
    model = make_model()
    with torch.no_grad():
        for weight in (*model.bert.encoder.parameters(), *model.classifier.parameters()):
            if weight.ndim == 2:
                weight.mul_(6)
    teacher = CrossEncoder(model, make_tokenizer())
    if hidden != 32:
        return teacher, CrossEncoder(make_model(hidden_size=hidden, num_hidden_layers=2), make_tokenizer())
    return teacher, teacher.with_model(keep_layers(teacher.model, [0, 2]))


def labelled():
    collection = make_collection(8)
    candidates = make_candidates(collection, 10)
    return collection, candidates.with_columns(label=np.arange(len(candidates)) % 3 == 0)


def test_a_student_comes_to_its_teachers_scores_without_their_being_stored() -> None:
    teacher, student = models()
    collection, candidates = labelled()
    wanted, before = score(teacher, candidates, collection), score(student, candidates, collection)
    fit(student, candidates, collection, "pointwise_mse(teacher)", SETTINGS, teacher=teacher)
    after = score(student, candidates, collection)
    assert np.mean((after - wanted) ** 2) < 0.5 * np.mean((before - wanted) ** 2)


def test_every_term_is_logged_alone_and_falls(tmp_path: Path) -> None:
    teacher, student = models()
    collection, candidates = labelled()
    two = with_two_logits(teacher), with_two_logits(student)
    objective = f"cross_entropy(label) + soft_cross_entropy(teacher) + 0.5*{INSIDES}"
    fit(two[1], candidates, collection, objective, SETTINGS, teacher=two[0], out=tmp_path / "out")
    log = [entry for entry in json.loads((tmp_path / "out" / "log.json").read_text()) if "loss" in entry]
    terms = [term.name for term in Objective.parse(objective).terms]
    assert len(terms) > 4
    falling = set(terms[2:]) - {"embedding_mse(teacher)"}  # which begins at the noise of dropout
    for term in falling:  # the logits of this teacher leave its cross entropy no room to fall
        assert log[-1][term] < log[0][term], term
    assert log[0]["loss"] == pytest.approx(
        sum(log[0][t.name] * t.weight for t in Objective.parse(objective).terms), rel=1e-3
    )


def test_a_narrower_student_learns_through_projections_that_are_gone_at_the_end(tmp_path: Path) -> None:
    teacher, student = models(hidden=16)
    collection, candidates = labelled()
    objective = "pointwise_mse(teacher) + hidden_mse(teacher) + embedding_mse(teacher)"
    fit(student, candidates, collection, objective, SETTINGS, teacher=teacher, out=tmp_path / "out")
    assert not any("companion" in name for name, _ in student.model.named_parameters())
    saved = CrossEncoder.from_pretrained(tmp_path / "out" / "model")
    np.testing.assert_allclose(score(saved, candidates, collection), score(student, candidates, collection), atol=1e-6)


def test_a_killed_training_with_projections_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    collection, candidates = labelled()
    objective = "pointwise_mse(teacher) + hidden_mse(teacher)"

    def train(out: Path) -> np.ndarray:
        teacher, student = models(hidden=16)
        fit(student, candidates, collection, objective, SETTINGS, teacher=teacher, out=out)
        return score(student, candidates, collection)

    whole = train(tmp_path / "whole")
    step, steps = torch.optim.AdamW.step, []

    def stop_at_tenth(self, *args, **kwargs):
        steps.append(1)
        if len(steps) == 10:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", stop_at_tenth)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "killed")
    np.testing.assert_array_equal(train(tmp_path / "killed"), whole)


def test_a_training_that_fails_leaves_the_student_as_it_was_built(monkeypatch) -> None:
    teacher, student = models(hidden=16)
    names, fingerprint = set(student.model.state_dict()), student.fingerprint()
    collection, candidates = labelled()

    def stop(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(student, candidates, collection, "hidden_mse(teacher)", SETTINGS, teacher=teacher)
    assert set(student.model.state_dict()) == names
    assert student.fingerprint() == fingerprint
    assert all(weight.requires_grad for weight in student.model.parameters())


def test_experts_train_heads_of_their_own_that_are_gone_at_the_end(tmp_path: Path) -> None:
    _, student = models()
    collection, candidates = labelled()
    candidates = candidates.with_columns(t1=4 * candidates["label"], t2=1 - candidates["label"])
    head = student.model.classifier.weight.clone()
    names = set(student.model.state_dict())
    objective = "pointwise_mse(t1, head=t1) + pointwise_mse(t2, head=t2)"
    fit(student, candidates, collection, objective, SETTINGS, out=tmp_path)
    log = [entry for entry in json.loads((tmp_path / "log.json").read_text()) if "loss" in entry]
    for term in Objective.parse(objective).terms:
        assert log[-1][term.name] < log[0][term.name]
    assert set(student.model.state_dict()) == names
    assert torch.equal(student.model.classifier.weight, head), "no term reads the student's own head"


def test_teachers_that_do_not_suit_are_refused() -> None:
    teacher, student = models()
    collection, candidates = labelled()
    with pytest.raises(UsageError, match="learns from a teacher that runs beside the student"):
        fit(student, candidates, collection, "pointwise_mse(teacher)", SETTINGS)
    objective, two = "soft_cross_entropy(teacher)", with_two_logits(student)
    with pytest.raises(UsageError, match="soft_cross_entropy needs a model with 2 logits, the teacher has 1"):
        fit(two, candidates, collection, objective, SETTINGS, teacher=teacher)
    other = CrossEncoder(make_model(), make_tokenizer())
    other.tokenizer.add_tokens(["strange"])
    with pytest.raises(UsageError, match=r"vocabulary.* use the teacher's scores instead"):
        fit(student, candidates, collection, "pointwise_mse(teacher)", SETTINGS, teacher=other)
    for changed in (other, CrossEncoder(make_model(), make_tokenizer(), prompt="query: ")):
        for objective in ("relations(teacher)", "pointwise_mse(teacher) + hidden_mse(teacher)"):
            with pytest.raises(UsageError, match="cannot read the same batches: take a student with the teacher's tok"):
                fit(student, candidates, collection, objective, SETTINGS, teacher=changed)
    with pytest.raises(UsageError, match=r"hidden_mse fits the insides of a teacher.*write hidden_mse\(teacher\)"):
        Objective.parse("hidden_mse(pile)")


def test_a_teacher_reads_its_own_inputs_whatever_the_student_takes() -> None:
    """A DistilBERT student takes no segments; its BERT teacher, of the same vocabulary, does."""
    collection, candidates = labelled()
    teacher, _ = models()
    with torch.no_grad():
        teacher.model.bert.embeddings.token_type_embeddings.weight[1].add_(1)
    student = CrossEncoder(make_model("distilbert"), make_tokenizer())
    seen: list[torch.Tensor] = []
    hook = teacher.model.register_forward_hook(lambda _module, _inputs, output: seen.append(output.logits[:, 0]))
    settings = TrainingSettings(list_size=10, lists_per_batch=8, max_steps=1, dtype="float32")
    fit(student, candidates, collection, "pointwise_mse(teacher)", settings, teacher=teacher)
    hook.remove()
    expected = np.sort(score(teacher, candidates, collection))
    np.testing.assert_allclose(np.sort(torch.cat(seen).numpy()), expected, atol=1e-5)


def test_a_teacher_of_one_segment_beside_a_student_of_two_reads_none() -> None:
    collection, candidates = labelled()
    teacher = CrossEncoder(make_model("roberta"), make_tokenizer())
    student = CrossEncoder(make_model(), make_tokenizer())
    settings = TrainingSettings(list_size=4, lists_per_batch=8, max_steps=1, dtype="float32")
    fit(student, candidates, collection, "pointwise_mse(teacher)", settings, teacher=teacher)

"""Guided pre-training: experts' logits in columns, a head for each, and a masked language model beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import lively, make_collection, make_model, make_tokenizer
from torch.nn.functional import cross_entropy, kl_div

from rankdistill.data import Candidates
from rankdistill.errors import UsageError
from rankdistill.inputs.masking import TokenMasker
from rankdistill.models import CrossEncoder
from rankdistill.models.companions import beside
from rankdistill.models.masked_lm import (
    FILE,
    MASKED_LM,
    MaskedLMHead,
    embeddings_of,
    load_masked_lm_head,
)
from rankdistill.training import Objective, TrainingSettings, fit
from rankdistill.training.draw import plan_lists
from rankdistill.training.list_source import ListSource
from rankdistill.training.masked import Masked
from rankdistill.training.objective_trainer import ObjectiveTrainer

KEPT = (2, 3, 6)
SETTINGS = TrainingSettings(lists_per_batch=8, learning_rate=1e-3, logging_steps=1, save_steps=2, dtype="float32")


def pairs(n_pairs: int = 24) -> Any:
    """A collection, and single pairs over it with an expert's three logits and another's score."""
    collection = make_collection(n_pairs, n_pairs)
    rng = np.random.default_rng(0)
    columns = {f"nli.{k}": rng.normal(size=n_pairs) for k in range(3)} | {"sts": rng.normal(size=n_pairs)}
    queries, documents = ([f"{kind}{i}" for i in range(n_pairs)] for kind in "qd")
    return collection, Candidates.from_rows(queries, documents, columns)


def student() -> CrossEncoder:
    return CrossEncoder(make_model(), make_tokenizer(), max_length=32)


def head_for(model: CrossEncoder) -> MaskedLMHead:
    torch.manual_seed(0)
    return MaskedLMHead(model.model)


def source_of(model: CrossEncoder, candidates: Candidates, collection: Any, columns: list[str]) -> Masked:
    plan = plan_lists(candidates, 8, 2, 0, compared=False)
    inner = ListSource(model, candidates, collection, plan, columns, 8)
    return Masked(inner, TokenMasker(model.tokenizer), seed=5)


@pytest.mark.parametrize("shared", [False, True])
def test_terms_are_those_of_a_plain_loop(shared: bool, tmp_path: Path) -> None:
    """KL of a head to stored logits, and the masked loss over the whole vocabulary, written out with transformers."""
    collection, candidates = pairs()
    model = CrossEncoder(lively("bert"), make_tokenizer(), max_length=32)
    objective = Objective.parse(f"kl(nli, head=nli) + mlm(shared={shared})")
    source = source_of(model, candidates, collection, objective.read_columns(candidates.columns))
    head = head_for(model)
    companions = {**objective.companions(model.model, None, candidates.columns), MASKED_LM: lambda: head}
    batch = source[1]
    from transformers import TrainingArguments

    arguments = TrainingArguments(str(tmp_path), report_to=[], use_cpu=True)
    with beside(model.model, companions):
        model.model.eval()
        trainer = ObjectiveTrainer(model, source, {"": objective}, {}, arguments, "float32")
        with torch.no_grad():
            _, values = trainer.losses(model.model, batch)
            student_logits, states, ids = [], [], []
            for plain, masked in zip(batch["inputs"], batch["masked"], strict=True):
                unmasked = model.model(**plain, output_hidden_states=True)
                seen = model.model(**{**plain, "input_ids": masked["input_ids"]}, output_hidden_states=True)
                pooled = (seen if shared else unmasked).hidden_states[-1][:, 0]
                student_logits.append(model.model.distillation_companions["head nli"](pooled))
                states.append(seen.hidden_states[-1][masked["chosen"]])
                ids.append(plain["input_ids"][masked["chosen"]])
            expected = cross_entropy(head(torch.cat(states), embeddings_of(model.model)), torch.cat(ids))
            ordered = torch.cat(student_logits)[batch["places"]]
            targets = torch.stack([batch["columns"][f"nli.{k}"][:, 0] for k in range(3)], -1)
            divergence = kl_div(ordered.log_softmax(-1), targets.softmax(-1), reduction="batchmean")
    torch.testing.assert_close(values[next(name for name in values if name.startswith("mlm"))], expected)
    torch.testing.assert_close(values["kl(nli, head=nli)"], divergence, atol=1e-6, rtol=1e-5)


@pytest.mark.slow
def test_both_losses_fall_and_the_head_is_written_beside_the_model(tmp_path: Path) -> None:
    collection, candidates = pairs()
    model, settings = student(), TrainingSettings(lists_per_batch=8, learning_rate=5e-3, epochs=40, logging_steps=10)
    head = head_for(model)
    objective = "kl(nli, head=nli) + pointwise_mse(sts, head=sts) + mlm()"
    fit(model, candidates, collection, objective, settings, out=tmp_path, masked_lm=head)
    log = [entry for entry in json.loads((tmp_path / "log.json").read_text()) if "loss" in entry]
    for term in ("kl(nli, head=nli)", "pointwise_mse(sts, head=sts)", "mlm()"):
        assert log[-1][term] < log[0][term], term
    saved = load_masked_lm_head(model.model, tmp_path)
    assert saved is not None
    assert saved.fingerprint() == head.fingerprint()
    assert not hasattr(model.model, "distillation_companions")


def test_a_resumed_training_ends_in_the_same_weights(tmp_path: Path) -> None:
    collection, candidates = pairs()
    objective, results, kept = "kl(nli, head=nli) + mlm()", [], []
    for folder, steps in (("whole", 6), ("cut", 3), ("cut", 6)):
        model = student()
        head = head_for(model)
        settings = TrainingSettings(**{**SETTINGS.__dict__, "epochs": 2, "max_steps": 6})
        if steps == 3:
            with pytest.raises(KeyboardInterrupt):
                interrupted(model, candidates, collection, objective, settings, tmp_path / folder, head)
            continue
        out = tmp_path / folder
        fit(model, candidates, collection, objective, settings, out=out, masked_lm=head, keep_steps=KEPT)
        results.append((model.fingerprint(), (out / FILE).read_bytes()))
        kept.append([CrossEncoder.from_pretrained(out / "steps" / str(step)).fingerprint() for step in KEPT])
        last = [out / name / "model.safetensors" for name in ("model", "steps/6")]
        assert last[0].read_bytes() == last[1].read_bytes()
        assert sorted(path.name for path in (out / "steps").iterdir()) == [str(step) for step in KEPT]
    assert results[0] == results[1]
    assert kept[0] == kept[1]
    assert len(set(kept[0])) == len(KEPT)


def test_models_after_chosen_updates_are_not_those_of_an_earlier_training(tmp_path: Path) -> None:
    collection, candidates = pairs()
    for steps, epochs in (((1, 2), 1), ((3,), 2)):
        settings = TrainingSettings(**{**SETTINGS.__dict__, "epochs": epochs})
        fit(student(), candidates, collection, "pointwise_mse(sts)", settings, out=tmp_path, keep_steps=steps)
        assert {path.name for path in (tmp_path / "steps").iterdir()} == set(map(str, steps))
    with pytest.raises(UsageError, match="are kept in a folder: give out"):
        fit(student(), candidates, collection, "pointwise_mse(sts)", SETTINGS, keep_steps=(1,))


def interrupted(
    model: Any, candidates: Any, collection: Any, objective: str, settings: Any, out: Path, head: Any
) -> None:
    """Train, and interrupt the fourth update."""
    calls, compute = [], ObjectiveTrainer.losses

    def losses(self: Any, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return compute(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ObjectiveTrainer, "losses", losses)
        fit(model, candidates, collection, objective, settings, out=out, masked_lm=head, keep_steps=KEPT)


def test_masks_depend_on_the_place_and_the_seed_alone() -> None:
    collection, candidates = pairs()
    model = student()
    source, again = (source_of(model, candidates, collection, []) for _ in range(2))
    for index in (3, 0, 3, -1):
        for one, other in zip(source[index]["masked"], again[index]["masked"], strict=True):
            assert torch.equal(one["input_ids"], other["input_ids"])
            assert torch.equal(one["chosen"], other["chosen"])
    first, second = (torch.cat([part["chosen"].sum(1) for part in source[index]["masked"]]) for index in (0, 3))
    assert not torch.equal(first, second), "each epoch masks other tokens"


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("schedule", ["polynomial", "linear"])
def test_a_warm_up_may_take_all_updates(steps: int, schedule: str) -> None:
    collection, candidates = pairs()
    settings = {**SETTINGS.__dict__, "max_steps": steps, "lr_scheduler_type": schedule, "warmup_ratio": 1.0}
    model = student()
    before = model.fingerprint()
    fit(model, candidates, collection, "pointwise_mse(sts)", TrainingSettings(**settings))
    changed = model.fingerprint() != before
    assert changed == (steps > 1 or schedule == "polynomial"), "the rate of the first update of a warm-up is 0"


def test_a_masked_language_model_needs_its_head() -> None:
    collection, candidates = pairs()
    with pytest.raises(UsageError, match=r"trains a masked language model: give its head, masked_lm"):
        fit(student(), candidates, collection, "pointwise_mse(sts) + mlm()", SETTINGS)

"""Training behind a prompt: a causal language model, a classifier made of one, and a student beside its teacher."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import labelled, make_collection
from tiny_causal import write_causal

from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.training import TrainingSettings, fit

ASKED = {"prompt": "Query: {query}\nDocument: {document}\nAnswer:", "relevant_token": "a", "other_token": "the"}
PAIRS = [("a dog", "the dog wrote"), ("what is a list?", "sorted(x)\n"), (" a", "long " * 200)]
COLLECTION = make_collection(6, 9)
SETTINGS = TrainingSettings(epochs=3, list_size=4, lists_per_batch=3, learning_rate=1e-3, save_steps=2, logging_steps=1)
KINDS = ("causal", "classifier", "student")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model, and the classifier that is made of it."""
    folder = tmp_path_factory.mktemp("models")
    CrossEncoder.from_pretrained(write_causal(folder / "causal"), **ASKED).save(folder / "classifier")
    return folder


def train(kind: str, folder: Path, out: Path) -> CrossEncoder:
    """Train a model that reads the prompt; a student of one layer learns from the classifier beside it."""
    objective, teacher = "hinge(label)", None
    if kind == "causal":
        model = CrossEncoder.from_pretrained(folder / "causal", **ASKED)
    elif kind == "classifier":
        model = CrossEncoder.from_pretrained(folder / "classifier")
    else:
        model = CrossEncoder.from_base(folder / "classifier", layers=[0])
        objective, teacher = (
            "pointwise_mse(teacher) + 0.5*hinge(label)",
            CrossEncoder.from_pretrained(folder / "classifier"),
        )
    return fit(model, labelled(COLLECTION, 5), COLLECTION, objective, SETTINGS, out=out, teacher=teacher)


@pytest.mark.parametrize("kind", KINDS)
def test_training_behind_a_prompt_learns_resumes_and_saves_what_it_reads(
    kind: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = train(kind, folder, tmp_path / "whole")
    log = [entry["loss"] for entry in json.loads((tmp_path / "whole" / "log.json").read_text()) if "loss" in entry]
    assert np.mean(log[-2:]) < 0.9 * np.mean(log[:2])

    update, done = torch.optim.AdamW.step, []

    def step(self, *arguments, **options):
        done.append(0)
        if len(done) == 4:
            raise KeyboardInterrupt
        return update(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train(kind, folder, tmp_path / "killed")
    resumed = train(kind, folder, tmp_path / "killed")
    for name, weight in model.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], weight), name

    again = CrossEncoder.from_pretrained(tmp_path / "whole" / "model")
    scores = model.predict(PAIRS)
    assert np.ptp(scores) > 1e-3
    np.testing.assert_allclose(again.predict(PAIRS), scores, atol=1e-5)
    assert again.asked is not None
    library = pytest.importorskip("sentence_transformers")
    theirs = library.CrossEncoder(str(tmp_path / "whole" / "model"), device="cpu")
    np.testing.assert_allclose(theirs.predict(PAIRS), scores, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_a_teacher_in_bfloat16_beside_the_student_teaches_what_it_does_in_float32(dtype: str, tmp_path: Path) -> None:
    stored, losses = write_causal(tmp_path / "causal", dtype=torch.bfloat16), []
    settings = replace(SETTINGS, dtype=dtype, epochs=1)
    for kept in (None, "float32"):
        teacher = CrossEncoder.from_pretrained(stored, dtype=kept, **ASKED)
        student = keep_layers(CrossEncoder.from_pretrained(stored, dtype="float32", **ASKED), [0])
        out = tmp_path / f"out {kept}"
        fit(student, labelled(COLLECTION, 5), COLLECTION, "soft_bce(teacher)", settings, teacher=teacher, out=out)
        losses.append([entry["loss"] for entry in json.loads((out / "log.json").read_text()) if "loss" in entry])
    assert len(losses[0]) > 1
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.1)


def test_training_in_float32_refuses_weights_that_are_not(tmp_path: Path) -> None:
    model = CrossEncoder.from_pretrained(write_causal(tmp_path / "causal", dtype=torch.bfloat16), **ASKED)
    settings = replace(SETTINGS, dtype="float32")
    with pytest.raises(UsageError, match=r"needs weights in float32, .* in bfloat16: load it with dtype=\"float32\""):
        fit(model, labelled(COLLECTION, 5), COLLECTION, "hinge(label)", settings)

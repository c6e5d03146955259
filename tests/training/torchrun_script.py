"""What `test_torchrun` runs in one process and in several: trainings by name, each into a folder of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tiny import make_candidates, make_collection, make_model, make_tokenizer

import rankdistill.models.dropout
from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.models.masked_lm import MaskedLMHead
from rankdistill.models.shared_encoder import with_new_head
from rankdistill.recipes import distill
from rankdistill.tasks import Task
from rankdistill.training import Objective, TrainingSettings, batches, fit, imitate
from rankdistill.training.fit_tasks import Part, fit_tasks

collection = make_collection(13)
candidates = make_candidates(collection, 10)
labels = np.where(np.arange(len(candidates)) % 5 == 4, np.nan, np.arange(len(candidates)) % 3)
candidates = candidates.with_columns(label=labels)
dev = Task(collection, candidates, measures=("nDCG@10",), qrels=candidates.take_rows(~np.isnan(labels)))
collection.name, collection.qrels, collection.unjudged = "made", dev.qrels, "irrelevant"
settings = TrainingSettings(
    epochs=3, list_size=4, lists_per_batch=6, learning_rate=1e-3, logging_steps=1, dtype="float32", eval_steps=3
)
alone = replace(settings, eval_steps=0)


def model():
    return CrossEncoder(make_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), make_tokenizer())


def labels_alone(out):
    fit(model(), candidates, collection, "hinge(label) + list_cross_entropy(label)", settings, dev=dev, out=out)


def resumed(out):
    original, steps = torch.optim.AdamW.step, []

    def step(self, *args, **kwargs):
        steps.append(0)
        if len(steps) > 4:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    torch.optim.AdamW.step = step
    try:
        labels_alone(out)
    except KeyboardInterrupt:
        torch.optim.AdamW.step = original
    labels_alone(out)


def beside(out):
    teacher = model()
    student = teacher.with_model(keep_layers(teacher.model, [0, 2]))
    objective = "pointwise_mse(teacher) + hidden_mse(teacher)"
    fit(student, candidates, collection, objective, settings, out=out, teacher=teacher)


def related(out):
    """Losses on insides that read no layer's output; of a last batch of one pair, a process has none."""
    teacher = model()
    student = teacher.with_model(keep_layers(teacher.model, [0, 2]))
    pairs = candidates.take_rows(np.arange(0, len(candidates), 10))  # one a query
    objective = " + ".join(f"{name}(teacher)" for name in ("relations", "attention_mse", "embedding_mse"))
    fit(student, pairs, collection, objective, replace(alone, epochs=1, lists_per_batch=2), out=out, teacher=teacher)


def relations(out):
    """Relations alone, which train neither the last layer nor the head."""
    teacher = model()
    student = teacher.with_model(keep_layers(teacher.model, [0, 2]))
    fit(student, candidates, collection, "relations(teacher)", alone, out=out, teacher=teacher)


def distilled(out):
    teacher = model()
    with torch.no_grad():
        teacher.model.classifier.weight.mul_(50)
    distill(collection, candidates, {"t1": teacher}, model(), settings, out=out)


def imitated(out):
    imitate(model(), [0, 3], candidates, collection, settings, out=out)


def guided(out):
    """A head of an expert, and a masked language model; of a last batch of one pair, a process has none."""
    pairs = candidates.take_rows(np.arange(0, len(candidates), 10))  # one a query
    columns = {f"e.{place}": np.random.default_rng(place).normal(size=len(pairs)) for place in range(3)}
    rankdistill.models.dropout.dropout = lambda x, p: x  # that of the new head: each process draws its own
    student = model()
    torch.manual_seed(0)
    head = MaskedLMHead(student.model)
    objective = "kl(e, head=e) + mlm()"
    fit(student, pairs.with_columns(columns), collection, objective, alone, out=out, masked_lm=head)


def language(out):
    student = model()
    torch.manual_seed(0)
    head = MaskedLMHead(student.model)
    pairs = candidates.take_rows(np.arange(0, len(candidates), 10))
    fit(student, pairs, collection, "mlm()", alone, out=out, masked_lm=head)


def several(out):
    """Two tasks of one encoder, each with a head of its own."""
    first = model()
    torch.manual_seed(0)
    other = with_new_head(first, first.contract, (), 2)
    objective = Objective.parse("bce(label)")
    parts = {
        "one": Part(first, candidates, collection, objective, dev, folder="model"),
        "two": Part(other, candidates.take_queries(slice(0, 5)), collection, objective, dev),
    }
    fit_tasks(parts, replace(settings, lists_per_batch=12), out=out)


TRAININGS = {
    each.__name__: each
    for each in (labels_alone, resumed, beside, distilled, imitated, guided, language, several, related, relations)
}


if __name__ == "__main__":
    torch.set_num_threads(1)
    # processes then split their shares into different numbers of parts
    batches.PART_TOKENS = batches.PACKED_PART_TOKENS = 1
    out, *wanted = sys.argv[1:]
    for name in wanted:
        TRAININGS[name](Path(out) / name)

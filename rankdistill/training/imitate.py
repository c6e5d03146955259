"""imitate: keep a few layers of a cross-encoder, and teach them without labels to end in the states of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from transformers import TrainingArguments

from rankdistill.data.candidates import Candidates
from rankdistill.inputs.texts import TextCollection
from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.models.embeddings import one_lookup
from rankdistill.models.families import n_layers_of
from rankdistill.models.parts import forward_parts
from rankdistill.models.untrained import mark_head
from rankdistill.models.weights import weights_beyond
from rankdistill.training.batches import Batch, BatchSource
from rankdistill.training.distributed import mean_of_all, processes
from rankdistill.training.draw import plan_lists
from rankdistill.training.list_source import ListSource
from rankdistill.training.list_trainer import ListTrainer
from rankdistill.training.loop import check_outputs, run_training
from rankdistill.training.settings import TrainingSettings

READS = {-1: "hidden", -2: "hidden before the last"}
"""Place among the hidden states -> what is read of the forward pass for it."""


def imitate(
    model: CrossEncoder,
    layers: Sequence[int],
    candidates: Candidates,
    collection: TextCollection,
    settings: TrainingSettings | None = None,
    *,
    start: CrossEncoder | None = None,
    out: str | Path | None = None,
) -> CrossEncoder:
    """Return a new cross-encoder of the chosen layers that ends in about the hidden states of ``model``.

    A pair gives one score but a state per token, so that this takes far fewer pairs to learn than any loss over scores,
    and no labels; what the dropped layers knew is not for the labels to teach again. candidates: lists of whose pairs
    the states are matched. layers: from 0. Where the last is the model's last, it is kept as it is and what goes into
    it is matched, else what comes out. settings: ``learning_rate`` 3e-4 suits. start: what an earlier call returned for
    these layers, to continue with on other candidates (None: the layers as they are); it is not changed. out: see
    `fit`.
    Source: the hidden states' term of Simplified TinyBERT, PD-BERT eq. 3 (docs/papers.md), with the embeddings and the
    width in common.
    """
    check_outputs(out)
    settings = settings or TrainingSettings(learning_rate=3e-4)
    begins_as, kept = (start, range(len(layers))) if start else (model, layers)
    student = model.with_model(keep_layers(begins_as.model, kept))
    if student.untrained:
        mark_head(student.model.config, student.untrained)
    at = -2 if layers[-1] == n_layers_of(model.model) - 1 else -1
    plan = plan_lists(candidates, settings.list_size, settings.epochs, settings.seed, most=settings.most_lists)
    source = ListSource(student, candidates, collection, plan, (), settings.lists_per_batch, teacher=model)
    facts = {
        "layers": list(layers),
        "model": model.fingerprint(),
        "start": student.fingerprint(),
        "lists": source.facts(),
    }

    def trainer(arguments: TrainingArguments, dtype: str) -> StateTrainer:
        return StateTrainer(student, source, arguments, dtype, model, at, settings.max_steps)

    return run_training(student, trainer, settings, frozen=partial(weights_beyond, at=at), out=out, facts=facts)


class StateTrainer(ListTrainer):
    """Brings a student's hidden states at one place to its teacher's: mean squared error over all tokens."""

    def __init__(
        self,
        student: CrossEncoder,
        source: BatchSource,
        args: Any,
        dtype: str,
        teacher: CrossEncoder,
        at: int,
        max_steps: int = -1,
    ) -> None:
        super().__init__(student, source, args, dtype, f"imitating {n_layers_of(teacher.model)} layers", max_steps)
        self.teacher = teacher.model.to(args.device).eval()
        self.at = at

    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compute the squared distance of states (tokens, hidden) at every token that is not padding."""
        with one_lookup(self.cross_encoder.model, [part["input_ids"] for part in batch["inputs"]]):
            states = self._states(model, batch)
            with torch.no_grad():
                targets = self._states(self.teacher, batch)
        loss = mse_loss(torch.cat(states).float(), torch.cat(targets).float())
        loss = mean_of_all(loss, sum(map(len, states)) if batch["counts"][processes()[0]] else 0)
        return loss, {"hidden states": loss}

    def _states(self, model: Any, batch: Batch) -> list[Tensor]:
        """Of each part, (tokens, hidden)."""
        parts = forward_parts(model, batch["inputs"], (READS[self.at],), dtype=self.dtype)
        return [part.hidden[self.at][part.tokens] for part in parts]

"""imitate: keep a few layers of a cross-encoder, and teach them without labels to end in the states of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from transformers import TrainingArguments

from rankdistill.data.candidates import Candidates
from rankdistill.inputs.texts import TextCollection
from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.models.first_token import first_token_only
from rankdistill.models.layers import layer_list
from rankdistill.training.batches import Batch, TrainingLists
from rankdistill.training.draw import plan_lists
from rankdistill.training.fit import run
from rankdistill.training.list_trainer import ListTrainer
from rankdistill.training.settings import TrainingSettings


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
    it is matched, else what comes out. settings: ``learning_rate`` 3e-4 suits. start: what was returned for these
    layers before, to go on with, on other candidates (None: the layers as they are); it stays as it is. out: see `fit`.
    Source: the hidden states' term of Simplified TinyBERT, eq. 3, with the embeddings and the width in common.
    """
    settings = settings or TrainingSettings(learning_rate=3e-4)
    begins_as, kept = (start, range(len(layers))) if start else (model, layers)
    student = model.with_model(keep_layers(begins_as.model, kept))
    last_in_common = layers[-1] == model.model.config.num_hidden_layers - 1
    plan = plan_lists(candidates, settings.list_size, settings.epochs, settings.seed, labels=None)
    lists = TrainingLists(student, candidates, collection, plan, ())

    facts = {"layers": list(layers), "model": model.fingerprint(), "start": student.fingerprint()}

    def trainer(arguments: TrainingArguments, dtype: str) -> StateTrainer:
        return StateTrainer(student, lists, arguments, dtype, model, -2 if last_in_common else -1)

    try:
        return run(trainer, settings, out=out, facts={**facts, "lists": lists.digest()})
    finally:
        student.model.requires_grad_(True)


def weights_beyond(model: Any, at: int) -> list[nn.Parameter]:
    """A classification model's weights that its hidden states at ``at``, -1 for the last, do not depend on."""
    layers, inside = layer_list(model), model.base_model_prefix + "."
    later = tuple(
        f"{layers}.{i}." for i in range(model.config.num_hidden_layers + at + 1, model.config.num_hidden_layers)
    )
    return [
        weight
        for name, weight in model.named_parameters()
        if not name.startswith(inside) or name.startswith((*later, f"{inside}pooler."))
    ]


class StateTrainer(ListTrainer):
    """Brings a student's hidden states at one layer to its teacher's: mean squared error over all tokens."""

    def __init__(
        self, student: CrossEncoder, lists: TrainingLists, args: Any, dtype: str, teacher: CrossEncoder, at: int
    ) -> None:
        super().__init__(student, lists, args, dtype, f"imitating {teacher.model.config.num_hidden_layers} layers")
        for weight in weights_beyond(student.model, at):
            weight.requires_grad_(False)  # DistributedDataParallel waits for the gradient of all that have one
        self.teacher = teacher.model.to(args.device).eval()
        self.at = at

    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The squared distance of states (tokens, hidden) at every token that is not padding."""
        ours, wanted = [], []
        for part in batch["inputs"]:
            tokens = part["attention_mask"].bool()
            with self.precision(model):
                ours.append(self._states(model, part)[tokens])
                with torch.no_grad():
                    wanted.append(self._states(self.teacher, part)[tokens])
        loss = mse_loss(torch.cat(ours).float(), torch.cat(wanted).float())
        return loss, {"hidden states": loss}

    def _states(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        unread = first_token_only(getattr(model, "module", model)) if self.at == -2 else nullcontext()
        with unread:  # the last layer, whose output is not compared
            states: Tensor = model(**inputs, output_hidden_states=True).hidden_states[self.at]
        return states

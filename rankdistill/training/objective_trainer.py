"""RankingTrainer: training on an objective over lists of candidates, evaluated by ranking measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.losses.insides import layer_map, projection_name
from rankdistill.models import CrossEncoder
from rankdistill.models.first_token import first_token_only
from rankdistill.models.states import States, forward_with_states
from rankdistill.scoring import score_with_report
from rankdistill.tasks import Task
from rankdistill.training.batches import Batch, TrainingLists, in_lists
from rankdistill.training.distributed import gather
from rankdistill.training.list_trainer import ListTrainer
from rankdistill.training.objective import TEACHER, Objective

PROJECTIONS = "distillation_projections"


class RankingTrainer(ListTrainer):
    """Trains a cross-encoder on an `Objective`; logs every term alone and the dev set's measures."""

    def __init__(
        self,
        cross_encoder: CrossEncoder,
        lists: TrainingLists,
        objective: Objective,
        dev: Task | None,
        args: Any,
        dtype: str,
        teacher: CrossEncoder | None = None,
    ) -> None:
        if teacher is not None and objective.needs_states:
            add_projections(cross_encoder.model, teacher.model.config, objective)
        # transformers asks for a data set to evaluate on; `evaluate` reads `dev`
        super().__init__(cross_encoder, lists, args, dtype, "training", eval_dataset=lists if dev else None)
        self.objective: Objective = objective
        self.dev = dev
        self.teacher = teacher.model.to(self.args.device).eval() if teacher is not None else None

    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The objective and its terms over a batch that `TrainingLists.collate` made."""
        mask, columns = batch["mask"], batch["columns"]
        logits, states = self._forward(model, batch)
        if self.teacher is None:
            return self.objective(ranking_scores(logits), logits, columns, mask)
        with torch.no_grad():
            its_logits, its_states = self._forward(self.teacher, batch)
        both = None
        if states is not None and its_states is not None:
            both = replace(states, projections=getattr(self.cross_encoder.model, PROJECTIONS, {})), its_states
        columns = {**columns, TEACHER: ranking_scores(its_logits)}
        return self.objective(ranking_scores(logits), logits, columns, mask, its_logits, both)

    def _forward(self, model: Any, batch: Batch) -> tuple[Tensor, States | None]:
        """Logits float32 (Q, C, n_logits), and the states where a term asks for them: of all pairs in one part."""
        states = None
        with self.precision(model):
            if self.objective.needs_states:
                logits, states = forward_with_states(model, batch["inputs"][0])
            else:
                with first_token_only(getattr(model, "module", model)):
                    logits = torch.cat([model(**part).logits for part in batch["inputs"]])
        logits = gather(logits.float()[batch["places"]], batch["counts"])
        return in_lists(logits, batch["mask"]), states

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Score the dev set's candidates and measure the ranking, as ``eval_<measure>``."""
        if self.dev is None:
            return {}
        scores, _ = score_with_report(
            self.cross_encoder, self.dev.candidates, self.dev.collection, description="dev", dtype=self.dtype
        )
        values = self.dev.evaluation(scores).values
        metrics = {f"eval_{name}": value for name, value in values.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def add_projections(model: Any, teacher: Any, objective: Objective) -> None:
    """Give the student, while it trains, a linear map to its teacher's width for each state that is compared.

    They are part of the model until `remove_projections`, so that checkpoints hold them. Nothing is added where the
    widths are the same.
    """
    if model.config.hidden_size == teacher.hidden_size:
        return
    names = []
    for term in objective.terms:
        if term.loss == "embedding_mse":
            names.append(projection_name(term.loss, 0, True))
        elif term.loss == "hidden_mse":
            layers = layer_map(
                model.config.num_hidden_layers, teacher.num_hidden_layers, term.settings.get("layers", "every")
            )
            shared = term.settings.get("shared", False)
            names += [projection_name(term.loss, mine, shared) for mine, _ in layers]
    widths = model.config.hidden_size, teacher.hidden_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        maps = {name: nn.Linear(*widths) for name in dict.fromkeys(names)}
    model.add_module(PROJECTIONS, nn.ModuleDict(maps).to(model.device))


def remove_projections(model: Any) -> None:
    """Take away what `add_projections` gave."""
    if hasattr(model, PROJECTIONS):
        delattr(model, PROJECTIONS)


def ranking_scores(logits: Tensor) -> Tensor:
    """What losses over scores see, (Q, C), of logits (Q, C, n_logits): the logit itself, or P(relevant) of two logits.

    A contract's sigmoid and scale are left out: training on what is before them keeps gradients from vanishing.
    Source for two logits: PD-BERT §3.1.2.
    """
    return logits[..., 0] if logits.shape[-1] == 1 else logits.softmax(-1)[..., 1]

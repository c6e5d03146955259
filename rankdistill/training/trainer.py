"""RankingTrainer: transformers' training loop over lists of candidates, evaluated by ranking measures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError
from rankdistill.evaluation import evaluate
from rankdistill.models import CrossEncoder
from rankdistill.models.torch_engine import float32_head
from rankdistill.progress import progress
from rankdistill.scoring import score_with_report
from rankdistill.scoring.inputs import TextCollection
from rankdistill.training.batches import TrainingLists, in_lists
from rankdistill.training.objective import Objective


@dataclass(frozen=True)
class DevSet:
    """What a model is evaluated on while it trains: candidates, the qrels of their queries, and measures.

    The first measure decides which checkpoint is best.
    """

    candidates: Candidates
    collection: TextCollection
    qrels: Candidates
    measures: tuple[str, ...] = ("nDCG@10",)

    @classmethod
    def of(cls, candidates: Candidates, collection: Any, measures: tuple[str, ...] = ("nDCG@10",)) -> DevSet:
        """Take the collection's qrels of the queries that the candidates have."""
        if collection.qrels is None:
            raise DataError(f"{collection.name} has no qrels to evaluate on")
        judged = pc.is_in(collection.qrels.query_ids, value_set=candidates.query_ids)
        return cls(candidates, collection, collection.qrels.take_queries(np.asarray(judged)), measures)


class RankingTrainer(Trainer):
    """Trains a cross-encoder on an `Objective`; logs every term alone and the dev set's measures.

    The order of the lists is the plan's, so that a resumed run reads what an uninterrupted one would have read.
    """

    def __init__(
        self,
        cross_encoder: CrossEncoder,
        lists: TrainingLists,
        objective: Objective,
        dev: DevSet | None,
        args: Any,
        dtype: str,
    ) -> None:
        super().__init__(
            model=cross_encoder.model,
            args=args,
            train_dataset=lists,
            eval_dataset=lists if dev else None,  # asked for by transformers; `evaluate` reads `dev`
            data_collator=lists.collate,
            callbacks=[Bar()],
        )
        self.remove_callback(PrinterCallback)
        self.cross_encoder = cross_encoder
        self.objective: Objective = objective
        self.dev = dev
        self.dtype = dtype
        self.lists = lists
        self._sums: dict[str, float] = defaultdict(float)
        self._batches = 0
        self.can_return_loss = True

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.lists)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The objective over a batch that `TrainingLists.collate` made."""
        device, half = self.args.device.type, self.dtype == "bfloat16"
        # accelerate's autocast would wrap the model's forward for good, and scores would stay rounded after training
        with float32_head(model), torch.autocast(device, torch.bfloat16, enabled=half):
            logits = model(**inputs["inputs"]).logits.float()
        logits = in_lists(logits, inputs["mask"])
        total, values = self.objective(ranking_scores(logits), logits, inputs["columns"], inputs["mask"])
        self._batches += 1
        for name, value in values.items():
            self._sums[name] += float(value.detach())
        return (total, {"logits": logits}) if return_outputs else total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add each term's mean since the last log to the losses logged."""
        if "loss" in logs and self._batches:
            logs = {**logs, **{name: value / self._batches for name, value in self._sums.items()}}
            self._sums.clear()
            self._batches = 0
        super().log(logs, start_time)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Score the dev set's candidates and measure the ranking, as ``eval_<measure>``."""
        if self.dev is None:
            return {}
        scores, _ = score_with_report(
            self.cross_encoder, self.dev.candidates, self.dev.collection, description="dev", dtype=self.dtype
        )
        run = self.dev.candidates.with_columns(score=scores)
        values = evaluate(self.dev.qrels, run, list(self.dev.measures), by="score")
        metrics = {f"eval_{name}": value for name, value in values.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def ranking_scores(logits: Tensor) -> Tensor:
    """What losses over scores see, (Q, C), of logits (Q, C, n_logits): the logit itself, or P(relevant) of two logits.

    A contract's sigmoid and scale are left out: training on what is before them keeps gradients from vanishing.
    Source for two logits: PD-BERT §3.1.2.
    """
    return logits[..., 0] if logits.shape[-1] == 1 else logits.softmax(-1)[..., 1]


class Bar(TrainerCallback):
    """One progress bar over all updates."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._context = progress("training", state.max_steps, unit="updates")
        self._advance = self._context.__enter__()
        self._advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._advance(1)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._context.__exit__(None, None, None)

"""RankingTrainer: training on an objective over lists of candidates, evaluated by ranking measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from torch import Tensor

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError
from rankdistill.evaluation import evaluate
from rankdistill.models import CrossEncoder
from rankdistill.scoring import score_with_report
from rankdistill.scoring.inputs import TextCollection
from rankdistill.training.batches import Batch, TrainingLists, in_lists
from rankdistill.training.list_trainer import ListTrainer
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


class RankingTrainer(ListTrainer):
    """Trains a cross-encoder on an `Objective`; logs every term alone and the dev set's measures."""

    def __init__(
        self,
        cross_encoder: CrossEncoder,
        lists: TrainingLists,
        objective: Objective,
        dev: DevSet | None,
        args: Any,
        dtype: str,
    ) -> None:
        # transformers asks for a data set to evaluate on; `evaluate` reads `dev`
        super().__init__(cross_encoder, lists, args, dtype, "training", eval_dataset=lists if dev else None)
        self.objective: Objective = objective
        self.dev = dev

    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The objective and its terms over a batch that `TrainingLists.collate` made."""
        with self.precision(model):
            logits = model(**batch["inputs"]).logits.float()
        logits = in_lists(logits, batch["mask"])
        return self.objective(ranking_scores(logits), logits, batch["columns"], batch["mask"])

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

"""ObjectiveTrainer: training on an objective over lists of candidates, evaluated by the measures of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rankdistill.models import CrossEncoder
from rankdistill.models.embeddings import one_lookup
from rankdistill.models.families import n_layers_of
from rankdistill.models.masked_lm import MASKED_LM, embeddings_of
from rankdistill.models.outputs import READS, Outputs
from rankdistill.models.parts import forward_parts
from rankdistill.models.precision import DTYPES
from rankdistill.models.shared_encoder import speaking_as
from rankdistill.scoring.prepared import PreparedCandidates
from rankdistill.tasks import Task
from rankdistill.training.batches import Batch, BatchSource, in_lists
from rankdistill.training.distributed import gather, mean_of_all, processes
from rankdistill.training.list_trainer import ListTrainer
from rankdistill.training.objective import ListOutputs, Objective

MEAN = "mean"
"""Of the first measures of all tasks, by which the best checkpoint of a training on several is chosen."""


class ObjectiveTrainer(ListTrainer):
    """Trains a cross-encoder on an `Objective` for each task; logs every term alone and the dev tasks' measures.

    objectives: task in a batch -> what it is trained on. devs: task -> its dev task. students: task -> a model that
    shares the cross-encoder's encoder and has a head of its own, see `share_encoder` (None: the cross-encoder is all
    tasks' model).
    """

    def __init__(
        self,
        cross_encoder: CrossEncoder,
        source: BatchSource,
        objectives: Mapping[str, Objective],
        devs: Mapping[str, Task],
        args: Any,
        dtype: str,
        teacher: CrossEncoder | None = None,
        max_steps: int = -1,
        students: Mapping[str, CrossEncoder] | None = None,
    ) -> None:
        # transformers asks for a data set to evaluate on; `evaluate` reads `devs`
        super().__init__(cross_encoder, source, args, dtype, "training", max_steps, eval_dataset=[0] if devs else None)
        self.objectives = objectives
        self.students = dict.fromkeys(objectives, cross_encoder) if students is None else students
        self.devs = devs
        self._prepared: dict[str, PreparedCandidates] = {}
        for name, dev in devs.items():
            # an exported engine keeps the weights of its export
            scored = self.students[name].with_engine("torch", dtype)
            self._prepared[name] = PreparedCandidates(scored, dev.candidates, dev.collection)
        self.teacher = teacher
        if teacher is not None:
            teacher.model.to(self.args.device).eval()

    def losses(self, model: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compute the objective of the batch's task and its terms."""
        objective, own = self.objectives[batch["task"]], self.students[batch["task"]]
        ids = [part["input_ids"] for part in batch["inputs"]] + [part["input_ids"] for part in batch.get("masked", [])]
        network = self.cross_encoder.model
        with one_lookup(network, ids, sparse=self.sparse_embeddings), speaking_as(network, own.model):
            student = self._outputs(own, model, batch, objective, tuple(objective.heads))
        teacher = None
        if self.teacher is not None and objective.needs_teacher:
            with torch.no_grad():
                teacher = self._outputs(self.teacher, self.teacher.model, batch, objective)
        total, values = objective(student, batch["columns"], batch["mask"], teacher)
        prefix = f"{batch['task']}: " if batch["task"] else ""
        return total, {f"{prefix}{name}": value for name, value in values.items()}

    def _outputs(
        self, cross_encoder: CrossEncoder, model: Any, batch: Batch, objective: Objective, heads: tuple[str, ...] = ()
    ) -> ListOutputs:
        """Logits float32 (Q, C, n_logits) by head, and the insides where a term compares them, of all pairs.

        model: the transformers model of the cross-encoder, or DistributedDataParallel around it.
        """
        names = cross_encoder.assembler.input_names
        inputs = [{name: part[name] for name in names} for part in batch["inputs"]]
        masking = objective.masking if cross_encoder is not self.teacher else None
        pairs = list(zip(inputs, batch.get("masked", []), strict=False))
        masked = [{**part, "input_ids": other["input_ids"]} for part, other in pairs]
        chosen = [other["chosen"] for _, other in pairs]
        shares = masking is not None and objective.reads_masked
        reads = [*objective.reads, *(["hidden"] if shares else [])]
        few = shares and not any(READS[name] for name in objective.reads)  # no term reads the states of other tokens
        of_teacher = cross_encoder is not self.cross_encoder
        layer = objective.teacher_layer(n_layers_of(cross_encoder.model)) if of_teacher else -1
        at = chosen if few else None
        parts = forward_parts(
            model, masked if shares else inputs, reads, at=at, dtype=self.dtype, heads=heads, layer=layer
        )
        logits = {
            head: in_lists(
                gather(torch.cat([part.logits[head] for part in parts])[batch["places"]], batch["counts"]),
                batch["mask"],
            )
            for head in parts[0].logits
        }
        masked_loss = None
        if masking is not None:
            outputs = parts
            if not shares:
                outputs = forward_parts(model, masked, ("hidden",), at=chosen, dtype=self.dtype)
            masked_loss = self._masked_loss(outputs, batch)
        is_share = batch["counts"][processes()[0]] > 0
        return ListOutputs(logits, parts if objective.compares_insides else (), masked_loss, is_share)

    def _masked_loss(self, outputs: Sequence[Outputs], batch: Batch) -> Tensor:
        """Mean cross entropy of the masked tokens of all parts and processes, by the head beside the student."""
        chosen = [part["chosen"] for part in batch["masked"]]
        states = torch.cat([part.hidden[-1][places] for part, places in zip(outputs, chosen, strict=True)])
        ids = [part["input_ids"][places] for part, places in zip(batch["inputs"], chosen, strict=True)]
        head: Any = outputs[0].companions[MASKED_LM]
        with torch.autocast(states.device.type, DTYPES[self.dtype], enabled=self.dtype != "float32"):
            loss: Tensor = head.loss(states, embeddings_of(self.cross_encoder.model), torch.cat(ids))
        return mean_of_all(loss, len(states))

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Score the dev tasks' candidates and measure them; texts are tokenised once.

        The metrics are ``eval_<measure>``, of named tasks ``eval_<task>_<measure>`` and, as ``eval_mean``, the mean of
        the tasks' first measures.
        """
        if not self.devs:
            return {}
        self.check_weights()
        metrics: dict[str, float] = {}
        firsts: list[float] = []
        for task, dev in self.devs.items():
            # a network that shares the encoder does not know the mode it is in, and scoring leaves it in that mode
            self.students[task].model.train(self.cross_encoder.model.training)
            values = dev.evaluation(self._prepared[task].score("dev")).values
            prefix = f"eval_{task}_" if task else "eval_"
            metrics |= {f"{prefix}{name}": value for name, value in values.items()}
            firsts.append(values[dev.measures[0]])
        if any(self.devs):
            metrics[f"eval_{MEAN}"] = sum(firsts) / len(firsts)
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

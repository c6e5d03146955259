"""The peer of `benchmarks.guided_speed`: guided pre-training as one first writes it with transformers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

import rankdistill as rd
from rankdistill.models import resolve_base
from rankdistill.models.base import quiet_loading
from rankdistill.models.masked_lm import MaskedLMHead
from rankdistill.training.batches import Batch

Encoded = dict[str, Any]


class Peer(nn.Module):
    """A masked language model with a classification head beside it, and both losses in its forward pass.

    Begins with the weights of a classifier and a head of a masked language model of ours, over the default base. Keeps
    the loss of each call in ``losses``.
    """

    def __init__(self, model: rd.CrossEncoder, head: MaskedLMHead, kd_reads: str) -> None:
        super().__init__()
        self.kd_reads = kd_reads
        self.losses: list[float] = []
        with quiet_loading():
            self.masked_lm = AutoModelForMaskedLM.from_pretrained(resolve_base())
        ours, predictions = model.model, self.masked_lm.cls.predictions
        predictions.transform.dense.load_state_dict(head.dense.state_dict())
        predictions.transform.LayerNorm.load_state_dict(head.norm.state_dict())
        with torch.no_grad():
            predictions.decoder.bias.copy_(head.bias)
        self.pooler, self.dropout, self.classifier = (nn.Linear(384, 384), nn.Dropout(0.1), nn.Linear(384, 2))
        self.pooler.load_state_dict(ours.bert.pooler.dense.state_dict())
        self.classifier.load_state_dict(ours.classifier.state_dict())

    def forward(self, input_ids: Tensor, plain_ids: Tensor, labels: Tensor, teacher: Tensor, **inputs: Tensor) -> Any:
        """The masked language model's loss and the divergence from the teacher's logits, float (B, 2)."""
        masked = self.masked_lm(input_ids=input_ids, labels=labels, output_hidden_states=True, **inputs)
        if self.kd_reads == "masked":
            states = masked.hidden_states[-1]
        else:
            states = self.masked_lm.base_model(input_ids=plain_ids, **inputs).last_hidden_state
        logits = self.classifier(self.dropout(torch.tanh(self.pooler(states[:, 0]))))
        divergence = functional.kl_div(
            logits.float().log_softmax(-1), teacher.log_softmax(-1), reduction="batchmean", log_target=True
        )
        loss = masked.loss + divergence
        self.losses.append(float(loss.detach()))
        return {"loss": loss}


class Collator(DataCollatorForLanguageModeling):
    """Pads and masks as transformers does, and keeps the text as it was."""

    def torch_call(self, examples: Any) -> dict[str, Any]:
        """One batch, its pairs in the order given."""
        batch: dict[str, Any] = super().torch_call(examples)
        chosen = batch["labels"] != -100
        batch["plain_ids"] = torch.where(chosen, batch["labels"], batch["input_ids"])
        return batch


class _Replaying(Trainer):
    """Trains on batches that are there already."""

    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=lambda batches: batches[0])


def train_peer(
    model: rd.CrossEncoder,
    head: MaskedLMHead,
    texts: tuple[Sequence[str], Sequence[str]],
    teacher: Any,
    settings: rd.TrainingSettings,
    kd_reads: str,
    *,
    dropout: bool,
    replayed: Sequence[Batch] = (),
) -> tuple[float, list[float]]:
    """Train by `transformers.Trainer`; seconds, and the loss of each update.

    texts: first and second of all pairs. teacher: float32 (N, 2). replayed: train on these batches of ours, with the
    tokens that are masked in them, in place of what the collator makes of the texts.
    """
    peer = Peer(model, head, kd_reads)
    if not dropout:
        for module in peer.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=1 if replayed else settings.lists_per_batch,
            learning_rate=settings.learning_rate,
            warmup_steps=settings.warmup_ratio,
            weight_decay=settings.weight_decay,
            lr_scheduler_type=settings.lr_scheduler_type,
            bf16=settings.dtype == "bfloat16",
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        started = time.perf_counter()
        if replayed:
            trainer: Trainer = _Replaying(peer, arguments, train_dataset=[_padded(batch) for batch in replayed])
        else:
            encoded = model.tokenizer(*map(list, texts), truncation="longest_first", max_length=model.max_length)
            names = ("input_ids", "token_type_ids", "attention_mask")
            rows: list[Encoded] = [
                {name: encoded[name][row] for name in names} | {"teacher": teacher[row].tolist()}
                for row in range(len(teacher))
            ]
            trainer = Trainer(peer, arguments, data_collator=Collator(model.tokenizer), train_dataset=rows)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        return time.perf_counter() - started, peer.losses


def _padded(batch: Batch) -> dict[str, Tensor]:
    """A batch of ours, which is in parts of like length, as one of the peer's, padded to its longest pair."""
    longest = max(part["input_ids"].shape[1] for part in batch["inputs"])

    def whole(parts: list[Tensor], padding: int) -> Tensor:
        padded = [functional.pad(part, (0, longest - part.shape[1]), value=padding) for part in parts]
        return torch.cat(padded)[batch["places"]]

    plain = [part["input_ids"] for part in batch["inputs"]]
    labels = [ids.masked_fill(~part["chosen"], -100) for ids, part in zip(plain, batch["masked"], strict=True)]
    teacher = torch.stack([batch["columns"][f"expert.{place}"][:, 0] for place in range(2)], dim=-1)
    return {
        "input_ids": whole([part["input_ids"] for part in batch["masked"]], 0),
        "plain_ids": whole(plain, 0),
        "labels": whole(labels, -100),
        "token_type_ids": whole([part["token_type_ids"] for part in batch["inputs"]], 0),
        "attention_mask": whole([part["attention_mask"] for part in batch["inputs"]], 0),
        "teacher": teacher,
    }

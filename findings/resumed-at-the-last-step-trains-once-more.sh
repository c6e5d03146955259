#!/usr/bin/env bash
# transformers 5.23.0: a training with max_steps that is resumed from the checkpoint of its last step makes one update
# more than max_steps, and ends with other weights than the training that was not interrupted. The usual retry ("run the
# same script again, it resumes from the last checkpoint") therefore changes a model that was already done.
# Hurts: whoever restarts preempted jobs by resume_from_checkpoint=True, and whoever compares weights bit by bit.
# Avoid: compare trainer_state.json's global_step with max_steps first, and do not call train() when it is reached.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  transformers==5.23.0 accelerate==1.15.0 torch==2.13.0 numpy==2.4.6
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder/out" <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

STEPS = 3
rows = [{"input_ids": torch.tensor([2, 5 + i % 7, 3]), "labels": torch.tensor(i % 2)} for i in range(64)]


def train(resume):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=16, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=2
    )
    settings = TrainingArguments(
        sys.argv[1], max_steps=STEPS, save_steps=1, per_device_train_batch_size=4, seed=0, use_cpu=True, report_to=[],
        disable_tqdm=True, logging_strategy="no", lr_scheduler_type="constant", learning_rate=1e-3,
    )
    trainer = Trainer(BertForSequenceClassification(config), settings, train_dataset=rows)
    trainer.train(resume_from_checkpoint=resume)
    return trainer.state.global_step, trainer.model.classifier.weight.detach().clone()


whole, weights = train(None)
again, other = train(f"{sys.argv[1]}/checkpoint-{STEPS}")
print("transformers", version("transformers"), "accelerate", version("accelerate"), "torch", version("torch"))
print(f"expected: {STEPS} updates, and the same weights, as the training was over")
print(f"given:    {again} updates, weights {'the same' if torch.equal(weights, other) else 'other'}")
assert whole == STEPS
assert again == STEPS + 1, "the resumed training no longer makes an update more"
assert not torch.equal(weights, other)
PYTHON
echo "as described"

#!/usr/bin/env bash
# transformers' polynomial schedule divides by zero where the warm-up takes all updates: every update is done, and the
# scheduler's last step raises ZeroDivisionError. The linear and the cosine schedule take the same numbers.
# Hurts: everyone who warms up by a fixed number of updates (BERT's pre-training, UEGP's guided one) and shortens a run to
# that number, or to one update, to try it: after all the work the training ends in an error.
# Avoid: a warm-up of fewer updates than the training has.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 torch==2.13.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import sys
from importlib.metadata import version

logging.disable()
import torch
from transformers import get_scheduler

UPDATES = 10


def updates_done(name):
    """How many updates a training does whose warm-up is all of it, and what ends it."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    schedule = get_scheduler(name, optimizer, num_warmup_steps=UPDATES, num_training_steps=UPDATES)
    for done in range(1, UPDATES + 1):
        optimizer.step()
        try:
            schedule.step()
        except ZeroDivisionError as error:
            return done, repr(error)
    return UPDATES, "no error"


seen = {name: updates_done(name) for name in ("linear", "cosine", "polynomial")}
print(f"transformers {version('transformers')}, torch {version('torch')}; expected: {UPDATES} updates, no error")
for name, (done, end) in seen.items():
    print(f"{name}: {done} updates, {end}")
as_described = seen["linear"] == seen["cosine"] == (UPDATES, "no error") and "ZeroDivision" in seen["polynomial"][1]
sys.exit(0 if as_described and seen["polynomial"][0] == UPDATES else 1)
PYTHON

"""What `test_fit` kills and runs again: a training into the folder that is named."""

from __future__ import annotations

import sys

import torch
from test_fit import start
from tiny import labelled, make_collection

from rankdistill.training import TrainingSettings, fit

if __name__ == "__main__":
    torch.set_num_threads(1)
    collection = make_collection(24)
    settings = TrainingSettings(epochs=4, list_size=4, lists_per_batch=3, learning_rate=1e-3, save_steps=2)
    fit(start(), labelled(collection), collection, "hinge(label)", settings, out=sys.argv[1])

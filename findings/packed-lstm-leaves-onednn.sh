#!/usr/bin/env bash
# On a CPU, torch.nn.LSTM over a padded batch is oneDNN's fused layer, one call for each direction. The same LSTM over
# pack_padded_sequence is not: it falls back to a product and some element-wise operations for every step, forward and
# backward. So packing, which exists to save the work of padding, can make training slower, although half of the
# padded tokens are left out; in inference it still helps. Nothing says which of the two runs.
# Hurts: whoever trains small recurrent rankers or taggers on CPUs and packs, as every tutorial does.
# Avoid: batches of like length, padded, each direction from its own end; or steps over packed rows written with
# baddbmm for both directions at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import time

import torch
from torch.nn.utils.rnn import pack_padded_sequence
from torch.profiler import profile

torch.manual_seed(0)
torch.set_num_threads(1)
lstm = torch.nn.LSTM(300, 256, batch_first=True, bidirectional=True)
lengths = torch.linspace(100, 1, 32).long()
batch = torch.randn(32, 100, 300)


def inputs(packed):
    return pack_padded_sequence(batch, lengths, batch_first=True) if packed else batch


def calls(packed):
    with profile() as recorded:
        lstm(inputs(packed))
    return {event.key: event.count for event in recorded.key_averages()}


def seconds(packed, train):
    took = []
    for _ in range(4):
        started = time.process_time()
        with torch.set_grad_enabled(train):
            states = lstm(inputs(packed))[0]
            if train:
                (states.data if packed else states).sum().backward()
        took.append(time.process_time() - started)
    return min(took)


print("torch", torch.__version__, f"- {int(lengths.sum())} tokens in a padded batch of {batch.shape[0] * batch.shape[1]}")
found = {}
for packed in (False, True):
    found[packed] = made = calls(packed)
    ways = {"oneDNN layers": made.get("aten::mkldnn_rnn_layer", 0), "products": made.get("aten::addmm", 0)}
    took = ", ".join(f"{name} {1000 * seconds(packed, train):.0f} ms" for name, train in (("inference", False), ("training", True)))
    print(f"{'packed' if packed else 'padded'}: {ways}; {took}")
print("expected: the same layer, with less work where the batch is packed")
assert found[False]["aten::mkldnn_rnn_layer"] == 2 and "aten::addmm" not in found[False]
assert "aten::mkldnn_rnn_layer" not in found[True] and found[True]["aten::addmm"] >= 2 * 100
PYTHON
echo "as described"

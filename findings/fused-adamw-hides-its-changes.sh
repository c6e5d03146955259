#!/usr/bin/env bash
# torch.optim.AdamW(fused=True), the default of transformers.Trainer, changes weights and does not count the change in
# Tensor._version, which foreach=True and the plain loop do. So autograd does not notice that a weight it saved for a
# backward pass has changed: the backward pass gives the gradient of other weights, where the other two raise an error.
# Hurts: whoever steps between a forward and its backward pass (several losses, delayed or pipelined updates), and
# whoever keeps something made of weights (a cast or exported copy, a computed prompt) until their version changes.
# Avoid: torch.autograd.graph.increment_version of the weights in a post hook of the optimizer's step.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import torch

warnings.simplefilter("ignore")


def stepped(**how):
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = torch.optim.AdamW([weight], lr=0.5, **how)
    loss = (weight * weight).sum()  # saves the weight for its backward pass
    weight.grad, before = torch.ones(4), weight._version
    optimizer.step()
    counted, weight.grad = weight._version - before, None
    try:
        loss.backward()
        return counted, f"a gradient of {weight.grad[0]:.4g} where that of the loss is 2"
    except RuntimeError as error:
        return counted, "an error: " + str(error).partition(":")[0][:70]


print("torch", torch.__version__, "- changes counted after one step, and what a backward pass through it gives")
found = {}
for how in ({"fused": True}, {"foreach": True}, {"foreach": False}):
    found[next(iter(how)) + str(how[next(iter(how))])] = counted, given = stepped(**how)
    print(f"{how}: {counted} counted, {given}")
print("expected: at least 1 counted, and an error, of all three")
assert found["fusedTrue"][0] == 0 and found["fusedTrue"][1].startswith("a gradient")
assert all(found[name][0] > 0 and found[name][1].startswith("an error") for name in ("foreachTrue", "foreachFalse"))
PYTHON
echo "as described"

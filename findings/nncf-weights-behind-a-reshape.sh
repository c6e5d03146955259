#!/usr/bin/env bash
# nncf 3.4.0 with openvino 2026.4.1: a batched product whose constant is reshaped first (a weight of (heads * size, width)
# seen as (heads, size, width), as ONNX exporters leave it where a view's numbers are computed in the graph) makes
# `nncf.quantize` with model_type=TRANSFORMER end in "operands could not be broadcast together": SmoothQuant looks through
# the Reshape, and takes the channels from the shape in front of it. Naming the product in ignored_scope does not help.
# The same product with the constant already in its final shape is quantized.
# Hurts: whoever exports a network that multiplies by heads (per-head projections, grouped maps, mixtures of experts).
# Avoid: fold the reshape before: write shapes as numbers in the traced code, or run constant folding on the model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export NNCF_CI=1
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nncf==3.4.0 openvino==2026.4.1 numpy
cat > "$folder/reshaped.py" <<'PY'
import logging

import nncf
import numpy as np
import openvino
from openvino import opset13 as op

nncf.set_log_level(logging.ERROR)
HEADS, SIZE, WIDTH = 4, 16, 48
random = np.random.default_rng(0)
WEIGHTS = random.normal(size=(HEADS * SIZE, WIDTH)).astype(np.float32)
QUERIES = [random.normal(size=(8, HEADS * SIZE)).astype(np.float32) for _ in range(4)]


def model(reshaped):
    x = op.parameter([-1, HEADS * SIZE], np.float32, name="x")
    by_head = op.transpose(op.reshape(x, np.array([-1, HEADS, SIZE]), False), np.array([1, 0, 2]))
    shape = (HEADS, SIZE, WIDTH)
    weights = op.reshape(op.constant(WEIGHTS), np.array(shape), False) if reshaped else op.constant(WEIGHTS.reshape(shape))
    product = op.matmul(by_head, weights, False, False)
    product.set_friendly_name("product")
    return openvino.Model([product], [x])


def quantized(reshaped, ignored):
    scope = nncf.IgnoredScope(names=["product"]) if ignored else None
    try:
        nncf.quantize(model(reshaped), nncf.Dataset(QUERIES), model_type=nncf.ModelType.TRANSFORMER, ignored_scope=scope)
    except ValueError as error:
        return f"ValueError: {error}".strip()
    return "quantized"


print("nncf", nncf.__version__, "openvino", openvino.__version__)
compiled = [openvino.Core().compile_model(model(reshaped), "CPU")(QUERIES[0])[0] for reshaped in (False, True)]
assert np.array_equal(*compiled), "the two models are not the same function"
for ignored in (False, True):
    plain, behind = quantized(False, ignored), quantized(True, ignored)
    print(f"ignored: {ignored}; in its final shape: {plain}; behind a Reshape: {behind}")
    assert plain == "quantized"
    assert behind.startswith("ValueError: operands could not be broadcast"), "it is quantized now"
PY
"$folder/venv/bin/python" "$folder/reshaped.py"

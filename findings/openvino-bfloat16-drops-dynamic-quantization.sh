#!/usr/bin/env bash
# OpenVINO's CPU plugin quantizes no activations while it runs where it computes in bfloat16: the group size that a model
# states (runtime option DYNAMIC_QUANTIZATION_GROUP_SIZE), or that compile_model is given, is accepted, reported back as
# set, and has no effect. bfloat16 is the plugin's default on processors that multiply it (AMX, AVX512-BF16), so that
# the same file is int8 on one server, and 8-bit weights with bfloat16 products on the next, with other logits.
# Hurts: whoever compares or caches scores of dynamically quantized models across machines, or tunes the group size on
# such a processor: all sizes give the same numbers.
# Avoid: compile with INFERENCE_PRECISION_HINT f32, and the group size acts on every processor.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import openvino
from openvino import opset13 as ops

rng = np.random.default_rng(0)
codes = rng.integers(-127, 128, (256, 256)).astype(np.int8)
scales = rng.uniform(1e-3, 2e-3, (256, 1)).astype(np.float32)
tokens = (rng.normal(size=(8, 256)) * np.repeat([0.1, 10, 1, 5], 64)).astype(np.float32)

given = ops.parameter([-1, 256], np.float32)
weights = ops.multiply(ops.convert(ops.constant(codes), np.float32), ops.constant(scales))
model = openvino.Model([ops.matmul(given, weights, False, True)], [given])


def product(precision, group):
    settings = {"INFERENCE_PRECISION_HINT": precision, "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(group)}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    assert int(compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE")) == group
    return compiled([tokens])[0].copy()


print("openvino", version("openvino"), "on", openvino.Core().get_property("CPU", "FULL_DEVICE_NAME").strip())
print("default precision here:", openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name())
if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
    sys.exit("this processor has no bfloat16: run it on one with AMX or AVX512-BF16")
apart = {}
for precision in ("f32", "bf16"):
    small, large = product(precision, 32), product(precision, 256)
    apart[precision] = float(np.abs(small - large).max())
    print(f"{precision}: groups of 32 and of 256 numbers give products {apart[precision]:.4g} apart")
print("expected: different rounding in both precisions")
assert apart["f32"] > 0, "the group size has no effect in float32 either"
assert apart["bf16"] == 0, "the group size has an effect in bfloat16 now"
PYTHON
echo "as described"

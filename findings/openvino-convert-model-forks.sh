#!/usr/bin/env bash
# openvino 2026.4.1: `openvino.convert_model` on an ONNX file forks processes off the calling one, one for each message
# about what is converted (operations, shapes, framework): 16 for a chain of eight products, 37 for a four-layer encoder.
# Nobody is asked: without a file of consent the messages are sent. `Core.read_model` makes the same model of the same
# file and forks none.
# Hurts: whoever converts in a process with threads (PyTorch's, Numba's, a server's), where a fork is unsafe: it happens
# later, in other threads, while the caller computes; who measures conversion; who must not tell what is converted.
# Avoid: `openvino.Core().read_model(path)`; or CI=true in the environment; or the command opt_in_out --opt_out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset CI TF_BUILD JENKINS_URL
export HOME="$folder/home"
mkdir -p "$HOME"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 onnx==1.23.2 numpy
cat > "$folder/forks.py" <<'PY'
import os
import sys
import time

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper

time.sleep(3)  # importing OpenVINO sends a message, too
random = np.random.default_rng(0)
nodes, weights, last = [], [], "x"
for layer, kind in enumerate(["Relu", "Tanh", "Sigmoid", "Softplus", "Erf", "Abs", "Exp", "Neg"]):
    weights.append(numpy_helper.from_array(random.normal(size=(16, 16)).astype(np.float32) / 16, f"w{layer}"))
    nodes.append(helper.make_node("MatMul", [last, f"w{layer}"], [f"m{layer}"]))
    nodes.append(helper.make_node(kind, [f"m{layer}"], [f"a{layer}"]))
    last = f"a{layer}"
shape = ["batch", 16]
graph = helper.make_graph(
    nodes,
    "chain",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info(last, TensorProto.FLOAT, shape)],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
path = os.path.join(sys.argv[1], "chain.onnx")
onnx.save(model, path)

forks = []
os.register_at_fork(before=lambda: forks.append(time.perf_counter()))
x = random.normal(size=(4, 16)).astype(np.float32)
found = {}
for name, load in (("read_model", openvino.Core().read_model), ("convert_model", openvino.convert_model)):
    before, started = len(forks), time.perf_counter()
    loaded = load(path)
    seconds = time.perf_counter() - started
    compiled = openvino.Core().compile_model(loaded, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    values = np.array(compiled(x)[0])
    time.sleep(10)  # the messages are sent by other threads
    found[name] = len(forks) - before, values
    print(f"{name}: {len(forks) - before} forks, {seconds:.2f} s")
print("openvino", openvino.__version__)
same = np.array_equal(found["read_model"][1], found["convert_model"][1])
print("same outputs, bit by bit:", same)
assert found["read_model"][0] == 0, "read_model forks"
assert found["convert_model"][0] >= 10, "convert_model forks less than it did"
assert same
PY
"$folder/venv/bin/python" "$folder/forks.py" "$folder"

#!/usr/bin/env bash
# onnxruntime 1.31.1: an LSTM that quantize_dynamic made int8 gives a text another state beside other texts. The operator
# DynamicQuantizeLSTM takes one scale for the inputs and states of all texts of a batch, so that a single text of large
# embeddings makes all others coarse. In float32 each text is computed alone, as its definition says.
# Hurts: whoever serves recurrent re-rankers or classifiers in int8: a document's score depends on the documents that it
# is scored with, so that lists change with the batch size, and a score cannot be kept for the next query. A check of one
# text at a time, or of the accuracy over a set, sees nothing.
# Avoid: int8 of the weights alone for LSTMs, or batches of one text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON' 2>/dev/null
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

LENGTH, WIDTH, HIDDEN = 12, 32, 24
folder, random = Path(sys.argv[1]), np.random.default_rng(0)
weights = {
    "W": random.normal(0, 0.3, (1, 4 * HIDDEN, WIDTH)),
    "R": random.normal(0, 0.3, (1, 4 * HIDDEN, HIDDEN)),
}
graph = helper.make_graph(
    [helper.make_node("LSTM", ["x", "W", "R"], ["states", "last", "cell"], hidden_size=HIDDEN)],
    "lstm",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [LENGTH, "batch", WIDTH])],
    [helper.make_tensor_value_info("last", TensorProto.FLOAT, [1, "batch", HIDDEN])],
    [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.checker.check_model(model)
onnx.save(model, folder / "float32.onnx")
quantize_dynamic(folder / "float32.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8, op_types_to_quantize=["LSTM"])

text = random.normal(0, 1, (LENGTH, 1, WIDTH)).astype(np.float32)
beside = 4 * random.normal(0, 1, (LENGTH, 1, WIDTH)).astype(np.float32)
print("onnxruntime", version("onnxruntime"), "onnx", version("onnx"))
print("expected: the state of a text is the same alone and beside another, in float32 and in int8")
moved = {}
for name in ("float32", "int8"):
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
    operators = sorted({node.op_type for node in onnx.load(folder / f"{name}.onnx").graph.node})
    alone = session.run(["last"], {"x": text})[0][0, 0]
    batch = session.run(["last"], {"x": np.concatenate([text, beside], axis=1)})[0][0, 0]
    moved[name] = float(np.abs(alone - batch).max() / np.abs(alone).max())
    print(f"{name:8} {', '.join(operators):20} greatest change beside another text: {moved[name]:.1e} of the largest value")
sys.exit(0 if moved["float32"] < 1e-5 and moved["int8"] > 0.01 else 1)
PYTHON

"""int8 for ONNX Runtime: weights in 8 bits by blocks, activations in 8 bits by blocks of each token's own row.

A scale for each block of a row, instead of one for the whole batch, is why a pair's score does not depend on what else
is in its batch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS, LEVEL = 8, 4
"""Of the operator MatMulNBits: bits of a weight, and the level at which activations are in int8, too."""
BLOCKS = (32, 16)
"""Numbers that share a scale; the first that divides the inputs of a product."""
LINEAR = {"alpha": 1.0, "beta": 1.0, "transB": 1}
"""A Gemm that is torch's linear layer, as it is exported."""
Arrays = dict[str, NDArray[Any]]


def quantize(source: Path, target: Path, kept: Sequence[str]) -> int:
    """Write an ONNX file whose products with constant weights, and embeddings, are in int8; return how many are.

    Of embeddings every token's row has a scale, and is multiplied by it when it is looked up. kept: patterns of the
    names of operations that stay as they are.
    """
    import onnx

    model = onnx.load(source)
    graph = model.graph
    constants = {each.name: each for each in graph.initializer}
    nodes: list[Any] = []
    added: Arrays = {}
    n_rounded = 0
    for node in graph.node:
        rounded = None if any(re.fullmatch(pattern, node.name) for pattern in kept) else _rounded(node, constants)
        new, weights = rounded or ([node], {})
        nodes += new
        added |= weights
        n_rounded += rounded is not None
    used = {name for node in nodes for name in node.input}
    tensors = [onnx.numpy_helper.from_array(values, name) for name, values in added.items()]
    unique = {each.name: each for each in [*graph.initializer, *tensors] if each.name in used}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(unique.values())
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, target)
    return n_rounded


def blockwise(weights: NDArray[np.float32], block: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Round weights (K, N) to 8 bits by blocks of K: codes uint8 (N, K / block, block), 128 is 0, and their scales.

    scales: float32 (N * K / block,), so that weight = (code - 128) * scale.
    """
    n_inputs, n_outputs = weights.shape
    blocks = np.ascontiguousarray(weights.T, np.float32).reshape(n_outputs, n_inputs // block, block)
    scales = np.abs(blocks).max(-1) / np.float32(127)
    codes = np.rint(blocks / np.where(scales == 0, 1, scales)[..., None]) + 128
    return codes.astype(np.uint8), scales.astype(np.float32).reshape(-1)


def _rounded(node: Any, constants: dict[str, Any]) -> tuple[list[Any], Arrays] | None:
    """Operations that compute the same in int8, and their constants by name; None for what stays as it is."""
    import onnx

    name = next((each for each in node.input if each in constants), "")
    asked = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type == "MatMul" and list(node.input[1:]) == [name]:
        return _product(node, name, onnx.numpy_helper.to_array(constants[name]))
    if node.op_type == "Gemm" and node.input[1] == name and asked == LINEAR:
        return _product(node, name, onnx.numpy_helper.to_array(constants[name]).T)
    if node.op_type == "Gather" and node.input[0] == name and not asked.get("axis", 0):
        return _lookup(node, name, onnx.numpy_helper.to_array(constants[name]))
    return None


def _product(node: Any, name: str, weights: NDArray[Any]) -> tuple[list[Any], Arrays] | None:
    """A product with weights (K, N), and the sum with a bias that follows; None where no block divides K."""
    import onnx

    block = next((size for size in BLOCKS if weights.ndim == 2 and len(weights) % size == 0), None)
    if block is None:
        return None
    codes, scales = blockwise(weights, block)
    added: Arrays = {f"{name}.int8": codes, f"{name}.scales": scales}
    [output] = node.output
    product = output if len(node.input) == 2 else f"{output}.product"
    shape = {"K": weights.shape[0], "N": weights.shape[1], "bits": BITS, "block_size": block, "accuracy_level": LEVEL}
    inputs = [node.input[0], *added]
    nodes = [onnx.helper.make_node("MatMulNBits", inputs, [product], name=node.name, domain="com.microsoft", **shape)]
    if len(node.input) > 2:
        nodes.append(onnx.helper.make_node("Add", [product, node.input[2]], [output], name=f"{node.name}/bias"))
    return nodes, added


def _lookup(node: Any, name: str, weights: NDArray[Any]) -> tuple[list[Any], Arrays] | None:
    """A look-up in embeddings (V, D) of 8 bits, whose rows are multiplied by their scales; None for other constants."""
    import onnx

    if weights.ndim != 2 or weights.dtype != np.float32:
        return None
    scales = np.abs(weights).max(1, keepdims=True) / np.float32(127)
    codes = np.rint(weights / np.where(scales == 0, 1, scales)).astype(np.int8)
    [output], ids, at = node.output, node.input[1], node.name
    make = onnx.helper.make_node
    nodes = [
        make("Gather", [f"{name}.int8", ids], [f"{output}.codes"], name=at),
        make("Cast", [f"{output}.codes"], [f"{output}.numbers"], name=f"{at}/Cast", to=onnx.TensorProto.FLOAT),
        make("Gather", [f"{name}.scales", ids], [f"{output}.scales"], name=f"{at}/scales"),
        make("Mul", [f"{output}.numbers", f"{output}.scales"], [output], name=f"{at}/Mul"),
    ]
    return nodes, {f"{name}.int8": codes, f"{name}.scales": scales}

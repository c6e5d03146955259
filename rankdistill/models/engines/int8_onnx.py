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


def quantize(source: Path, target: Path, kept: Sequence[str]) -> int:
    """Write an ONNX file whose products with constant weights are in int8; return how many are.

    kept: patterns of the names of operations that stay as they are.
    """
    import onnx

    model = onnx.load(source)
    graph = model.graph
    constants = {each.name: each for each in graph.initializer}
    nodes, added = [], []
    for node in graph.node:
        weights = _weights(node, constants, kept)
        block = next((size for size in BLOCKS if weights is not None and len(weights) % size == 0), None)
        if weights is None or block is None:
            nodes.append(node)
            continue
        codes, scales = blockwise(weights, block)
        name = node.input[1]
        added += [
            onnx.numpy_helper.from_array(codes, f"{name}.int8"),
            onnx.numpy_helper.from_array(scales, f"{name}.scales"),
        ]
        nodes.append(
            onnx.helper.make_node(
                "MatMulNBits",
                [node.input[0], f"{name}.int8", f"{name}.scales"],
                node.output,
                name=node.name,
                domain="com.microsoft",
                K=weights.shape[0],
                N=weights.shape[1],
                bits=BITS,
                block_size=block,
                accuracy_level=LEVEL,
            )
        )
    used = {name for node in nodes for name in node.input}
    unique = {each.name: each for each in [*graph.initializer, *added] if each.name in used}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(unique.values())
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, target)
    return len(added) // 2


def blockwise(weights: NDArray[np.float32], block: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Round weights (K, N) to 8 bits by blocks of K: codes uint8 (N, K / block, block), 128 is 0, and their scales.

    scales: float32 (N * K / block,), so that weight = (code - 128) * scale.
    """
    n_inputs, n_outputs = weights.shape
    blocks = np.ascontiguousarray(weights.T, np.float32).reshape(n_outputs, n_inputs // block, block)
    scales = np.abs(blocks).max(-1) / np.float32(127)
    codes = np.rint(blocks / np.where(scales == 0, 1, scales)[..., None]) + 128
    return codes.astype(np.uint8), scales.astype(np.float32).reshape(-1)


def _weights(node: Any, constants: dict[str, Any], kept: Sequence[str]) -> NDArray[np.float32] | None:
    """The constant matrix (K, N) of a product that is to be in int8; None for all other operations."""
    import onnx

    if node.op_type != "MatMul" or node.input[1] not in constants:
        return None
    if any(re.fullmatch(pattern, node.name) for pattern in kept):
        return None
    weights = onnx.numpy_helper.to_array(constants[node.input[1]])
    return weights if weights.ndim == 2 else None

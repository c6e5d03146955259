"""A step of an LSTM after its matrix product: gates to states, in operations that vectorise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rankdistill.arrays import F32
from rankdistill.models.kernels.softmax import exp_below_0

_REASSOCIATED = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, fastmath=_REASSOCIATED, error_model="numpy")
def lstm_cell(gates: F32, hidden: F32, cell: F32, n_rows: int) -> None:
    """Turn the first rows of gates (B, 4·H), before their activations, into the next states, (B, H), in place.

    Gates are in torch's order: input, forget, cell, output.
    """
    size = hidden.shape[1]
    for row in range(n_rows):
        for at in range(size):
            kept = sigmoid(gates[row, size + at]) * cell[row, at]
            state = kept + sigmoid(gates[row, at]) * tanh(gates[row, 2 * size + at])
            cell[row, at] = state
            hidden[row, at] = sigmoid(gates[row, 3 * size + at]) * tanh(state)


@njit(inline="always")
def sigmoid(x: Any) -> Any:
    """1/(1 + exp(-x)) of a float32."""
    share = np.float32(1) / (np.float32(1) + exp_below_0(-abs(x)))
    return share if x >= np.float32(0) else np.float32(1) - share


@njit(inline="always")
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of a float32."""
    power = exp_below_0(np.float32(-2) * abs(x))
    size = (np.float32(1) - power) / (np.float32(1) + power)
    return size if x >= np.float32(0) else -size

"""A step of an LSTM around its matrix product, forward and backward, in operations that vectorise.

Gates are in torch's order: input, forget, cell, output. Arrays are float32 and hold both ways of reading, (2, ...).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rankdistill.arrays import F32, I64
from rankdistill.models.kernels.softmax import exp_below_0

_REASSOCIATED = {"reassoc", "contract", "nsz"}
ONE = np.float32(1)


@njit(cache=True, nogil=True, fastmath=_REASSOCIATED, error_model="numpy")
def lstm_cell(gates: F32, hidden: F32, cell: F32, n_rows: int) -> None:
    """Turn the first rows of gates (2, B, 4·H), before their activations, into the next states, (2, B, H), in place."""
    size = hidden.shape[2]
    for way in range(2):
        for row in range(n_rows):
            gate, states, cells = gates[way, row], hidden[way, row], cell[way, row]
            for at in range(size):
                kept = sigmoid(gate[size + at]) * cells[at]
                state = kept + sigmoid(gate[at]) * tanh(gate[2 * size + at])
                cells[at] = state
                states[at] = sigmoid(gate[3 * size + at]) * tanh(state)


@njit(cache=True, nogil=True, fastmath=_REASSOCIATED, error_model="numpy")
def lstm_cell_kept(gates: F32, hidden: F32, cell: F32, first: int, n_rows: int, before: int) -> None:
    """`lstm_cell` of the rows from ``first`` of (2, N, ·), whose gates stay, after their activations.

    before: first row of the step before, of which as many rows are read; -1 for the first step, before which all is 0.
    """
    size = hidden.shape[2]
    for way in range(2):
        for row in range(n_rows):
            gate, states, cells = gates[way, first + row], hidden[way, first + row], cell[way, first + row]
            for at in range(size):
                gate[at] = sigmoid(gate[at])
                gate[size + at] = sigmoid(gate[size + at])
                gate[2 * size + at] = tanh(gate[2 * size + at])
                gate[3 * size + at] = sigmoid(gate[3 * size + at])
                cells[at] = gate[at] * gate[2 * size + at]
            if before >= 0:
                earlier = cell[way, before + row]
                for at in range(size):
                    cells[at] += gate[size + at] * earlier[at]
            for at in range(size):
                states[at] = gate[3 * size + at] * tanh(cells[at])


@njit(cache=True, nogil=True, fastmath=_REASSOCIATED, error_model="numpy")
def lstm_cell_backward(
    gates: F32, cell: F32, given: F32, hidden: F32, carried: F32, out: F32, first: int, n_rows: int, before: int
) -> None:
    """Write the gradient of gates before their activations into the rows from ``first`` of ``out``, (2, N, 4·H).

    gates, cell, first, n_rows, before: of `lstm_cell_kept`. Gradients: given (2, N, H), of the states by what reads
    them; hidden and carried (2, B, H), of the states and cells by the step after; carried becomes that of the step
    before.
    """
    size = cell.shape[2]
    for way in range(2):
        for row in range(n_rows):
            gate, cells, written = gates[way, first + row], cell[way, first + row], out[way, first + row]
            read, after, kept = given[way, first + row], hidden[way, row], carried[way, row]
            earlier = cell[way, max(before, 0) + row]
            is_later = ONE if before >= 0 else np.float32(0)
            for at in range(size):
                opened, stayed, new, shown = gate[at], gate[size + at], gate[2 * size + at], gate[3 * size + at]
                state = tanh(cells[at])
                of_hidden = read[at] + after[at]
                of_cell = kept[at] + of_hidden * shown * (ONE - state * state)
                written[at] = of_cell * new * opened * (ONE - opened)
                written[size + at] = of_cell * is_later * earlier[at] * stayed * (ONE - stayed)
                written[2 * size + at] = of_cell * opened * (ONE - new * new)
                written[3 * size + at] = of_hidden * state * shown * (ONE - shown)
                kept[at] = of_cell * stayed


@njit(cache=True, nogil=True)
def add_rows(rows: I64, values: F32, sums: F32) -> None:
    """Add each row of values (N, W) to the row of sums (U, W) that ``rows``, int64 (N,), names."""
    for place in range(rows.size):
        total, added = sums[rows[place]], values[place]
        for at in range(total.size):
            total[at] += added[at]


@njit(inline="always")
def sigmoid(x: Any) -> Any:
    """1/(1 + exp(-x)) of a float32, without a difference that would lose the digits of small ones."""
    power = exp_below_0(-abs(x))
    return (ONE if x >= np.float32(0) else power) / (ONE + power)


@njit(inline="always")
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of a float32; a small one is itself, as the difference would lose its digits."""
    power = exp_below_0(np.float32(-2) * abs(x))
    size = (ONE - power) / (ONE + power)
    return x if abs(x) < np.float32(1e-3) else (size if x >= np.float32(0) else -size)

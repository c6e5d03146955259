"""The steps of a bidirectional LSTM over packed texts, forward and backward, on a CPU in float32."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from rankdistill.models.kernels.lstm_cell import add_rows, lstm_cell_backward, lstm_cell_kept
from rankdistill.models.recurrent.packed import PackedTexts


def states_of(onwards: nn.LSTM, backwards: nn.LSTM, vectors: Tensor, places: Tensor, packed: PackedTexts) -> Tensor:
    """Run LSTMs of both ways over packed texts: states float32 (2, N, H), in the order of steps.

    vectors: float32 (U, D). places: int64 (N,), the row of them that each token is, in the order of texts. What a
    token adds to the gates depends on its vector alone, and is computed once for each vector; under autocast in its
    dtype, while the steps stay in float32.
    """
    lstms: tuple[Any, Any] = (onwards, backwards)
    gates = [functional.linear(vectors, way.weight_ih_l0, way.bias_ih_l0 + way.bias_hh_l0) for way in lstms]
    weights = [way.weight_hh_l0 for way in lstms]
    states: Tensor = Steps.apply(packed.active, *packed.both_ways(places), *gates, *weights)
    return states


class Steps(Function):
    """States (2, N, H) by steps, of what tokens add to the gates and of the weights of the states before them.

    A step is one batched product for both ways, of the rows that have not ended. The gradient of the weights is one
    product over all steps.
    """

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any,
        active: list[int],
        rows_onwards: Tensor,
        rows_backwards: Tensor,
        gates_onwards: Tensor,
        gates_backwards: Tensor,
        weights_onwards: Tensor,
        weights_backwards: Tensor,
    ) -> Tensor:
        """Compute the states. active: rows of each step. gates (U, 4·H), rows int64 (N,) of them, weights (4·H, H)."""
        weights = torch.stack([weights_onwards, weights_backwards])
        rows, size = (rows_onwards, rows_backwards), weights.shape[2]
        gates = weights.new_empty(2, len(rows_onwards), 4 * size)
        for way, given in enumerate((gates_onwards, gates_backwards)):
            torch.index_select(given, 0, rows[way], out=gates[way])
        states, cells = (weights.new_empty(2, len(rows_onwards), size) for _ in range(2))
        arrays, turned = (gates.numpy(), states.numpy(), cells.numpy()), weights.transpose(1, 2)
        before = -1
        for first, n_rows in zip(_starts(active), active, strict=True):
            if before >= 0:
                gates[:, first : first + n_rows].baddbmm_(states[:, before : before + n_rows], turned)
            lstm_cell_kept(*arrays, first, n_rows, before)
            before = first
        ctx.save_for_backward(*rows, gates, states, cells, weights)
        ctx.active, ctx.n_gates = active, (len(gates_onwards), len(gates_backwards))
        return states

    @staticmethod
    @once_differentiable
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, given: Tensor) -> Any:  # type: ignore[override]  # custom_bwd is typed without names
        """Gradients of gates and weights, of that of the states, (2, N, H)."""
        *rows, gates, states, cells, weights = ctx.saved_tensors
        active, given = ctx.active, given.contiguous()
        gradient, n_first = torch.empty_like(gates), max(active, default=0)
        of_hidden, of_cell = (states.new_zeros(2, n_first, states.shape[2]) for _ in range(2))
        kept = gates.numpy(), cells.numpy(), given.numpy()
        computed = of_hidden.numpy(), of_cell.numpy(), gradient.numpy()
        starts = _starts(active)
        for step in reversed(range(len(active))):
            first, n_rows, before = starts[step], active[step], starts[step - 1] if step else -1
            lstm_cell_backward(*kept, *computed, first, n_rows, before)
            if step:
                torch.bmm(gradient[:, first : first + n_rows], weights, out=of_hidden[:, :n_rows])
        counts = rows[0].new_tensor(active)
        earlier = torch.arange(n_first, gates.shape[1], device=counts.device) - counts[:-1].repeat_interleave(
            counts[1:]
        )
        of_weights = torch.bmm(gradient[:, n_first:].transpose(1, 2), states[:, earlier])
        sums = [gates.new_zeros(n_rows, gates.shape[2]) for n_rows in ctx.n_gates]
        for way, total in enumerate(sums):
            add_rows(rows[way].numpy(), gradient[way].numpy(), total.numpy())
        return None, None, None, *sums, *of_weights


def _starts(active: list[int]) -> list[int]:
    """The first place of each step."""
    return list(accumulate(active, initial=0))[:-1]

"""RowAdadelta: AdaDelta that updates only those rows of an embedding table that a batch has read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class RowAdadelta(torch.optim.Adadelta):
    """`torch.optim.Adadelta`, also of weights whose gradient is sparse, with what it would give for the dense one.

    A row without a gradient is not moved, and its two averages only decay: they are multiplied by rho once for each
    update that they missed when the row has a gradient again. So an update costs as much as the rows that were read,
    not as much as the vocabulary has. The averages of a row are those of its last gradient until then. Updates are
    counted in float32, which is exact up to 2^24 of them. Weight decay is done for dense gradients alone.
    Source: Zeiler 2012, algorithm 1.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Do one update. closure: computes the loss anew, as torch has it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        by_row = []
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state.get(weight, {})
                if weight.grad is not None and weight.grad.is_sparse:
                    by_row.append((weight, weight.grad.coalesce()))
                    self._update_rows(weight, by_row[-1][1], group)
                    weight.grad = None
                elif weight.grad is not None and "last" in state:
                    _decay_all(state, group["rho"])
        super().step()
        for weight, gradient in by_row:
            weight.grad = gradient
        return loss

    def _update_rows(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """Update the rows of a weight (V, D) that a coalesced sparse gradient of n rows has."""
        state, rho, eps = self.state[weight], group["rho"], group["eps"]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["square_avg"], state["acc_delta"] = torch.zeros_like(weight), torch.zeros_like(weight)
        if "last" not in state:
            state["last"] = torch.full((len(weight),), float(state["step"]), device=weight.device)
        state["step"] += 1
        [rows], values = gradient.indices(), gradient.values()
        decay = (rho ** (float(state["step"]) - state["last"][rows]))[:, None]
        squares = (state["square_avg"][rows] * decay).addcmul_(values, values, value=1 - rho)
        deltas = state["acc_delta"][rows] * (decay / rho)
        moved = (deltas + eps).sqrt_().div_((squares + eps).sqrt_()).mul_(values)
        state["square_avg"][rows] = squares
        state["acc_delta"][rows] = (deltas * rho).addcmul_(moved, moved, value=1 - rho)
        state["last"][rows] = float(state["step"])
        weight.index_add_(0, rows, moved, alpha=-group["lr"])


def _decay_all(state: dict[str, Any], rho: float) -> None:
    """Bring the averages of all rows up to the last update, for a dense gradient."""
    decay = (rho ** (float(state["step"]) - state["last"]))[:, None]
    state["square_avg"].mul_(decay)
    state["acc_delta"].mul_(decay)
    del state["last"]

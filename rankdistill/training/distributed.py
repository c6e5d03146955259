"""Training in several processes, as torchrun starts them: each computes a share of every batch, all learn the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from accelerate import PartialState
from torch import Tensor
from torch import distributed as dist

from rankdistill.models.precision import default_device

PATIENCE = timedelta(days=7)
"""How long processes wait for each other: while the first one scores by the teachers, for as long as that takes."""


def join_processes() -> None:
    """Meet the processes that torchrun started with this one, if any: by gloo on CPUs, by NCCL on GPUs."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        on_cpu = default_device().type == "cpu"
        if on_cpu:
            os.environ.setdefault("ACCELERATE_USE_CPU", "true")
        PartialState(cpu=on_cpu, timeout=PATIENCE)


def processes() -> tuple[int, int]:
    """This process's number, from 0, and how many there are; (0, 1) where torchrun started none."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def wait_for_all() -> None:
    """Go on when all processes have come here."""
    if processes()[1] > 1:
        dist.barrier()


@contextmanager
def first_process_first() -> Iterator[None]:
    """Run the block in the first process, and then in the others, one by one, which find what it wrote."""
    rank, n = processes()
    for _ in range(rank):
        wait_for_all()
    yield
    for _ in range(n - rank):
        wait_for_all()


def shared(value: str) -> str:
    """The first process's value, in all of them."""
    values = [value]
    if processes()[1] > 1:
        dist.broadcast_object_list(values)
    return values[0]


def mean_over_processes(values: Sequence[float]) -> list[float]:
    """The mean of each value over all processes, which give as many."""
    n = processes()[1]
    if n == 1:
        return list(values)
    summed = torch.tensor(values, dtype=torch.float64, device=default_device())
    dist.all_reduce(summed)
    return [float(value) / n for value in summed]


def mean_of_all(values: Tensor, count: int) -> Tensor:
    """The mean of some values that all processes have, as a single process computes it; 0 where there are none.

    values: the mean of this process's, with gradients; count: how many they are, possibly 0. Gradients flow to this
    process's values alone, multiplied by the number of processes, see `gather`.
    """
    n = processes()[1]
    if n == 1:
        return values
    summed = torch.stack([values.detach().double() * count, values.new_tensor(count, dtype=torch.float64)])
    dist.all_reduce(summed)
    total, counts = summed.tolist()
    own = values * (n * count / max(1.0, counts))
    return own - own.detach() + total / max(1.0, counts)


def gather(logits: Tensor, counts: Sequence[int]) -> Tensor:
    """The logits of all processes, one after the other: float (sum of counts, n_logits).

    logits: this process's, as many as its count says, or any where that is 0. The loss over all of them is the one that
    a single process computes. Gradients flow to this process's rows alone, multiplied by the number of processes, over
    which DistributedDataParallel takes their mean.
    """
    rank, n = processes()
    if n == 1:
        return logits
    padded = logits.new_zeros(max(counts), logits.shape[1])
    padded[: counts[rank]] = logits.detach()[: counts[rank]]
    everyone = [torch.empty_like(padded) for _ in range(n)]
    dist.all_gather(everyone, padded)
    rows = [values[:count] for values, count in zip(everyone, counts, strict=True)]
    nothing = 0 * logits.sum()  # a process without a list of its own takes part in the backward pass too
    rows[rank] = rows[rank] + (n * (logits[: counts[rank]] - rows[rank]) if counts[rank] else 0) + nothing
    return torch.cat(rows)

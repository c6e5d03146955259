"""Kernels on all cores leave alone how many threads PyTorch computes with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rankdistill.parallel import parallel

SCRIPT = """
import numpy as np, torch
torch.set_num_threads({threads})
from rankdistill.data.kernels.random import hash_ids
hash_ids(np.arange(100))
print(torch.get_num_threads())
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_torch_keeps_its_threads(threads: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(threads=threads)], capture_output=True, text=True, timeout=200
    )
    assert done.stdout == f"{threads}\n", done.stderr


def test_a_kernel_keeps_its_name_and_what_it_says() -> None:
    def kernel(x: float) -> float:
        """Twice."""
        return 2 * x

    assert (parallel(kernel).__name__, parallel(kernel).__doc__) == ("kernel", "Twice.")

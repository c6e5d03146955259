"""ClusterSettings: where the parts of a run are worked on, declared once for Python, commands and YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rankdistill.errors import UnknownNameError, UsageError

ClusterName = Literal["ray"]


@dataclass(frozen=True)
class ClusterSettings:
    """One part after the other in this process, or many at once on a cluster."""

    cluster: ClusterName | None = None
    """For a run in parts: work on many parts at once by Ray. [default: one after the other, in this process]"""
    address: str | None = None
    """Address of a running Ray cluster; auto for the one that this machine belongs to. [default: Ray is started
    here]"""
    workers: int | None = None
    """Number of Ray actors. [default: as many as the cluster has CPUs for]"""
    cpus: int | None = None
    """CPUs, and threads, of each Ray actor. [default: PyTorch's threads in this process]"""

    def __post_init__(self) -> None:
        if self.cluster is not None and self.cluster not in get_args(ClusterName):
            raise UnknownNameError("cluster", self.cluster, get_args(ClusterName))
        for name in ("workers", "cpus"):
            if (number := getattr(self, name)) is not None and number < 1:
                raise UsageError(f"{name} must be at least 1, got {number}")
        if self.cluster is None and (self.address, self.workers, self.cpus) != (None, None, None):
            raise UsageError("address, workers and cpus are settings of a cluster: name it (--cluster ray)")

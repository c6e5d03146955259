"""over_parts: do a work to every part of a run that is not done yet, here or on a Ray cluster."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rankdistill.cluster.work import Do, PartWork
from rankdistill.data.parts import begin_parts, parts_of
from rankdistill.data.tables import write_candidates
from rankdistill.errors import MissingExtraError, UsageError
from rankdistill.progress import console, progress

Cluster = Literal["ray"]
STORES = ".scores"


def over_parts(
    work: PartWork,
    run: str | Path,
    out: str | Path,
    *,
    cluster: Cluster | None = None,
    address: str | None = None,
    workers: int | None = None,
    cpus: int = 1,
) -> int:
    """Make of every part in the folder ``run`` one of the same name in ``out``; return how many were made now.

    A part is written whole or not at all, and parts that are there are left as they are, so that the same call goes on
    after a kill; another work into the same folder is a `UsageError`. cluster: None, in this process, or "ray", by
    actors of Ray Data; both write the same bytes where torch computes alike in both. A Ray worker that dies is
    replaced, and its part goes on from the scores it had kept.
    address: of a running Ray cluster, "auto" for the one this machine belongs to; None starts Ray here. The folders,
    the model and the collection must be found under the same names by all workers. workers: actors (None: as many as
    there are CPUs for). cpus: and threads, of each actor.
    """
    run, out = Path(run).absolute(), Path(out).absolute()
    if out == run:
        raise UsageError(f"{out} is where the parts are read from: give another folder to write to")
    every = parts_of(run)
    begin_parts(out, [part.name for part in every], work.facts())
    left = [part for part in every if not (out / part.name).is_file()]
    if len(left) < len(every):
        told = f"going on from {len(every) - len(left):,} of {len(every):,} parts"
        console.print(told, highlight=False)
    if left:
        if cluster == "ray" and not importlib.util.find_spec("ray"):
            raise MissingExtraError("--engine-cluster ray", "ray")
        done = _by_ray(work, left, out, address, workers, cpus) if cluster == "ray" else _here(work, left, out)
        with progress("parts", len(every), unit="parts") as advance:
            advance(len(every) - len(left))
            for _ in done:
                advance(1)
    shutil.rmtree(out / STORES, ignore_errors=True)
    return len(left)


def _here(work: PartWork, parts: list[Path], out: Path) -> Iterator[str]:
    do = work.start()
    for part in parts:
        yield _make(do, part, out)


def _make(do: Do, part: Path, out: Path) -> str:
    """Do one part; what it kept on the way is deleted when it is written."""
    store = out / STORES / part.stem
    write_candidates(do(part, store), out / part.name)
    shutil.rmtree(store, ignore_errors=True)
    return part.name


class _Worker:
    """An actor: loads what the work needs once, then makes part after part."""

    def __init__(self, work: PartWork, out: Path, cpus: int) -> None:
        import torch

        torch.set_num_threads(cpus)
        self.do, self.out = work.start(), out

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"made": _make(self.do, Path(row["part"]), self.out)}


def _by_ray(
    work: PartWork, parts: list[Path], out: Path, address: str | None, workers: int | None, cpus: int
) -> Iterator[str]:
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    with _connected(ray, address):
        DataContext.get_current().enable_progress_bars = False
        largest = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        if cpus > largest:
            raise UsageError(f"an actor is to have {cpus} CPUs, but the largest machine of the cluster has {largest}")
        most = workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // cpus)
        rows = ray.data.from_items([{"part": str(part)} for part in parts], override_num_blocks=len(parts))
        worker: Any = _Worker
        made = rows.map(
            worker,
            fn_constructor_args=(work, out, cpus),
            compute=ActorPoolStrategy(min_size=1, max_size=min(most, len(parts)), max_tasks_in_flight_per_actor=1),
            num_cpus=cpus,
        )
        for row in made.iter_rows():
            yield row["made"]


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one here; one that the caller is connected to is taken as it is."""
    mine = not ray.is_initialized()
    if mine:
        ray.init(address=address, log_to_driver=False, include_dashboard=None if address else False)
    try:
        yield
    finally:
        if mine:
            ray.shutdown()

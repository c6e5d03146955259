"""over_parts: do a work to every part of a run that is not done yet, here or on a Ray cluster."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rankdistill.cluster.work import Do, PartWork
from rankdistill.data.parquet import write_candidates
from rankdistill.data.parts import begin_parts, parts_of
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
    cpus: int | None = None,
) -> tuple[int, Counter[str]]:
    """Make of every part in the folder ``run`` one of the same name in ``out``.

    Return how many were made now, and of them the sums of what the work counted, by what it was.

    A part is written whole or not at all, and parts that are there are left as they are, so that the same call goes on
    after a kill; another work into the same folder is a `UsageError`. cluster: None, in this process, or "ray", by
    actors of Ray Data; both write the same bytes where an actor has as many threads as this process. A Ray worker that
    dies is replaced, and its part goes on from the scores it had kept.
    address: of a running Ray cluster, "auto" for the one this machine belongs to; None starts Ray here. The folders,
    the model and the collection must be found under the same names by all workers. workers: actors (None: as many as
    there are CPUs for). cpus: and threads, of each actor (None: as many as PyTorch has in this process).
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
    met: Counter[str] = Counter()
    if left:
        if cluster == "ray" and not importlib.util.find_spec("ray"):
            raise MissingExtraError("--engine-cluster ray", "ray")
        done = _by_ray(work, left, out, address, workers, cpus) if cluster == "ray" else _here(work, left, out)
        with progress("parts", len(every), unit="parts") as advance:
            advance(len(every) - len(left))
            for counts in done:
                met += counts
                advance(1)
    shutil.rmtree(out / STORES, ignore_errors=True)
    return len(left), met


def _here(work: PartWork, parts: list[Path], out: Path) -> Iterator[Counter[str]]:
    do = work.start()
    for part in parts:
        yield _make(do, part, out)


def _make(do: Do, part: Path, out: Path) -> Counter[str]:
    """Do one part and return its counts; what it kept on the way is deleted when it is written."""
    store = out / STORES / part.stem
    made, met = do(part, store)
    write_candidates(made, out / part.name)
    shutil.rmtree(store, ignore_errors=True)
    return met


class _Worker:
    """An actor: loads what the work needs once, then makes part after part."""

    def __init__(self, work: PartWork, out: Path, cpus: int) -> None:
        self.do, self.out, self.cpus = work.start(), out, cpus

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import numba
        import torch

        numba.set_num_threads(min(self.cpus, numba.get_num_threads()))  # of this thread, which Ray chose
        torch.set_num_threads(self.cpus)
        return {"met": json.dumps(_make(self.do, Path(row["part"]), self.out))}


def _by_ray(
    work: PartWork, parts: list[Path], out: Path, address: str | None, workers: int | None, cpus: int | None
) -> Iterator[Counter[str]]:
    import ray
    import torch
    from ray.data import ActorPoolStrategy, DataContext

    cpus = cpus or torch.get_num_threads()
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
            yield Counter(json.loads(row["met"]))


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

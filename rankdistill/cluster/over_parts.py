"""over_parts: do a work on every part of a run that is not done yet, here or on a Ray cluster."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rankdistill.cluster.settings import ClusterSettings
from rankdistill.cluster.work import DoPart, PartWork
from rankdistill.data.parquet import write_candidates
from rankdistill.data.parts import begin_parts, parts_of
from rankdistill.errors import MissingExtraError, UsageError
from rankdistill.progress import progress, say

STORES = ".scores"


def over_parts(
    work: PartWork, run: str | Path, out: str | Path, settings: ClusterSettings | None = None
) -> tuple[int, Counter[str]]:
    """Write for every part in the folder ``run`` one of the same name in ``out``.

    Return how many this call wrote, and the sums over them of what the work counted, by name.

    A part is written whole or not at all, and parts that are there already are left as they are, so that the same call
    resumes after a kill. On a cluster the parts are worked on by actors of Ray Data, which write the same bytes as
    this process where they have as many threads; an actor that dies is replaced, and its part resumes from the scores
    that were saved. All workers must find the folders, the model and the collection under the same names.
    settings: None for this process. Raises `UsageError` where ``out`` is ``run``, or holds the parts of another work,
    `MissingExtraError` without Ray.
    """
    settings = settings or ClusterSettings()
    run, out = Path(run).absolute(), Path(out).absolute()
    if out == run:
        raise UsageError(f"{out} is where the parts are read from: give another folder to write to")
    if settings.cluster == "ray" and not importlib.util.find_spec("ray"):
        raise MissingExtraError("--cluster ray", "ray")
    parts = parts_of(run)
    begin_parts(out, [part.name for part in parts], work.facts())
    todo = [part for part in parts if not (out / part.name).is_file()]
    n_done = len(parts) - len(todo)
    if n_done:
        say(f"resuming: {n_done:,} of {len(parts):,} parts are done")
    counts: Counter[str] = Counter()
    if todo:
        done = _by_ray(work, todo, out, settings) if settings.cluster == "ray" else _here(work, todo, out)
        with progress("parts", len(parts), unit="parts") as advance:
            advance(n_done)
            for part_counts in done:
                counts += part_counts
                advance(1)
    shutil.rmtree(out / STORES, ignore_errors=True)
    return len(todo), counts


def _here(work: PartWork, parts: list[Path], out: Path) -> Iterator[Counter[str]]:
    do = work.start()
    for part in parts:
        yield _write_part(do, part, out)


def _write_part(do: DoPart, part: Path, out: Path) -> Counter[str]:
    """Do one part and return its counts; the scores that were saved meanwhile are deleted once it is written."""
    store = out / STORES / part.stem
    run, counts = do(part, store)
    write_candidates(run, out / part.name)
    shutil.rmtree(store, ignore_errors=True)
    return counts


class _Worker:
    """A Ray actor: loads what the work needs once, then does part after part."""

    def __init__(self, work: PartWork, out: Path, cpus: int) -> None:
        self.do, self.out, self.cpus = work.start(), out, cpus

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import numba
        import torch

        # Both settings belong to the thread, and Ray chooses the thread of each call.
        numba.set_num_threads(min(self.cpus, numba.get_num_threads()))
        torch.set_num_threads(self.cpus)
        return {"counts": json.dumps(_write_part(self.do, Path(row["part"]), self.out))}


def _by_ray(work: PartWork, parts: list[Path], out: Path, settings: ClusterSettings) -> Iterator[Counter[str]]:
    import ray
    import torch
    from ray.data import ActorPoolStrategy, DataContext

    cpus = settings.cpus or torch.get_num_threads()
    with _connected(ray, settings.address):
        DataContext.get_current().enable_progress_bars = False
        largest = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        if cpus > largest:
            raise UsageError(
                f"each actor needs {cpus} CPUs, but the largest machine of the cluster has {largest}: lower cpus"
            )
        n_actors = settings.workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // cpus)
        rows = ray.data.from_items([{"part": str(part)} for part in parts], override_num_blocks=len(parts))
        worker: Any = _Worker
        done = rows.map(
            worker,
            fn_constructor_args=(work, out, cpus),
            compute=ActorPoolStrategy(min_size=1, max_size=min(n_actors, len(parts)), max_tasks_in_flight_per_actor=1),
            num_cpus=cpus,
        )
        for row in done.iter_rows():
            yield Counter(json.loads(row["counts"]))


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one here; a connection that the caller has is used and left open."""
    connect = not ray.is_initialized()
    if connect:
        ray.init(address=address, log_to_driver=False, include_dashboard=None if address else False)
    try:
        yield
    finally:
        if connect:
            ray.shutdown()

"""over_parts: do a work on every part of a run that is not done yet, here or on a Ray cluster."""

from __future__ import annotations

import importlib.util
import json
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rankdistill.cluster.settings import ClusterSettings
from rankdistill.cluster.steps import Steps
from rankdistill.cluster.work import DoPart, PartWork
from rankdistill.data.parts import begin_parts, part_identities, parts_of
from rankdistill.errors import DataError, MissingExtraError, RankDistillError, UsageError
from rankdistill.files.checksums import damage
from rankdistill.files.lock import locked
from rankdistill.files.outputs import check_output_folder
from rankdistill.progress import progress, say

STORES = ".scores"
DEATHS = 3
"""An actor that dies more often is not replaced: Ray Data would do so without an end."""


def over_parts(
    work: PartWork, run: str | Path, out: str | Path, settings: ClusterSettings | None = None
) -> tuple[int, Counter[str]]:
    """Write for every part in the folder ``run`` one of the same name in ``out``.

    Return how many this call wrote, and the sums over them of what the work counted, by name.

    A part is written whole or not at all, and parts that are there already, undamaged, are left as they are, so that
    the same call resumes after a kill. On a cluster the parts are worked on by actors of Ray Data, which write the same
    bytes as this process where they have as many threads; an actor that dies is replaced, and its part resumes from the
    scores that were saved. All workers must find the folders, the model and the collection under the same names.
    settings: None for this process. Raises `UsageError` where ``out`` is ``run``, cannot be written, is written by
    another process, or holds parts that were made otherwise: of other input, by another model, from other texts;
    `DataError` for parts of ``run`` that are missing or damaged; `MissingExtraError` without Ray.
    """
    settings = settings or ClusterSettings()
    run, out = Path(run).absolute(), Path(out).absolute()
    if out == run:
        raise UsageError(f"{out} is where the parts are read from: give another folder to write to")
    if settings.cluster == "ray" and not importlib.util.find_spec("ray"):
        raise MissingExtraError("--cluster ray", "ray")
    check_output_folder(out)
    parts = parts_of(run)
    facts = {"parts of the run": part_identities(run), **work.facts()}
    with locked(out):
        begin_parts(out, [part.name for part in parts], facts)
        return _make(work, parts, out, settings)


def _make(work: PartWork, parts: list[Path], out: Path, settings: ClusterSettings) -> tuple[int, Counter[str]]:
    """Do the parts that are not done, and return what `over_parts` does."""
    todo = [part for part in parts if not _is_done(out / part.name)]
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


def _is_done(file: Path) -> bool:
    """Tell whether a part is there as it was written; say so where it is there and is not."""
    if not file.exists():
        return False
    found = damage(file)
    if found:
        warnings.warn(f"{found}: the part is made anew", UserWarning, stacklevel=3)
    return not found


def _here(work: PartWork, parts: list[Path], out: Path) -> Iterator[Counter[str]]:
    do = work.start()
    if isinstance(do, Steps):
        yield from do.overlapping(parts, out)
        return
    for part in parts:
        yield _write_part(do, part, out)


def _write_part(do: DoPart, part: Path, out: Path) -> Counter[str]:
    """Do one part and return its counts; the scores that were saved meanwhile are deleted once it is written."""
    store = out / STORES / part.stem
    counts = do(part, store, out / part.name)
    shutil.rmtree(store, ignore_errors=True)
    return counts


class _Worker:
    """A Ray actor: loads what the work needs once, then does part after part.

    Errors that a user can cause are results, as Ray would wrap them in errors of its own.
    """

    def __init__(self, work: PartWork, out: Path, cpus: int) -> None:
        self.work, self.out, self.cpus = work, out, cpus
        self.do: DoPart | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import numba
        import torch

        # Both settings belong to the thread, and Ray chooses the thread of each call.
        numba.set_num_threads(min(self.cpus, numba.get_num_threads()))
        torch.set_num_threads(self.cpus)
        try:
            self.do = self.do or self.work.start()
            return {
                "counts": json.dumps(_write_part(self.do, Path(row["part"]), self.out)),
                "error": "",
                "usage": False,
            }
        except (RankDistillError, OSError) as error:
            return {"counts": "{}", "error": str(error), "usage": isinstance(error, UsageError)}


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
            max_restarts=DEATHS,
            max_task_retries=DEATHS,
        )
        try:
            for row in done.iter_rows():
                if row["error"]:
                    raise (UsageError if row["usage"] else DataError)(row["error"])
                yield Counter(json.loads(row["counts"]))
        except ray.exceptions.RayActorError as error:
            raise DataError(
                f"the actors died {DEATHS} times, perhaps for want of memory: finished parts are kept; give fewer "
                f"--workers or smaller parts, and run the same command again ({str(error).splitlines()[0]})"
            ) from error


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

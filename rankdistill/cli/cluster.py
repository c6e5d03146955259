"""Options of a cluster, and what score, rerank and ensemble do with a run that is a folder of parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.output import say, say_wrote
from rankdistill.data.sources import SOURCES
from rankdistill.errors import UsageError

if TYPE_CHECKING:
    from rankdistill.cluster.work import PartWork


@dataclass(frozen=True)
class ClusterOptions:
    """How the parts of a run are worked on."""

    engine_cluster: Annotated[
        Literal["ray"] | None,
        Parameter(help="For a run in parts: many at once, by Ray. [default: one after the other]"),
    ] = None
    address: Annotated[
        str | None,
        Parameter(help="Of a running Ray cluster; auto: this machine's. [default: Ray is started here]"),
    ] = None
    workers: Annotated[
        int | None, Parameter(help="Ray actors. [default: by the cluster's CPUs]", validator=Number(gte=1))
    ] = None
    cpus: Annotated[
        int | None,
        Parameter(help="CPUs, and threads, of a Ray actor. [default: PyTorch's threads]", validator=Number(gte=1)),
    ] = None


Cluster = Annotated[ClusterOptions, Parameter(name="*")]
ALONE = ClusterOptions()


def in_parts(runs: Iterable[Path], cluster: ClusterOptions) -> bool:
    """Whether the runs are folders of parts; `UsageError` where only some are, or a cluster is to work on a file."""
    folders = [run.is_dir() for run in runs]
    if any(folders) and not all(folders):
        raise UsageError("some runs are folders of parts and some are files: make parts of all by `rankdistill parts`")
    if not all(folders) and cluster != ALONE:
        raise UsageError("options of a cluster are for a run in parts: make them by `rankdistill parts`")
    if cluster != ALONE and not cluster.engine_cluster:
        raise UsageError("--address, --workers and --cpus belong to --engine-cluster ray")
    return all(folders)


def from_anywhere(name: str) -> str:
    """A model's or collection's name with its folder, where it has one, as an absolute path: for workers elsewhere."""
    if name in SOURCES:
        return name
    folder, mark, tag = name.rpartition("#") if "#" in name and not Path(name).exists() else (name, "", "")
    folder = folder.removeprefix("folder:")
    return f"{Path(folder).absolute()}{mark}{tag}" if Path(folder).exists() else name


def work_on_parts(work: PartWork, run: Path, out: Path, cluster: ClusterOptions) -> None:
    """Make the run ``out``, in parts, of the parts of ``run``."""
    from rankdistill.cluster import over_parts

    made, met = over_parts(
        work,
        run,
        out,
        cluster=cluster.engine_cluster,
        address=cluster.address,
        workers=cluster.workers,
        cpus=cluster.cpus,
    )
    if said := ", ".join(f"{count:,} {what}" for what, count in met.items() if count):
        say(f"parts made now: {said}")
    say_wrote(out, f"{made:,} parts")

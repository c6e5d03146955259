"""Runs in parts: the options of a cluster, and the work on parts that score, rerank and ensemble share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from rankdistill.cli.expert_names import OF_LISTS, folder_to_score, named_experts
from rankdistill.cli.output import say, say_wrote
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.data.query_lists import parts_folder
from rankdistill.data.score_files.found import is_score_folder
from rankdistill.data.sources import absolute_source
from rankdistill.errors import UsageError
from rankdistill.files.outputs import check_output_file, check_output_folder
from rankdistill.scoring.settings import ScoringSettings

if TYPE_CHECKING:
    from rankdistill.cluster.work import PartWork

Cluster = Annotated[ClusterSettings, Parameter(name="*")]
ALONE = ClusterSettings()


def in_parts(runs: Iterable[Path], cluster: ClusterSettings, out: Path) -> bool:
    """Whether the runs are folders of parts, and ``out`` therefore a folder.

    Raises `UsageError` where only some are, where a cluster is named for a file, where ``out`` is a folder and should
    be a file, or the other way round, and where it is one of the runs.
    """
    runs = list(runs)
    if out.exists() and any(run.exists() and run.samefile(out) for run in runs):
        raise UsageError(f"{out} is read as a run: give another name for what is written")
    folders = [run.is_dir() and not is_score_folder(run) for run in runs]
    if any(folders) and not all(folders):
        raise UsageError("some runs are folders of parts and some are files: split all of them by `rankdistill parts`")
    if not all(folders) and cluster != ALONE:
        raise UsageError("--cluster is for a run in parts: split it by `rankdistill parts`")
    (check_output_folder if all(folders) else check_output_file)(out)
    return all(folders)


def absolute_model(name: str) -> str:
    """Write a model's name with an absolute path, where it is a folder: for workers elsewhere."""
    return str(Path(name).absolute()) if Path(name).exists() else name


def score_parts(
    model: str,
    collection: str,
    run: Path,
    out: Path,
    scoring: ScoringSettings,
    cluster: ClusterSettings,
    top_k: int | None = None,
    weight: float | None = None,
) -> None:
    """Score or re-rank a run in parts; for top_k and weight see `ScoreParts`."""
    if scoring.engine == "auto" and cluster.cluster:
        raise UsageError("--engine auto would choose for each worker: name the engine")
    from rankdistill.cluster.work import ScoreParts

    work_on_parts(
        ScoreParts(absolute_model(model), absolute_source(collection), scoring, top_k, weight), run, out, cluster
    )


def score_by_experts(
    experts: Sequence[str],
    collection: str,
    out: Path,
    scoring: ScoringSettings,
    cluster: ClusterSettings,
    classifiers: Sequence[str] = (),
) -> None:
    """Score ``pairs:FOLDER`` or ``lists:FOLDER`` in parts by several experts; for their names see `named_experts`.

    classifiers: see `ExpertParts`.
    """
    if scoring.engine == "auto" and cluster.cluster:
        raise UsageError("--engine auto would choose for each worker: name the engine")
    from rankdistill.cluster.expert_parts import ExpertParts, score_lists
    from rankdistill.scoring.experts import stored_experts

    prefix, folder = folder_to_score(collection)
    earlier = stored_experts(parts_folder(folder))
    models = {name: absolute_model(model) for name, model in named_experts(experts, earlier).items()}
    if prefix == OF_LISTS:
        say_parts(out, *score_lists(models, folder, out, scoring, cluster, classifiers))
    else:
        work = ExpertParts(models, scoring, earlier, classifiers=tuple(classifiers))
        work_on_parts(work, folder, out, cluster)


def work_on_parts(work: PartWork, run: Path, out: Path, cluster: ClusterSettings) -> None:
    """Write the folder ``out``, in parts, from the parts of ``run``."""
    from rankdistill.cluster.over_parts import over_parts

    say_parts(out, *over_parts(work, run, out, cluster))


def say_parts(out: Path, n_written: int, counts: Mapping[str, int]) -> None:
    """Say what `over_parts` returned, and that the folder was written."""
    if numbers := ", ".join(f"{count:,} {name}" for name, count in counts.items() if count):
        say(f"in the parts written by this command: {numbers}")
    say_wrote(out, f"{n_written:,} parts")

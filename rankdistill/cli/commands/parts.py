"""parts: a run as a folder of Parquet files, to be worked on one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.options import Run, Texts
from rankdistill.cli.output import say_wrote
from rankdistill.cli.outputs import NEW_PARTS
from rankdistill.data.parts import QUERIES_PER_PART, write_parts
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_run


def parts(
    *,
    run: Run,
    collection: Texts = None,
    out: Annotated[Path, NEW_PARTS, Parameter(help="New folder for 00000.parquet, 00001.parquet, ...")],
    queries: Annotated[int, Parameter(help="Queries per part.", validator=Number(gte=1))] = QUERIES_PER_PART,
) -> None:
    """Split a run into parts, a folder of Parquet files, that score, rerank and ensemble take one by one.

    They need memory for one part only, and --cluster ray works on many parts at once. All other commands read such a
    folder as one run. For example

        rankdistill parts --run bm25.trec.gz --out bm25.parts
        rankdistill rerank --model runs/student/model --collection pydocs \\
            --run bm25.parts --out student.parts --cluster ray
    """
    candidates = read_run(run, collection=load_collection(collection) if collection is not None else None)
    files = write_parts(candidates, out, queries)
    say_wrote(out, f"{len(files):,} parts, {candidates.n_queries:,} queries, {len(candidates):,} candidates")

"""export: a cross-encoder as ONNX or OpenVINO files, checked against torch on real pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.options import Json, Model, Run, Source
from rankdistill.cli.output import print_json, print_rich, say_wrote, table
from rankdistill.cli.outputs import OUTPUT_FOLDER
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_run
from rankdistill.errors import UsageError


def export(
    *,
    model: Model,
    collection: Source,
    run: Run,
    engine: Annotated[
        Literal["onnx", "openvino"], Parameter(help="What will run the model; it needs the extra of the same name.")
    ] = "onnx",
    dtype: Annotated[
        Literal["float32", "int8", "bfloat16"],
        Parameter(help="Precision; bfloat16 is for openvino, whose int8 needs the extra openvino-int8."),
    ] = "float32",
    out: Annotated[
        Path | None, OUTPUT_FOLDER, Parameter(help="Folder for onnx/ or openvino/. [default: the model's own folder]")
    ] = None,
    queries: Annotated[
        int, Parameter(help="Queries of the run that are scored for the comparison.", validator=Number(gte=1))
    ] = 20,
    as_json: Json = False,
) -> None:
    """Export a cross-encoder for ONNX Runtime or OpenVINO, and check it against torch on real pairs.

    Both score the candidates of the run's first queries. Reported are the greatest difference of a score, the agreement
    of the order (Kendall's τ, mean over queries), the change in nDCG@10 where the collection has judgments, and the
    speed. In float32 scores must agree to 1e-3 of their range, else nothing is written. OpenVINO's int8 is calibrated
    on candidates of the run's other queries. For example

        rankdistill export --model runs/student/model --collection my-data --run bm25.trec --engine onnx --dtype int8
    """
    from rankdistill.models import CrossEncoder
    from rankdistill.models.engines.export import format_of
    from rankdistill.scoring.export_check import export_checked

    format_of(engine, dtype)
    folder = out or Path(model)
    if out is None and not folder.is_dir():
        raise UsageError(f"--model {model} is not a folder that can be written into: give --out")
    source = load_collection(collection)
    candidates = read_run(run)
    checked = np.arange(candidates.n_queries) < queries
    file, check = export_checked(
        CrossEncoder.from_pretrained(model),
        folder,
        engine,
        dtype,
        candidates.take_queries(checked),
        source,
        calibration=candidates.take_queries(~checked) if candidates.n_queries > queries else None,
    )
    facts = {
        "pairs": check.pairs,
        "greatest difference": check.difference,
        "range of scores": check.spread,
        "Kendall's τ": check.tau,
        "change in nDCG@10": check.ndcg_change,
        "pairs/s": check.pairs_per_second,
        "pairs/s, torch float32": check.torch_pairs_per_second,
    }
    if as_json:
        print_json(facts)
    else:
        print_rich(table(["what", "number"], [[name, _shown(value)] for name, value in facts.items()]))
    say_wrote(file)


def _shown(value: float | int | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"

"""export: a cross-encoder as ONNX or OpenVINO files, checked against torch on real pairs."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.options import Json, Model, RunOrOwn, Source
from rankdistill.cli.output import print_json, print_rich, say, say_wrote, table
from rankdistill.cli.outputs import OUTPUT_FOLDER
from rankdistill.data.collection import own_candidates
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_run
from rankdistill.errors import UsageError
from rankdistill.files.outputs import check_output_file, check_output_folder
from rankdistill.inputs.asking import Asking
from rankdistill.scoring.settings import LEAST_TAU

ASKED = Asking()


def export(
    *,
    model: Model,
    collection: Source | None = None,
    run: RunOrOwn = None,
    engine: Annotated[
        Literal["onnx", "openvino"], Parameter(help="What will run the model; it needs the extra of the same name.")
    ] = "onnx",
    dtype: Annotated[
        Literal["float32", "int8", "bfloat16"] | None,
        Parameter(
            help="Precision; bfloat16 is for openvino, whose int8 needs the extra openvino-int8. [default: float32; "
            "with --classifier as the weights are stored]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        OUTPUT_FOLDER,
        Parameter(
            help="Folder for onnx/ or openvino/, and for config and tokenizer. [default: the model's own folder]"
        ),
    ] = None,
    queries: Annotated[
        int, Parameter(help="Queries of the run that are scored for the comparison.", validator=Number(gte=1))
    ] = 20,
    least_tau: Annotated[
        float,
        Parameter(
            help="Agreement with float32 (Kendall's τ) at which openvino's int8 aims: where its fastest way has less "
            "on your candidates, slower ones are tried. 0: the fastest in any case.",
            validator=Number(gte=0, lte=1),
        ),
    ] = LEAST_TAU,
    one_logit: Annotated[
        bool,
        Parameter(
            help="Write a model of one logit, relevant minus not relevant, with the same scores, into a new folder "
            "--out: many other tools rank by the wrong one of two logits.",
            negative="",
            show_default=False,
        ),
    ] = False,
    classifier: Annotated[
        bool,
        Parameter(
            help="Of a causal language model write a classifier of one logit, the difference of two tokens' logits "
            "times the scale, with the prompt as its chat template, into a new folder --out. transformers and "
            "sentence-transformers read the same scores off it. No collection and run are needed.",
            negative="",
            show_default=False,
        ),
    ] = False,
    asking: Annotated[Asking, Parameter(name="*")] = ASKED,
    relevant_label: Annotated[
        str | None,
        Parameter(help="Which label of a model with two logits means relevant. [default: what their names tell]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export a cross-encoder for ONNX Runtime or OpenVINO, and check it against torch on real pairs.

    The exported model is first compared with torch on random texts, alone and in batches, up to the greatest length.
    Then both score the candidates of the run's first queries. Reported are the greatest difference of a score, the
    agreement of the order (Kendall's τ, mean over queries), the change in nDCG@10 where the collection has judgments,
    and the speed. In float32 scores must agree to 1e-3 of their range, else nothing is written. OpenVINO's int8 is
    calibrated, and its way chosen (--least-tau), on candidates of the run's other queries. For example

        rankdistill export --model runs/student/model --collection my-data --run bm25.trec --engine onnx --dtype int8
        rankdistill export --classifier --model Qwen3-Reranker-0.6B --out qwen3-classifier
    """
    if classifier:
        too_much = one_logit or as_json or collection is not None or run is not None
        return _export_classifier(model, out, dtype, too_much, asking)
    if collection is None:
        raise UsageError(
            "an exported model is compared with torch on real pairs: give --collection, and --run where it has no "
            "candidates of its own"
        )
    from rankdistill.models import CrossEncoder
    from rankdistill.models.engines.export import format_of, publish
    from rankdistill.models.heads import as_one_logit
    from rankdistill.models.tokenizer import complete_files
    from rankdistill.scoring.export_check import export_checked
    from rankdistill.scoring.int8_choice import try_int8

    dtype = dtype or "float32"
    name = format_of(engine, dtype).file
    folder = out or Path(model)
    if one_logit and out is None:
        raise UsageError("--one-logit writes another model: give it a new folder by --out")
    if out is None and not folder.is_dir():
        raise UsageError(f"--model {model} is not a folder that can be written into: give --out")
    check_output_folder(folder, new=one_logit)
    check_output_file(folder / name)
    source = load_collection(collection)
    candidates = own_candidates(source) if run is None else read_run(run, collection=source)
    checked = np.arange(candidates.n_queries) < queries
    encoder = CrossEncoder.from_pretrained(model, dtype="float32", relevant_label=relevant_label, **asking.asking)
    if encoder.contract.is_margin and not one_logit:
        warnings.warn(
            f"{model} has two logits, of which many other tools rank by the wrong one: --one-logit writes a model of "
            "one logit with the same scores",
            stacklevel=2,
        )
    others = candidates.take_queries(~checked) if candidates.n_queries > queries else candidates
    with tempfile.TemporaryDirectory() as scratch:
        if one_logit:
            encoder = as_one_logit(encoder)
        tried = []
        if format_of(engine, dtype).calibrated:
            tried = try_int8(encoder, engine, others, source, least_tau)
        how = tried[0].how if tried else None
        if tried and tried[0].tau < least_tau:
            say(
                f"no way of int8 agrees with float32 by {least_tau:g} (Kendall's τ) on these candidates: the nearest "
                f"is taken, {how}, with {tried[0].tau:.4f}; --least-tau 0 takes the fastest"
            )
        lists = candidates.take_queries(checked)
        file, check = export_checked(encoder, scratch, engine, dtype, lists, source, calibration=others, how=how)
        if one_logit:
            encoder.save(folder)
        file = publish(scratch, folder, engine, dtype)
    if (folder / "config.json").is_file():
        complete_files(folder)
    else:
        encoder.save_without_weights(folder)
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
        print_json(facts | ({"int8": str(how)} if how else {}))
    else:
        if len(tried) > 1:
            rows = [
                [str(each.how), *(["refused", "-"] if each.refused else map(_shown, (each.tau, each.pairs_per_second)))]
                for each in tried
            ]
            print_rich(table(["int8 by, the first is taken", "Kendall's τ", "pairs/s"], rows))
        print_rich(table(["what", "number"], [[name, _shown(value)] for name, value in facts.items()]))
    say_wrote(file)


def _export_classifier(model: str, out: Path | None, dtype: str | None, too_much: bool, asking: Asking) -> None:
    """Write a causal language model as a classifier of one logit; dtype: of its weights (None: as they are stored)."""
    from rankdistill.models import CrossEncoder, resolve_base
    from rankdistill.models.causal.stated import is_causal

    if out is None:
        raise UsageError("--classifier writes another model: give it a new folder by --out")
    if too_much:
        raise UsageError("--classifier compares nothing: leave out --collection, --run, --one-logit and --json")
    if dtype == "int8":
        raise UsageError("--classifier writes weights as they are stored, or in float32 or bfloat16, and not in int8")
    check_output_folder(out, new=True)
    if not is_causal(resolve_base(model)):
        raise UsageError(f"{model} is no causal language model, it is a classifier already")
    made = CrossEncoder.from_pretrained(model, dtype=dtype, **asking.asking)
    made.save(out)
    say_wrote(out, f"one logit; texts are put in its prompt, cut to {made.max_length:,} tokens")


def _shown(value: float | int | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"

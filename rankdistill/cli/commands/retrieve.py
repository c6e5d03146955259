"""retrieve: a first stage finds candidates, which are written as a run."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.cluster import ALONE, Cluster
from rankdistill.cli.options import Source
from rankdistill.cli.output import say_wrote
from rankdistill.cli.outputs import OUTPUT_RUN
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.query_lists import write_lists
from rankdistill.data.sources import load_collection
from rankdistill.data.sources.query_file import FORMS, read_queries
from rankdistill.data.trec.write import write_run
from rankdistill.errors import DataError, UsageError
from rankdistill.files.outputs import check_output_file, check_output_folder
from rankdistill.retrieval import retriever


def retrieve(
    *,
    collection: Source,
    out: Annotated[
        Path,
        OUTPUT_RUN,
        Parameter(help="TREC run to write, compressed where the name ends in .gz; with --lists a new folder."),
    ],
    retriever_name: Annotated[
        str, Parameter(name="--retriever", help="First stage: bm25, dense (extra: dense) or lucene (extra: lucene).")
    ] = "bm25",
    k: Annotated[int, Parameter(help="Most candidates per query.", validator=Number(gte=1))] = 100,
    split: Annotated[
        str, Parameter(help="Queries: train, dev, test (or a split of the collection's own), or all.")
    ] = "all",
    queries: Annotated[
        Path | None, Parameter(help=f"File of other queries, in place of the collection's: {FORMS}.")
    ] = None,
    lists: Annotated[
        bool,
        Parameter(
            help="Write a folder of lists with the texts of their queries and documents, in parts: data for rekindle, "
            "and a collection of its own, lists:FOLDER.",
            show_default=False,
        ),
    ] = False,
    encoder: Annotated[
        str | None, Parameter(help="For dense: base encoder, a folder or hub id. [default: all-MiniLM-L6-v2]")
    ] = None,
    query_prompt: Annotated[
        str | None, Parameter(help="For dense: text before each query. [default: what the encoder's folder states]")
    ] = None,
    document_prompt: Annotated[
        str | None, Parameter(help="For dense: text before each document. [default: what the encoder's folder states]")
    ] = None,
    language: Annotated[
        str | None, Parameter(help="For lucene: language of the texts, such as de, hi or zh. [default: en]")
    ] = None,
    cluster: Cluster = ALONE,
) -> None:
    """Find first-stage candidates for a collection's queries and write them as a run.

    With --cluster ray BM25 searches for many queries at once, and resumes after a kill.

    For example

        rankdistill retrieve --collection pydocs --retriever bm25 --k 100 \\
            --split test --out bm25.trec
        rankdistill retrieve --collection pydocs --queries log.tsv --k 32 \\
            --lists --out runs/log.lists
    """
    if lists:
        check_output_folder(out, new=True)
    else:
        check_output_file(out)
    if queries is not None and split != "all":
        raise UsageError("--split is of the collection's queries, and --queries gives others: leave one of them out")
    first_stage = retriever(retriever_name)
    given = {"encoder": encoder, "query-prompt": query_prompt, "document-prompt": document_prompt}
    for option, value in given.items():
        if value is not None and not first_stage.encodes:
            raise UsageError(f"--{option} is for retrievers by vectors, got --retriever {retriever_name}")
    if language is not None and not first_stage.has_languages:
        raise UsageError(f"--language is for --retriever lucene, got {retriever_name}")
    if cluster.cluster and retriever_name != "bm25":
        raise UsageError(f"--cluster is for --retriever bm25, got {retriever_name}")
    settings: dict[str, Any] = {} if language is None else {"language": language}
    if first_stage.encodes:
        from rankdistill.models.base import DEFAULT_BASE
        from rankdistill.models.encoder import Encoder

        loaded = Encoder.from_pretrained(
            encoder or DEFAULT_BASE, query_prompt=query_prompt, document_prompt=document_prompt
        )
        settings = {"encode": loaded.encode_documents, "encode_queries": loaded.encode_queries}
    source = load_collection(collection)
    if queries is not None:
        source = Collection(source.name, read_queries(queries), source.documents)
    query_ids = None if split == "all" else source.split(split)
    if query_ids is not None and not query_ids:
        raise DataError(f"split {split!r} of {source.name} has no queries")
    if cluster.cluster:
        from rankdistill.cluster.query_parts import bm25_on_cluster

        found: AbstractContextManager[Candidates] = bm25_on_cluster(source, query_ids, k, out, cluster)
    else:
        found = nullcontext(first_stage(source, query_ids, k, **settings))
    with found as run:
        if not lists:
            write_run(run, out, retriever_name, tag=retriever_name)
            told = f"{run.n_queries:,} queries, {len(run):,} candidates"
        else:
            made_of = {"collection": collection, "split": split, "queries": queries and queries.name}
            counts = write_lists(run, source, out, facts=made_of | {"retriever": retriever_name, "k": k})
            told = ", ".join(f"{number:,} {what}" for what, number in counts.items())
    say_wrote(out, told)

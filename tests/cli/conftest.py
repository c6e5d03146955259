"""Fixtures for commands: a judged folder collection, runs, a tiny model, and `run` that calls the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny import judged_collection, make_model, make_tokenizer, write_collection

from rankdistill.cli.entry import main
from rankdistill.data import Collection, write_run
from rankdistill.models import CrossEncoder
from rankdistill.retrieval.bm25 import bm25


@dataclass(frozen=True)
class Files:
    """What commands are given, all in one folder."""

    collection: Path
    qrels: Path
    bm25: Path
    other: Path
    model: Path
    loaded: Collection


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("commands")
    made = judged_collection()
    data = write_collection(made, folder / "data")
    run = bm25(made, k=10)
    write_run(run, folder / "bm25.trec", by="bm25")
    write_run(run.with_columns(other=-(run["bm25"] ** 2)), folder / "other.trec.gz", by="other")
    CrossEncoder(make_model(), make_tokenizer()).save(folder / "model")
    make_model().bert.save_pretrained(folder / "base")
    make_tokenizer().save_pretrained(folder / "base")
    return Files(data, data / "qrels.txt", folder / "bm25.trec", folder / "other.trec.gz", folder / "model", made)


@pytest.fixture
def with_first_stage(files: Files, tmp_path: Path) -> Path:
    """The collection with ten candidates of each query beside it, as mteb and NanoBEIR have them."""
    folder = tmp_path / "with_first_stage"
    shutil.copytree(files.collection, folder)
    (folder / "top_ranked").mkdir()
    rows = [
        {"query-id": each.query_id, "corpus-ids": list(each.doc_ids)} for each in bm25(files.loaded, k=10).queries()
    ]
    (folder / "top_ranked" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def by_text(files: Files, tmp_path: Path) -> Path:
    """Scores of two documents for each of ten queries, all named by their texts, as FlagEmbedding has them."""
    documents = dict(files.loaded.documents)
    rows = [
        {"query": text, "pos": [documents["d0"]], "neg": [documents["d1"]], "pos_scores": [2.0], "neg_scores": [1.0]}
        for _, text in list(files.loaded.queries)[:10]
    ]
    path = tmp_path / "by_text.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command in this process, whatever it is made of turned into text."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Outcome(code, told.out, told.err)

    return run

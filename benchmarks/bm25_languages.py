"""Measure BM25 in twelve languages and on English collections, by this checkout and by another one.

Run in the project's root: python -m benchmarks.bm25_languages --xquad FOLDER --old FOLDER-OF-ANOTHER-CHECKOUT
The folder holds the files xquad.LANGUAGE.json of XQuAD (github.com/google-deepmind/xquad): questions over 240
paragraphs, the same in all languages. The English collections are in `../shared/data`, see its README. Splitting texts
into terms is timed three times, by the processor's time, and the best counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
ENGLISH = {"DL 2019": ("msmarco-passage-dl", "dl19"), "DL 2020": ("msmarco-passage-dl", "dl20")}
ENGLISH |= {name: (name, "") for name in ("scifact", "nfcorpus", "cranfield")}
MEASURES = ("nDCG@10", "RR@10", "R@100")
ROUNDS = 3


def xquad(file: Path) -> Any:
    """Read a file of XQuAD as a collection: paragraphs are documents, questions queries, one paragraph is relevant."""
    import rankdistill as rd
    from rankdistill.data import Texts

    documents: dict[str, str] = {}
    queries: dict[str, str] = {}
    relevant = []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            document = f"d{len(documents)}"
            documents[document] = paragraph["context"]
            for question in paragraph["qas"]:
                queries[question["id"]] = question["question"]
                relevant.append(document)
    qrels = rd.Candidates.from_rows(list(queries), relevant, {"label": [1.0] * len(relevant)})
    texts = (Texts.from_pairs(list(part), list(part.values())) for part in (queries, documents))
    return rd.Collection(file.stem, *texts, qrels)


def measured(name: str) -> dict[str, Any]:
    """Measure BM25 on a file of XQuAD or a collection of `ENGLISH`, and the speed of splitting its documents."""
    import rankdistill as rd
    from rankdistill.retrieval.terms import terms

    warnings.simplefilter("ignore")
    collection = rd.load_collection(str(SHARED / ENGLISH[name][0])) if name in ENGLISH else xquad(Path(name))
    qrels = collection.qrels
    if name in ENGLISH and ENGLISH[name][1]:
        qrels = rd.read_qrels(SHARED / ENGLISH[name][0] / f"qrels.{ENGLISH[name][1]}.txt")
    run = rd.bm25(collection, qrels.query_ids.to_pylist(), k=100)
    values = rd.evaluate(qrels, run, MEASURES)
    texts = collection.documents.texts.to_pylist()
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for text in texts:
            terms(text)
        seconds.append(time.process_time() - started)
    lists = [(query.query_id, query.doc_ids[:10]) for query in run.queries()]
    return {
        "queries": len(lists),
        **{measure: float(values[measure]) for measure in MEASURES},
        "speed": sum(map(len, texts)) / min(seconds) / 1e6,
        "lists": lists,
    }


def by(checkout: Path, name: str) -> dict[str, Any]:
    """What a process that imports a checkout measures."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--measure", name],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name} by {checkout} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rows(names: list[str], old: Path) -> Iterator[dict[str, Any]]:
    """Compare both checkouts on each collection: one of `ENGLISH`, or a file of XQuAD."""
    for name in names:
        before, after = by(old, name), by(ROOT, name)
        same = sum(one == other for one, other in zip(before["lists"], after["lists"], strict=True))
        yield {
            "collection": name if name in ENGLISH else f"XQuAD {Path(name).stem.rpartition('.')[2]}",
            "queries": after["queries"],
            **{
                f"{measure}, {when}": round(values[measure], 4)
                for measure in MEASURES
                for when, values in (("old", before), ("new", after))
            },
            "same 10 best": f"{same / after['queries']:.1%}",
            "million characters a second, old": round(before["speed"], 2),
            "million characters a second, new": round(after["speed"], 2),
        }


def main(
    *,
    xquad: Annotated[Path | None, Parameter(help="Folder of xquad.LANGUAGE.json. [default: English alone]")] = None,
    old: Annotated[Path, Parameter(help="Folder of the checkout to compare with. [default: this one]")] = ROOT,
    quick: Annotated[bool, Parameter(help="Cranfield alone.")] = False,
) -> None:
    """Compare both checkouts, print the table as it grows and write the result."""
    from benchmarks.results import FOLDER, QUICK, study

    files = sorted(str(file) for file in xquad.resolve().glob("xquad.*.json")) if xquad else []
    names = ["cranfield"] if quick else [*ENGLISH, *files]
    packages = ("rankdistill", "bm25s", "numpy")
    study("bm25_languages", rows(names, old.resolve()), packages=packages, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured(sys.argv[2])))
    else:
        from benchmarks.results import run

        run(main)

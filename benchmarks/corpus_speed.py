"""Turn a large text into sentence pairs by `rankdistill corpus`: time, memory, and the same bytes for any processes.

Run in the project's root: python -m benchmarks.corpus_speed
The text is the shared slice of Wikipedia, repeated: in each copy all letters are others, one place further in the
alphabet than in the copy before, so that no copy is a duplicate of another. Memory is that of the command and all its
processes, pages of mapped files left out. The peer is a plain pipeline in one process on a share of the same text:
sentencex, and datasketch's MinHash index where that is installed, else exact duplicates alone.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.results import FOLDER, QUICK, Row, run, study
from benchmarks.studies.marco import DATA

TEXT = DATA / "wikipedia-en-2015-slice"
PACKAGES = ("rankdistill", "sentencex", "rensa", "datasketch", "pyarrow")
SHINGLE, PERMUTATIONS, SIMILARITY = 6, 64, 0.8
"""As `rankdistill.corpus` has them."""


def write_text(folder: Path, parts: list[Path], copies: int) -> None:
    """Write the documents of all parts, in each copy with other letters, a file for each part of it."""
    for copy in range(copies):
        table = str.maketrans(
            {
                letter: alphabet[(place + copy) % 26]
                for alphabet in (string.ascii_lowercase, string.ascii_uppercase)
                for place, letter in enumerate(alphabet)
            }
        )
        for part in parts:
            name = f"copy-{copy:02}-{part.name.removesuffix('.gz')}"
            with gzip.open(part, "rt", encoding="utf-8") as lines, (folder / name).open("w", encoding="utf-8") as file:
                for line in lines:
                    text = json.loads(line)["text"].translate(table)
                    file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


def memory_mb(process: int) -> float:
    """Anonymous memory of a process and of all that it started, those that end meanwhile left out."""
    total, waiting = 0, [process]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        try:
            lines = (folder / "status").read_text().splitlines()
            waiting += map(int, (folder / "task" / folder.name / "children").read_text().split())
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
    return total / 1024


def watched(command: list[str]) -> tuple[str, float, float]:
    """Run a command: what it printed, seconds, and its highest memory in MB."""
    started = time.perf_counter()
    highest = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        stop = threading.Event()

        def watch() -> None:
            nonlocal highest
            while not stop.wait(0.05):
                highest = max(highest, memory_mb(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        printed, _ = process.communicate()
        stop.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[1:4])} ended with {process.returncode}")
    return printed, time.perf_counter() - started, highest


def hash_of(parts: Path) -> str:
    """Hash of all parts in order."""
    hashed = hashlib.sha256()
    for part in sorted(parts.glob("*.parquet")):
        hashed.update(part.read_bytes())
    return hashed.hexdigest()


def ours(text: Path, out: Path, processes: int) -> Row:
    """By the command, in so many processes."""
    options = ["--text", str(text), "--out", str(out), "--processes", str(processes), "--json"]
    printed, seconds, memory = watched([sys.executable, "-m", "rankdistill", "corpus", *options])
    counts = json.loads(printed)
    return {
        "system": "rankdistill corpus",
        "processes": processes,
        "documents": counts["documents"],
        "pairs": counts["kept"],
        "duplicates": counts.get("duplicates", 0) + counts.get("near duplicates", 0),
        "seconds": round(seconds, 1),
        "pairs/s": round(counts["kept"] / seconds),
        "memory, MB": round(memory),
        "sha256 of the parts": hash_of(out)[:16],
    }


def near_duplicates() -> Callable[[str], bool] | None:
    """What tells whether a text is like an earlier one, by datasketch; None where that is not installed."""
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        return None
    index, count = MinHashLSH(threshold=SIMILARITY, num_perm=PERMUTATIONS), iter(range(1 << 62))

    def is_known(text: str) -> bool:
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([text[at : at + SHINGLE].encode() for at in range(len(text) - SHINGLE + 1)])
        if index.query(sketch):
            return True
        index.insert(next(count), sketch)
        return False

    return is_known


def peer(files: list[Path], out: Path) -> Row:
    """By a plain loop in this process: sentences of 20 to 500 characters, in pairs of neighbours, each once."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from sentencex import segment

    is_known, seen = near_duplicates(), set[str]()
    rows, n_documents, n_duplicates = [], 0, 0
    started = time.perf_counter()
    for path in files:
        for line in path.open(encoding="utf-8"):
            n_documents += 1
            for paragraph in json.loads(line)["text"].split("\n"):
                sentences = [" ".join(each.split()) for each in segment("en", paragraph)]
                fit = [each for each in sentences if 20 <= len(each) <= 500]
                for first, second in zip(fit[::2], fit[1::2], strict=False):
                    text = f"{first} {second}".casefold()
                    if text in seen or (is_known is not None and is_known(text)):
                        n_duplicates += 1
                        continue
                    seen.add(text)
                    rows.append({"first": first, "second": second})
    pq.write_table(pa.Table.from_pylist(rows), out)
    seconds = time.perf_counter() - started
    return {
        "system": f"sentencex and {'datasketch' if is_known is not None else 'a set (no near duplicates)'}",
        "processes": 1,
        "documents": n_documents,
        "pairs": len(rows),
        "duplicates": n_duplicates,
        "seconds": round(seconds, 1),
        "pairs/s": round(len(rows) / seconds),
    }


def rows(parts: list[Path], copies: int) -> Iterator[Row]:
    """By ours in one process and in two, and by the peer on the first file."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        text.mkdir()
        write_text(text, parts, copies)
        alone, two = (ours(text, Path(folder) / f"by-{processes}", processes) for processes in (1, 2))
        yield alone
        yield two
        if alone["sha256 of the parts"] != two["sha256 of the parts"]:
            raise SystemExit("one process and two wrote different parts")
        yield peer(sorted(text.iterdir())[:1], Path(folder) / "peer.parquet")


def main(
    *,
    copies: Annotated[int, Parameter(help="Of the text, 384,000 pairs each.")] = 6,
    quick: Annotated[bool, Parameter(help="An eighth of the text, once.")] = False,
) -> None:
    """Make the pairs by each, print the table and write the result."""
    parts = sorted(TEXT.glob("part-*.jsonl.gz"))
    if quick:
        parts, copies = parts[:1], 1
    study("corpus_speed", rows(parts, copies), packages=PACKAGES, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)

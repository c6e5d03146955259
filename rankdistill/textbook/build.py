"""build_textbook: a task and a general corpus in, the parts of a textbook out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rankdistill import __version__
from rankdistill.arrays import I64, U64
from rankdistill.corpus.duplicates import band_keys, bands_for, repeated
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data.collection import Collection
from rankdistill.data.pair_parts import PAIRS_PER_PART, pair_ids, write_pair_part
from rankdistill.data.parts import check_parts_folder, is_parts, seal_parts
from rankdistill.errors import DataError, RankDistillError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import differing, read_facts, same, write_facts
from rankdistill.files.lock import NAME as LOCK
from rankdistill.files.lock import locked
from rankdistill.progress import progress, say
from rankdistill.retrieval.term_index import TermIndex
from rankdistill.retrieval.terms import TERMS_VERSION
from rankdistill.textbook.anchors import Query, anchors_of, query_of
from rankdistill.textbook.found import NEVER, find_units
from rankdistill.textbook.settings import TextbookSettings
from rankdistill.textbook.size import Size, chosen, least_k, parse_size
from rankdistill.textbook.stop_words import stop_words_of
from rankdistill.textbook.units import identity, lengths_of, texts_of, units_of

REPORT = "textbook.json"
"""File beside the parts: the task, the corpus, the settings, k, and what was counted at each step."""
_FACTS, _FOUND = "facts.json", "found.npz"
_DEEPER = 4
"""Where the sentences found do not suffice, so many times as many are searched for."""
_TEXTS = 1 << 16
Find = Callable[[TermIndex, Sequence[Sequence[str]], int, Path], tuple[I64, int]]
"""What `find_units` does, here or on several machines."""


def build_textbook(
    task: Collection,
    corpus: Sequence[str | Path],
    out: str | Path,
    *,
    size: str | Size | None = None,
    k: int | None = None,
    split: str | None = None,
    settings: TextbookSettings | None = None,
    text: CorpusSettings | None = None,
    processes: int | None = None,
    find: Find = find_units,
    pairs_per_part: int = PAIRS_PER_PART,
) -> dict[str, int]:
    """Write the sentences of a general corpus that a task's texts find as a new folder of Parquet parts.

    Every text of the task's split (None: train) is an anchor, whose RAKE keywords query BM25 over the corpus. The k
    best sentences of all anchors are merged, without duplicates. size: of the textbook; k is the least that reaches it,
    and of the sentences of the last rank as many are taken as fit. Or give k itself. corpus: parts that `build_corpus`
    wrote, or text, which is split and filtered by ``text``; that holds the similarity of near duplicates, too.
    processes: of this machine (None: one per core), and find, what searches: the bytes written do not depend on them.

    Columns are id, first, second (empty for sentences), anchor (the text that found it at the best rank, the first of
    several) and keywords (what that searched for). Rows are in the order of their rank, so that the first ones are a
    smaller textbook. Returns what was counted. What is done is kept in a hidden folder beside ``out`` until the end, so
    that the same call goes on after a kill. Raises `UsageError` where ``out`` has anything else, and unless one of size
    and k is given; `DataError` for a corpus without sentences, and a size that cannot be reached.
    Source: CC §2.1 (docs/papers.md).
    """
    settings, text = settings or TextbookSettings(), text or CorpusSettings()
    size = parse_size(size) if isinstance(size, str) else size
    if (size is None) == (k is None):
        raise UsageError("give the size of the textbook, or k, the sentences that each anchor finds: one of them")
    if k is not None and k < 1:
        raise UsageError(f"k must be at least 1, got {k}")
    if text.pairs is not None:
        raise UsageError("the number of pairs is a setting of `corpus`; of a textbook, size is")
    if not corpus:
        raise UsageError("no corpus given: expected parts that `corpus` wrote, text files, folders or collections")
    out = Path(out)
    anchors = anchors_of(task, split)
    output = settings.output if settings.output != "auto" else "pairs" if anchors.of_ranking else "sentences"
    counts = Counter(anchors=len(anchors.texts))
    stop_words = stop_words_of(text.language, settings.stop_words)
    queries = [query_of(anchor, settings.keywords, counts, stop_words) for anchor in anchors.texts]
    made_of = {
        "task": task.name,
        "split": split,
        "corpus": [str(source) for source in corpus],
        "size": str(size) if size else None,
        "k": k,
        "settings": {**asdict(settings), "output": output},
        "text": asdict(text),
    }
    _check_folder(out, made_of)
    work = out.absolute().with_name(f".{out.name}.work")
    with locked(work):
        _begin(work, corpus, queries, output, text)
        try:
            units, of_corpus = units_of(corpus, output == "pairs", text, work, processes or os.cpu_count() or 1)
        except RankDistillError:
            _empty(work)
            shutil.rmtree(work)
            raise
        counts.update(of_corpus)
        book = _choose(units, queries, size, k, settings, text, work, find, counts)
        _write(book, units, queries, anchors.texts, output == "anchored", out, made_of, counts, pairs_per_part)
        _empty(work)
        shutil.rmtree(work)
    return dict(counts)


@dataclass(frozen=True, eq=False)
class _Book:
    """Chosen units, in order: their numbers and the anchors that found them, int64 (M,) each."""

    numbers: I64
    anchors: I64


def _check_folder(out: Path, made_of: dict[str, Any]) -> None:
    """Raise `UsageError`, before any work, where ``out`` has anything but a textbook made the same way."""
    check_parts_folder(out)
    if is_parts(out):
        known, given = read_facts(out / REPORT), json.loads(json.dumps(made_of))
        if other := differing(given, {name: known.get(name) for name in made_of}):
            raise UsageError(f"{out} holds parts that were made with other {', '.join(other)}: give a new folder")


def _begin(
    work: Path, corpus: Sequence[str | Path], queries: Sequence[Query], output: str, text: CorpusSettings
) -> None:
    """Delete what an earlier call left in the folder of unfinished work, unless it was made of the same."""
    facts = {
        "version": [__version__, TERMS_VERSION],
        "corpus": [[str(source), identity(source)] for source in corpus],
        "text": asdict(text),
        "are pairs": output == "pairs",
        "queries": hashlib.blake2b(json.dumps([query.terms for query in queries]).encode()).hexdigest(),
    }
    known = read_facts(work / _FACTS)
    if known and same(known, facts):
        say(f"resuming: unfinished work of {work}")
        return
    _empty(work)
    write_facts(work / _FACTS, facts)


def _empty(work: Path) -> None:
    """Delete unfinished work, first the facts, so that none is used of which a kill here leaves a part."""
    (work / _FACTS).unlink(missing_ok=True)
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _choose(
    units: pa.Table,
    queries: Sequence[Query],
    size: Size | None,
    k: int | None,
    settings: TextbookSettings,
    text: CorpusSettings,
    work: Path,
    find: Find,
    counts: Counter[str],
) -> _Book:
    """Search, merge, leave out near duplicates and find k, deeper until the size is reached; count all of it."""
    index = TermIndex.build(_batches(units))
    most = min(settings.max_k, len(units)) if k is None else min(k, len(units))
    depth = most
    if size is not None:
        wanted = size.number / max(1.0, lengths_of(units).mean()) if size.in_bytes else size.number
        depth = min(most, int(2 * wanted / len(queries)) + 10)
    while True:
        places, nothing = find(index, [query.terms for query in queries], depth, work / _FOUND)
        found = np.flatnonzero(places != NEVER)
        if not len(found):
            raise DataError(f"none of the {len(queries):,} anchors finds anything: their words are not in the corpus")
        found = found[np.argsort(places[found])]
        kept = ~_near_duplicates(units, found, text.similarity)
        numbers = found[kept]
        ranks, anchors = np.divmod(places[numbers], len(queries))
        taken = units.take(pa.array(numbers))
        sizes = lengths_of(taken) if size is not None and size.in_bytes else np.ones(len(numbers), np.int64)
        reached = k if size is None else least_k(ranks, sizes, size.number)
        if reached is not None:
            break
        if depth == most:
            raise DataError(
                f"{size} cannot be reached: the most is {sizes.sum():,}, all that {len(queries):,} anchors find with "
                f"k = {most:,} in a corpus of {len(units):,}; raise max_k, or give more text or a smaller "
                f"size (what is done is kept in {work})"
            )
        depth = min(most, _DEEPER * depth)
    keys: U64 = taken["key"].to_numpy()
    rows = chosen(ranks, sizes, keys, reached, None if size is None else size.number)
    if not rows.any():
        raise UsageError(f"{size} is less than the smallest sentence found has")
    before = places[found] // len(queries) < reached
    counts.update(
        {
            "anchors that found nothing": nothing,
            "found, merged": int(before.sum()),
            "near duplicates": int((before & ~kept).sum()),
            "beyond the size": int((ranks < reached).sum() - rows.sum()),
            "kept": int(rows.sum()),
            "bytes": int(lengths_of(taken.filter(pa.array(rows))).sum()),
            "k": reached,
        }
    )
    return _Book(numbers[rows], anchors[rows])


def _batches(units: pa.Table) -> Iterator[list[str]]:
    with progress("indexing (BM25)", len(units), unit="sentences") as advance:
        for start in range(0, len(units), _TEXTS):
            texts = texts_of(units.slice(start, _TEXTS))
            yield texts
            advance(len(texts))


def _near_duplicates(units: pa.Table, found: I64, similarity: float) -> np.ndarray:
    """Tell of units, by number, which share about this part of their text with one before them: bool (M,)."""
    again = np.zeros(len(found), bool)
    if similarity == 1:
        return again
    bands = bands_for(similarity)
    with progress("near duplicates", len(found), unit="sentences") as advance:
        keys = [np.empty((bands[0], 0), np.uint64)]
        for start in range(0, len(found), _TEXTS):
            texts = texts_of(units.take(pa.array(found[start : start + _TEXTS])))
            keys.append(band_keys(texts, *bands))
            advance(len(texts))
    for band in np.concatenate(keys, axis=1):
        again |= repeated(band)
    return again


def _write(
    book: _Book,
    units: pa.Table,
    queries: Sequence[Query],
    anchors: Sequence[str],
    anchored: bool,
    out: Path,
    made_of: dict[str, Any],
    counts: Counter[str],
    pairs_per_part: int,
) -> None:
    """Write the parts and the report, as a folder that gets its name at the end."""
    with atomic_path(out) as folder, progress("writing", len(book.numbers), unit="sentences") as advance:
        folder.mkdir()
        for part, start in enumerate(range(0, len(book.numbers), pairs_per_part)):
            rows = slice(start, start + pairs_per_part)
            taken, by = units.take(pa.array(book.numbers[rows])), book.anchors[rows].tolist()
            anchor = pa.array([anchors[each] for each in by], pa.large_string())
            columns = {
                "id": pair_ids(start, len(by)),
                "first": anchor if anchored else taken["first"],
                "second": taken["first"] if anchored else taken["second"],
                "anchor": anchor,
                "keywords": pa.array([queries[each].keywords for each in by], pa.large_string()),
            }
            write_pair_part(pa.table(columns), folder / f"{part:05}.parquet")
            advance(len(by))
        write_facts(folder / REPORT, {**made_of, "counts": dict(counts)})
        seal_parts(folder, out)

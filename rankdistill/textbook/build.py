"""build_textbook: a task and a general corpus in, the parts of a textbook out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from rankdistill import __version__
from rankdistill.corpus.alone import advice_for
from rankdistill.corpus.build import NEAR_DUPLICATES_FROM
from rankdistill.corpus.duplicates import threshold_of
from rankdistill.corpus.finished import finished
from rankdistill.corpus.languages import warn_without_rules
from rankdistill.corpus.processes import check_guarded
from rankdistill.corpus.sentences import letters_of
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.corpus.sources import PairParts, identity_of, open_source
from rankdistill.data.collection import Collection
from rankdistill.data.pair_parts import PAIRS_PER_PART, pair_ids, write_pair_part
from rankdistill.data.parts import check_made_of, seal_parts
from rankdistill.errors import DataError, RankDistillError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import digest, write_facts
from rankdistill.files.unfinished import remove_work, unfinished, work_folder
from rankdistill.progress import progress
from rankdistill.retrieval.terms import TERMS_VERSION
from rankdistill.textbook.anchors import anchors_of
from rankdistill.textbook.choose import Book, choose
from rankdistill.textbook.found import Find, find_units
from rankdistill.textbook.queries import queries_of
from rankdistill.textbook.rows import take_rows
from rankdistill.textbook.settings import TextbookSettings
from rankdistill.textbook.size import Size, Wanted, parse_size
from rankdistill.textbook.stop_words import stop_words_of
from rankdistill.textbook.units import SINGLE, units_of

REPORT = "textbook.json"
"""File beside the parts: the task, the corpus, the settings, k, and what was counted at each step."""


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

    Every text of the task's split is an anchor, whose RAKE keywords query BM25 over the corpus. The k best sentences of
    all anchors are merged, without duplicates. size: of the textbook, of an anchored one with the anchors that are
    written; k is the least that reaches it, and of the sentences of the last rank as many are taken as fit. Or give k
    itself. split: see `anchors_of`. corpus: parts that `build_corpus` wrote, or text, which is split and filtered by
    ``text``; that holds the similarity of near duplicates and the language of the stop words, too, which also count
    beside parts. processes: of this machine (None: one per core), and find, what searches: the bytes written do not
    depend on them. Each process runs the main script again as it starts, so that a script calls this under
    ``if __name__ == "__main__":``.

    Columns are id, first, second (empty for sentences), anchor (the text that found it at the best rank, the first of
    several) and keywords (what that searched for). Rows are in the order of their rank, those of a rank by hash, so
    that the first ones are the textbook of a smaller size. Returns what was counted. What is done is kept in a hidden
    folder beside ``out`` until the end, so that the same call goes on after a kill. A finished textbook of the same
    texts and settings is left as it is. Raises `UsageError` where ``out`` has anything else, unless one of size and k
    is given, for a setting that has no effect, and for a script without that guard; `DataError` for a corpus without
    sentences, and a size that cannot be reached. Source: CC §2.1 (docs/papers.md).
    """
    settings, text = settings or TextbookSettings(), text or CorpusSettings()
    processes = processes or os.cpu_count() or 1
    check_guarded(processes)
    wanted = _wanted(size, k, settings.max_k)
    letters_of(text.script)  # an unknown script is refused before any work
    stop_words = stop_words_of(text.language, settings.stop_words)
    if not corpus:
        raise UsageError("no corpus given: expected parts that `corpus` wrote, text files, folders or collections")
    out = Path(out)
    sources = [open_source(source) for source in corpus]
    anchors = anchors_of(task, split)
    output = settings.output if settings.output != "auto" else "pairs" if anchors.of_ranking else "sentences"
    are_pairs = output == "pairs"
    of_parts = all(isinstance(source, PairParts) for source in sources)
    _check_text(text, of_parts, are_pairs, settings.stop_words)
    if not of_parts:
        warn_without_rules(text.language)
    made_of = {
        "task": task.name,
        "split": split,
        "corpus": [str(source) for source in corpus],
        "size": str(wanted.size) if wanted.size else None,
        "k": k,
        "settings": {**asdict(settings), "output": output},
        "text": asdict(text),
    }
    check_made_of(out, REPORT, made_of)
    made_of |= {"contents of the task": anchors.checksum, "contents of the corpus": identity_of(sources)}
    made_of |= {"contents of the stop words": digest(sorted(stop_words))}
    if (known := finished(out, REPORT, made_of)) is not None:
        remove_work(work_folder(out))  # a kill after the last step leaves it
        return known
    with unfinished(out, _shapes(made_of)) as work:
        queries, counts = queries_of(anchors, settings.keywords, stop_words, work)
        try:
            units, of_corpus = units_of(sources, are_pairs, text, work, processes)
            counts.update(of_corpus)
            if not len(units):
                raise _no_units(corpus, are_pairs, of_corpus, text.wrapped)
        except RankDistillError:
            remove_work(work)
            raise
        if advice := advice_for(of_corpus, text.wrapped):
            warnings.warn(advice, stacklevel=2)
        book = choose(units, queries, wanted, text.similarity, work, find, output == "anchored")
        if book is None:
            remove_work(work)
            raise DataError(f"none of the {len(queries):,} anchors finds anything: their words are not in the corpus")
        counts.update(book.counts)
        parts = _parts(book, units, queries, output == "anchored", pairs_per_part)
        with atomic_path(out) as folder, progress("writing", len(book.numbers), unit="sentences") as advance:
            folder.mkdir()
            for number, part in enumerate(parts):
                write_pair_part(part, folder / f"{number:05}.parquet")
                advance(len(part))
            near = {NEAR_DUPLICATES_FROM: threshold_of(text.similarity)}
            write_facts(folder / REPORT, {**made_of, **near, "counts": dict(counts)})
            seal_parts(folder, out)
    return dict(counts)


def _wanted(size: str | Size | None, k: int | None, max_k: int) -> Wanted:
    """Check how much is wanted."""
    size = parse_size(size) if isinstance(size, str) else size
    if (size is None) == (k is None):
        raise UsageError("give the size of the textbook, or k, the sentences that each anchor finds: one of them")
    if k is not None and k < 1:
        raise UsageError(f"k must be at least 1, got {k}")
    if k is not None and max_k != TextbookSettings.max_k:
        raise UsageError(f"max_k is of a size, got max_k = {max_k:,} beside k = {k:,}: leave one of them out")
    return Wanted(size, k, max_k)


def _check_text(text: CorpusSettings, of_parts: bool, are_pairs: bool, stop_words: str | None) -> None:
    """Raise `UsageError` for a setting of the text that has no effect on the textbook."""
    changed = text.changed()
    if unused := [name for name in changed if name in ("pairs", "seed")]:
        raise UsageError(f"text.{unused[0]} is of the sample that `corpus` keeps; of a textbook, size is what to give")
    if of_parts and "language" in changed and stop_words is not None:
        raise UsageError(
            "text.language chooses the stop words, which are those of a file, and splits text, and the corpus is "
            "parts: leave out the language or the file"
        )
    if of_parts and (unused := [name for name in changed if name not in ("similarity", "language")]):
        raise UsageError(
            f"text.{unused[0]} is a setting of text, and the corpus is parts, which are taken as they are: leave it "
            "out, or give it to `corpus`"
        )
    if "overlap" in changed and not are_pairs:
        raise UsageError("text.overlap is of pairs, and this textbook is of sentences: leave it out, or ask for pairs")


def _no_units(corpus: Sequence[str | Path], are_pairs: bool, counts: Mapping[str, int], wrapped: bool) -> DataError:
    told = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
    units = "pair of adjacent sentences" if are_pairs else "sentence"
    advice = advice_for(counts, wrapped)
    if not advice and are_pairs and counts.get(SINGLE):
        advice = "give --output sentences, or parts of pairs, as `corpus` writes them"
    more = f"; {advice}" if advice else ""
    return DataError(f"{', '.join(map(str, corpus))} holds no {units}: {told or 'no text'}{more}")


def _shapes(made_of: Mapping[str, Any]) -> dict[str, Any]:
    """What shapes the unfinished work: not how much is wanted, and which near duplicates are left out at the end."""
    settings = made_of["settings"]
    return {
        "version": [__version__, TERMS_VERSION],
        "contents": [value for name, value in made_of.items() if name.startswith("contents")],
        "text": {name: value for name, value in made_of["text"].items() if name != "similarity"},
        "are pairs": settings["output"] == "pairs",
        "keywords": settings["keywords"],
    }


def _parts(book: Book, units: pa.Table, queries: pa.Table, anchored: bool, pairs_per_part: int) -> Iterator[pa.Table]:
    """Yield the rows of each part."""
    for start in range(0, len(book.numbers), pairs_per_part):
        rows = slice(start, start + pairs_per_part)
        taken = take_rows(units, book.numbers[rows])
        by = take_rows(queries.select(["anchor", "keywords"]), book.anchors[rows])
        columns = {
            "id": pair_ids(start, len(by)),
            "first": by["anchor"] if anchored else taken["first"],
            "second": taken["first"] if anchored else taken["second"],
            "anchor": by["anchor"],
            "keywords": by["keywords"],
        }
        yield pa.table(columns)

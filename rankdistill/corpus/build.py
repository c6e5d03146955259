"""build_corpus: text in, parts of sentence pairs out; duplicates are found over all of it."""

from __future__ import annotations

import os
import shutil
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from rankdistill.arrays import Bools
from rankdistill.corpus.alone import advice_for
from rankdistill.corpus.block import keys_of, open_block, process_block, write_block
from rankdistill.corpus.documents import blocks
from rankdistill.corpus.duplicates import bands_for, repeated, threshold_of
from rankdistill.corpus.finished import finished
from rankdistill.corpus.languages import warn_without_rules
from rankdistill.corpus.processes import check_guarded, in_order
from rankdistill.corpus.sentences import letters_of
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.corpus.sources import identity_of, open_source
from rankdistill.data.pair_parts import PAIRS_PER_PART, SCHEMA, pair_ids, write_pair_part
from rankdistill.data.parts import check_made_of, seal_parts
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import write_facts
from rankdistill.progress import progress

REPORT = "corpus.json"
"""File beside the parts: the settings, the sources, and what was counted."""
NEAR_DUPLICATES_FROM = "near duplicates from"
"""Fact of a report: the similarity that was taken, nearest to the one asked for."""
_WORK = ".work"


def build_corpus(
    sources: Sequence[str | Path],
    out: str | Path,
    settings: CorpusSettings | None = None,
    *,
    processes: int | None = None,
    pairs_per_part: int = PAIRS_PER_PART,
) -> dict[str, int]:
    """Write pairs of adjacent sentences as a new folder of Parquet parts, and return what was counted.

    sources: text files, folders of them, or collections, see `open_source`. processes: of this machine (None: one per
    core); the bytes written do not depend on it. Each runs the main script again as it starts, so that a script calls
    this under ``if __name__ == "__main__":``. Documents stream through; memory holds the keys of one band, eight bytes
    a pair. Of duplicates the first one is kept. A folder that was made of the same text with the same settings is left
    as it is, and written again where a part of it is damaged. Raises `DataError` where no pair is left, `UsageError`
    where ``out`` is a folder that has anything else, and for a script without that guard. Source: UEGP §3.3, appendix A
    (docs/papers.md).
    """
    settings, processes = settings or CorpusSettings(), processes or os.cpu_count() or 1
    check_guarded(processes)
    letters_of(settings.script)  # an unknown script is refused before any work
    warn_without_rules(settings.language)
    if not sources:
        raise UsageError("no text given: expected at least one file, folder or collection")
    out = Path(out)
    made_of = {"settings": asdict(settings), "sources": [str(source) for source in sources]}
    check_made_of(out, REPORT, made_of)
    opened = [open_source(source) for source in sources]
    made_of["contents of the text"] = identity_of(opened)
    if (known := finished(out, REPORT, made_of)) is not None:
        return known
    texts = (text for source in opened for text in source.documents())
    with atomic_path(out) as folder:
        work = folder / _WORK
        work.mkdir(parents=True)
        counts: Counter[str] = Counter()
        files, sizes = [], []
        with progress("documents", None, unit="documents") as advance:
            step = partial(process_block, settings=settings)
            for number, block in enumerate(in_order(step, blocks(texts), processes)):
                files.append(work / f"{number:06}.arrow")
                write_block(block, files[-1])
                counts.update(block.counts)  # += would drop what is 0
                sizes.append(len(block.firsts))
                advance(block.counts["documents"])
        kept = _kept(files, sizes, settings, counts)
        counts["kept"] = int(kept.sum())
        advice = advice_for(counts, settings.wrapped)
        if not counts["kept"]:
            left = f"no pair of sentences is left of {_named(sources)}: {_in_words(counts)}"
            raise DataError(f"{left}; {advice}" if advice else left)
        if advice:
            warnings.warn(advice, stacklevel=2)
        _write_parts(files, kept, folder, pairs_per_part)
        near = {NEAR_DUPLICATES_FROM: threshold_of(settings.similarity)}
        write_facts(folder / REPORT, {**made_of, **near, "counts": dict(counts)})
        shutil.rmtree(work)
        seal_parts(folder, out)
    return dict(counts)


def _kept(files: Sequence[Path], sizes: Sequence[int], settings: CorpusSettings, counts: Counter[str]) -> Bools:
    """Which pairs are kept, bool (pairs of all blocks,): no duplicates, and of those the sample."""
    kept = np.ones(sum(sizes), bool)
    n_bands = bands_for(settings.similarity)[0] if settings.similarity < 1 else 0
    for band in range(1 + n_bands):
        again = repeated(keys_of(files, band))
        counts["near duplicates" if band else "duplicates"] += int((kept & again).sum())
        kept &= ~again
    rows = np.flatnonzero(kept)
    if settings.pairs is not None and len(rows) > settings.pairs:
        left_out = np.random.default_rng(settings.seed).permutation(len(rows))[settings.pairs :]
        kept[rows[left_out]] = False
        counts["not sampled"] = len(left_out)
    return kept


def _write_parts(files: Sequence[Path], kept: Bools, folder: Path, pairs_per_part: int) -> None:
    """Write the kept pairs in order, with ids that count them, as parts of a size."""
    rest, n_written, part, start = SCHEMA.empty_table(), 0, 0, 0
    with progress("pairs", int(kept.sum()), unit="pairs") as advance:
        for file in files:
            table = open_block(file).select(["first", "second"]).replace_schema_metadata(None)
            start, rows = start + len(table), kept[start : start + len(table)]
            table = table.filter(pa.array(rows))
            ids = pair_ids(n_written + len(rest), len(table))
            rest = pa.concat_tables([rest, table.add_column(0, "id", ids)])
            while len(rest) >= pairs_per_part or (file == files[-1] and len(rest)):
                write_pair_part(rest.slice(0, pairs_per_part), folder / f"{part:05}.parquet")
                advance(min(len(rest), pairs_per_part))
                n_written += min(len(rest), pairs_per_part)
                rest, part = rest.slice(pairs_per_part), part + 1


def _named(sources: Sequence[str | Path]) -> str:
    return ", ".join(map(str, sources))


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items())

"""Units: the sentences, or pairs of adjacent sentences, of a general corpus, each once, in a file."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64
from rankdistill.corpus.block import (
    Block,
    block_of,
    counts_of,
    keys_of,
    open_block,
    process_block,
    sentence_block,
    write_block,
)
from rankdistill.corpus.documents import blocks
from rankdistill.corpus.duplicates import repeated
from rankdistill.corpus.processes import in_order
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.corpus.sources import PairParts, Source
from rankdistill.data.pair_parts import read_pair_part
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import read_facts, write_facts
from rankdistill.progress import progress

SCHEMA = pa.schema([("first", pa.large_string()), ("second", pa.large_string()), ("key", pa.uint64())])
Item = Path | list[str]
"""A part of sentence pairs, or documents of text."""
SINGLE = "single sentences read"
"""What rows of parts are counted as that have one text."""
_UNITS, _COUNTS, _BLOCKS = "units.arrow", "units.json", "blocks"


def units_of(
    sources: Sequence[Source], are_pairs: bool, settings: CorpusSettings, work: Path, processes: int
) -> tuple[pa.Table, Counter[str]]:
    """Write the units of a corpus into the folder ``work``, each once, and map them: a table of `SCHEMA`, and counts.

    Texts are split and filtered by the settings; parts of sentence pairs are taken as they are. Of units of the same
    letters, marks and digits the first one is kept. Blocks that are written already, as before a kill, are not made
    again.
    """
    if not (work / _COUNTS).is_file():
        _write_blocks(sources, are_pairs, settings, work / _BLOCKS, processes)
        counts = _merge(work)
        write_facts(work / _COUNTS, counts)
        shutil.rmtree(work / _BLOCKS)
    counts = Counter(read_facts(work / _COUNTS))
    table = pa.ipc.open_file(pa.memory_map(str(work / _UNITS))).read_all()
    return table, counts


def process(item: Item, are_pairs: bool, settings: CorpusSettings) -> Block:
    """Make the units of a part, or of some documents."""
    if isinstance(item, Path):
        table = read_pair_part(item)
        pairs = list(zip(table["first"].to_pylist(), table["second"].to_pylist(), strict=True))
        n_single = sum((not first) != (not second) for first, second in pairs)
        found = [pair for pair in pairs if all(pair)] if are_pairs else [(each, "") for pair in pairs for each in pair]
        return block_of(
            [pair for pair in found if pair[0]], Counter({"pairs read": len(pairs) - n_single, SINGLE: n_single})
        )
    return process_block(item, replace(settings, similarity=1.0)) if are_pairs else sentence_block(item, settings)


def _items(sources: Sequence[Source]) -> Iterator[Item]:
    for source in sources:
        yield from source.files if isinstance(source, PairParts) else blocks(source.documents())


def _write_blocks(
    sources: Sequence[Source], are_pairs: bool, settings: CorpusSettings, folder: Path, processes: int
) -> None:
    """Write a file for each block that has none."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {file.stem for file in folder.glob("[0-9]*.arrow")}
    todo = []

    def items() -> Iterator[Item]:
        for number, item in enumerate(_items(sources)):
            if f"{number:06}" not in made:
                todo.append(number)
                yield item

    step = partial(process, are_pairs=are_pairs, settings=settings)
    with progress("reading the corpus", None, unit="blocks") as advance:
        for place, block in enumerate(in_order(step, items(), processes)):
            write_block(block, folder / f"{todo[place]:06}.arrow")
            advance(1)


def _merge(work: Path) -> Counter[str]:
    """Write the units of all blocks, each once, as one file, and return the sums of what was counted."""
    files = sorted((work / _BLOCKS).glob("[0-9]*.arrow"))
    counts: Counter[str] = Counter()
    for file in files:
        counts.update(counts_of(file))
    again = repeated(keys_of(files))
    counts["duplicates"] = int(again.sum())
    counts["searched"] = len(again) - int(again.sum())
    start = 0
    with atomic_path(work / _UNITS) as path, pa.ipc.new_file(str(path), SCHEMA) as opened:
        for file in files:
            table = open_block(file).rename_columns(SCHEMA.names).replace_schema_metadata(None)
            kept = ~again[start : start + len(table)]
            start += len(table)
            opened.write_table(table.filter(pa.array(kept)))
    return counts


def texts_of(units: pa.Table) -> list[str]:
    """The texts of units; of a pair both, in one."""
    pairs = zip(units["first"].to_pylist(), units["second"].to_pylist(), strict=True)
    return [f"{first} {second}" if second else first for first, second in pairs]


def lengths_of(units: pa.Table) -> I64:
    """Bytes of the texts of each unit, in UTF-8: int64 (N,)."""
    first, second = (pc.binary_length(units[name]).to_numpy().astype(np.int64) for name in ("first", "second"))
    total: I64 = first + second
    return total

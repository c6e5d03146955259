"""Units: the sentences, or pairs of adjacent sentences, of a general corpus, each once, in a file."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import U64
from rankdistill.corpus.block import process_block
from rankdistill.corpus.build import in_order
from rankdistill.corpus.documents import blocks, documents
from rankdistill.corpus.duplicates import content_key, repeated
from rankdistill.corpus.sentences import paragraphs, reason_against
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data.pair_parts import read_pair_part
from rankdistill.data.parts import is_parts, part_identities, parts_of
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import read_facts, write_facts
from rankdistill.progress import progress

SCHEMA = pa.schema([("first", pa.large_string()), ("second", pa.large_string()), ("key", pa.uint64())])
Item = Path | list[str]
"""A part of sentence pairs, or documents of text."""
_UNITS, _COUNTS, _BLOCKS = "units.arrow", "units.json", "blocks"


@dataclass(frozen=True, eq=False)
class Block:
    """Units of a block: first and second texts (empty for sentences), their keys, and what was counted."""

    firsts: list[str]
    seconds: list[str]
    keys: U64
    counts: Counter[str]


def units_of(
    sources: Sequence[str | Path], are_pairs: bool, settings: CorpusSettings, work: Path, processes: int
) -> tuple[pa.Table, Counter[str]]:
    """Write the units of a corpus into the folder ``work``, each once, and map them: a table of `SCHEMA`, and counts.

    sources: parts of sentence pairs, or text files, folders of them and collections, as `documents` takes them. Texts
    are split and filtered by the settings; parts are taken as they are. Of units of the same letters and digits the
    first one is kept. Blocks that are written already, as before a kill, are not made again. Raises `DataError` where
    there is no unit.
    """
    if not (work / _COUNTS).is_file():
        _write_blocks(sources, are_pairs, settings, work / _BLOCKS, processes)
        counts = _merge(work)
        write_facts(work / _COUNTS, counts)
        shutil.rmtree(work / _BLOCKS)
    counts = Counter(read_facts(work / _COUNTS))
    table = pa.ipc.open_file(pa.memory_map(str(work / _UNITS))).read_all()
    if not len(table):
        told = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
        raise DataError(
            f"{', '.join(map(str, sources))} holds no {'pair of adjacent sentences' if are_pairs else 'sentence'}: "
            f"{told or 'no text'}"
        )
    return table, counts


def identity(source: str | Path) -> object:
    """What tells whether a source is the one that was read before: checksums of parts, or sizes and times of files."""
    if folder := parts_folder(source):
        return part_identities(folder)
    path = Path(source)
    files = sorted(file for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
    return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def parts_folder(source: str | Path) -> Path | None:
    """The folder of parts that a source names, with or without ``pairs:`` or ``textbook:`` before it."""
    prefix, _, argument = str(source).partition(":")
    folder = Path(argument if prefix in ("pairs", "textbook") and not Path(source).exists() else source)
    return folder if is_parts(folder) else None


def process(item: Item, are_pairs: bool, settings: CorpusSettings) -> Block:
    """Make the units of a part, or of some documents."""
    counts: Counter[str] = Counter()
    if isinstance(item, Path):
        table = read_pair_part(item)
        firsts, seconds = (table[name].to_pylist() for name in ("first", "second"))
        counts["pairs read"] = len(table)
        if are_pairs:
            found = [pair for pair in zip(firsts, seconds, strict=True) if all(pair)]
        else:
            found = [(text, "") for pair in zip(firsts, seconds, strict=True) for text in pair if text]
    elif are_pairs:
        block = process_block(item, replace(settings, similarity=1.0))
        found, counts = list(zip(block.firsts, block.seconds, strict=True)), block.counts
    else:
        found = []
        counts["documents"] = len(item)
        for document in item:
            for sentences in paragraphs(document, settings.language, settings.wrapped):
                counts["sentences"] += len(sentences)
                for sentence in sentences:
                    if reason := reason_against(sentence, settings):
                        counts[reason] += 1
                    else:
                        found.append((sentence, ""))
    keys = np.array([content_key("\n".join(filter(None, pair))) for pair in found], np.uint64)
    return Block([first for first, _ in found], [second for _, second in found], keys, counts)


def _items(sources: Sequence[str | Path]) -> Iterator[Item]:
    for source in sources:
        folder = parts_folder(source)
        yield from parts_of(folder) if folder else blocks(documents(source))


def _write_blocks(
    sources: Sequence[str | Path], are_pairs: bool, settings: CorpusSettings, folder: Path, processes: int
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
            columns = [pa.array(texts, pa.large_string()) for texts in (block.firsts, block.seconds)]
            counts = {name: str(number) for name, number in block.counts.items()}
            schema = SCHEMA.with_metadata(counts)
            with atomic_path(folder / f"{todo[place]:06}.arrow") as path, pa.ipc.new_file(str(path), schema) as file:
                file.write_table(pa.table([*columns, pa.array(block.keys)], schema=schema))
            advance(1)


def _merge(work: Path) -> Counter[str]:
    """Write the units of all blocks, each once, as one file, and return the sums of what was counted."""
    counts: Counter[str] = Counter()
    files = sorted((work / _BLOCKS).glob("[0-9]*.arrow"))
    tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in files]
    for table in tables:
        counts.update({name.decode(): int(number) for name, number in (table.schema.metadata or {}).items()})
    keys = np.concatenate([np.zeros(0, np.uint64), *(table["key"].to_numpy() for table in tables)])
    again = repeated(keys) if len(keys) else np.zeros(0, bool)
    counts["duplicates"] = int(again.sum())
    counts["searched"] = len(keys) - int(again.sum())
    start = 0
    with atomic_path(work / _UNITS) as path, pa.ipc.new_file(str(path), SCHEMA) as file:
        for table in tables:
            kept = ~again[start : start + len(table)]
            start += len(table)
            file.write_table(table.replace_schema_metadata(None).filter(pa.array(kept)))
    return counts


def texts_of(units: pa.Table) -> list[str]:
    """The texts of units; of a pair both, in one."""
    pairs = zip(units["first"].to_pylist(), units["second"].to_pylist(), strict=True)
    return [f"{first} {second}" if second else first for first, second in pairs]


def lengths_of(units: pa.Table) -> np.ndarray:
    """Bytes of the texts of each unit, in UTF-8: int64 (N,)."""
    first, second = (pc.binary_length(units[name]).to_numpy().astype(np.int64) for name in ("first", "second"))
    return first + second

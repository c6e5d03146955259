"""Blocks: what one process makes of some documents, and the file that holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from rankdistill.arrays import U64
from rankdistill.corpus.duplicates import band_keys, bands_for, content_key
from rankdistill.corpus.sentences import FILTERS, paragraphs, reason_against
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.files.atomic import atomic_path

Pair = tuple[str, str]
UNPAIRED = "without a neighbour"
"""What sentences are counted as that are kept and in no pair."""


@dataclass(frozen=True, eq=False)
class Block:
    """Sentences, or pairs of them, their keys, and what was counted on the way."""

    firsts: list[str]
    seconds: list[str]
    """Empty texts for sentences."""
    keys: U64
    """(K, rows): the key of the content, and those of the bands that tell near duplicates, where they are wanted."""
    counts: Counter[str]


def process_block(documents: Sequence[str], settings: CorpusSettings) -> Block:
    """Split documents into sentences, leave out those that are unfit, and pair those adjacent in a paragraph."""
    counts, pairs, unpaired = Counter[str](), list[Pair](), 0
    for sentences, reasons in _judged(documents, settings, counts):
        places = list(adjacent(reasons, settings.overlap))
        unpaired += reasons.count(None) - len({place for pair in places for place in pair})
        pairs.extend((sentences[first], sentences[second]) for first, second in places)
    counts.update({UNPAIRED: unpaired, "pairs": len(pairs)})
    texts = [f"{first}\n{second}" for first, second in pairs]
    near = band_keys(texts, *bands_for(settings.similarity)) if settings.similarity < 1 else None
    return block_of(pairs, counts, near)


def sentence_block(documents: Sequence[str], settings: CorpusSettings) -> Block:
    """Split documents into sentences and leave out those that are unfit; keys are of the content alone."""
    counts, kept = Counter[str](), list[Pair]()
    for sentences, reasons in _judged(documents, settings, counts):
        kept.extend((each, "") for each, reason in zip(sentences, reasons, strict=True) if reason is None)
    return block_of(kept, counts)


def block_of(pairs: Sequence[Pair], counts: Counter[str], near: U64 | None = None) -> Block:
    """Make a block of pairs, or of sentences and empty texts. near: keys of bands, uint64 (bands, rows)."""
    content = np.array([content_key("\n".join(filter(None, pair))) for pair in pairs], np.uint64).reshape(1, -1)
    keys = content if near is None else np.concatenate([content, near])
    return Block([first for first, _ in pairs], [second for _, second in pairs], keys, counts)


def write_block(block: Block, file: Path) -> None:
    """Write a block as a file of Arrow: first, second, a column for each row of keys, and what was counted."""
    texts = {"first": pa.array(block.firsts, pa.large_string()), "second": pa.array(block.seconds, pa.large_string())}
    table = pa.table(texts | {_key(row): pa.array(keys) for row, keys in enumerate(block.keys)})
    table = table.replace_schema_metadata({name: str(number) for name, number in block.counts.items()})
    with atomic_path(file) as path, pa.ipc.new_file(str(path), table.schema) as opened:
        opened.write_table(table)


def open_block(file: Path) -> pa.Table:
    """Map the file of a block into memory."""
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()


def keys_of(blocks: Sequence[Path], row: int = 0) -> U64:
    """Read one row of the keys of all blocks: uint64 (rows of all,)."""
    keys = [open_block(file)[_key(row)].to_numpy() for file in blocks]
    return np.concatenate([np.zeros(0, np.uint64), *keys])


def counts_of(file: Path) -> Counter[str]:
    """Read what was counted when a block was made."""
    return Counter({name.decode(): int(number) for name, number in (open_block(file).schema.metadata or {}).items()})


def _key(row: int) -> str:
    return f"key{row}"


def _judged(
    documents: Sequence[str], settings: CorpusSettings, counts: Counter[str]
) -> Iterator[tuple[list[str], list[str | None]]]:
    """Yield the sentences of each paragraph and the reason against each, None where it is kept; count both."""
    counts.update({"documents": len(documents), "sentences": 0, **dict.fromkeys(FILTERS, 0)})
    for document in documents:
        for sentences in paragraphs(document, settings.language, settings.wrapped):
            reasons = [reason_against(sentence, settings) for sentence in sentences]
            counts["sentences"] += len(sentences)
            counts.update(reason for reason in reasons if reason)
            yield sentences, reasons


def adjacent(reasons: Sequence[str | None], overlap: bool) -> Iterator[tuple[int, int]]:
    """Yield places of sentences that follow one another and have no reason against them.

    Each is in one pair, or two with overlap.
    """
    place = 0
    while place + 1 < len(reasons):
        if reasons[place] is None and reasons[place + 1] is None:
            yield place, place + 1
            place += 1 if overlap else 2
        else:
            place += 1

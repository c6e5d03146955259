"""Texts of a corpus in batches, one after the other: of a collection, of parts, or sentences of text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.corpus.block import sentence_block
from rankdistill.corpus.documents import blocks
from rankdistill.corpus.processes import in_order
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.corpus.sources import PairParts, is_pair_folder, is_text, open_source
from rankdistill.data.collection import Collection
from rankdistill.data.examples import examples_of, ids_of_split
from rankdistill.data.pair_parts import read_pair_part
from rankdistill.data.sources import load_collection

SENTENCES = "sentences:"
"""What a source begins with whose sentences are meant, as `textbook` reads a corpus, where it could be a collection."""
_BATCH = 1 << 16


def texts_in(
    source: str, split: str | None = None, settings: CorpusSettings | None = None, processes: int | None = None
) -> Iterator[list[str]]:
    """Yield the texts of a source in batches, empty ones left out; nothing is read before the first one is asked for.

    Of parts both texts of each pair, part by part. Of text files, folders of them that are no collection, and
    ``sentences:SOURCE`` the sentences that `build_textbook` searches, split and filtered by the settings, but repeated
    ones too; processes: to split them in (None: one per core). Of a collection see `corpus_texts`; split: of one that
    has splits.
    """
    if gives_sentences(source):
        step = partial(_sentences, settings=settings or CorpusSettings())
        texts = open_source(source.removeprefix(SENTENCES)).documents()
        yield from in_order(step, blocks(texts), processes or os.cpu_count() or 1)
    elif not has_splits(source):
        opened = open_source(source)
        assert isinstance(opened, PairParts)
        for part in opened.files:
            pairs = read_pair_part(part)
            sides = (pairs[side].to_pylist() for side in ("first", "second"))
            yield [text for pair in zip(*sides, strict=True) for text in pair if text.strip()]
    else:
        texts_of_all = corpus_texts(load_collection(source), split)
        for start in range(0, len(texts_of_all), _BATCH):
            yield texts_of_all.slice(start, _BATCH).to_pylist()


def gives_sentences(source: str) -> bool:
    """Tell whether sentences of text are meant: said so, a text file, or a folder without the files of a collection."""
    return is_text(source) if Path(source).exists() else source.startswith(SENTENCES)


def has_splits(source: str) -> bool:
    """Tell whether a source is a task or a ranking, whose texts are in splits; parts and sentences have none."""
    are_parts = is_pair_folder(source) or source.startswith(("pairs:", "textbook:"))
    return not (gives_sentences(source) or are_parts)


def _sentences(texts: list[str], settings: CorpusSettings) -> list[str]:
    return sentence_block(texts, settings).firsts


def corpus_texts(collection: Collection, split: str | None = None) -> pa.Array:
    """The texts of a collection, empty ones left out: large_string (N,).

    Of tasks of scored pairs each text of the pairs of a split (None: train), as often as it stands there; of pairs
    without labels all texts; of a ranking its documents, and its queries, all or those of a split. split: "all" for
    everything. Raises `UnknownNameError` for a split that the collection does not have.
    """
    if collection.is_of_pairs:
        examples = examples_of(collection, split)
        texts = examples.texts.take(pa.array(np.stack(examples.columns, axis=1).reshape(-1)))
    else:
        asked = collection.queries.texts
        if split is not None:
            asked = collection.queries.column(ids_of_split(collection, split))
        texts = pa.concat_arrays([collection.documents.texts, asked])
    return texts.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0))

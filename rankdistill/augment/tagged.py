"""Split and tag the distinct texts of all examples, each once, in some processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I32, I64
from rankdistill.augment.pieces import Pieces, encode, is_word, split
from rankdistill.augment.taggers import load
from rankdistill.corpus.processes import in_order
from rankdistill.progress import progress

BLOCK = 2048
"""Texts that are tagged at once, whatever the processes: a tagger's numbers may depend on it in the last place."""


@dataclass(frozen=True, eq=False)
class _Tagged:
    vocabulary: pa.Array
    ids: I32
    offsets: I64
    tags: I32
    tag_names: list[str]


def _tag_block(texts: pa.Array, mask_token: str, tagger: str | None) -> _Tagged:
    """Split and tag some texts. tagger: as `taggers.load` takes it; None for no tags."""
    pieces = [split(text, mask_token) for text in texts.to_pylist()]
    vocabulary, ids, offsets = encode(pieces)
    if tagger is None:
        return _Tagged(vocabulary, ids, offsets, np.full(len(ids), -1, np.int32), [])
    seen = np.array([not piece.isspace() for piece in vocabulary.to_pylist()], bool)
    is_seen = seen[ids]
    words = ([piece for piece in each if not piece.isspace()] for each in pieces)
    coded = pc.dictionary_encode(pa.array([tag for each in load(tagger)(words) for tag in each], pa.string()))
    tags = np.full(len(ids), -1, np.int32)
    tags[is_seen] = coded.indices.to_numpy(zero_copy_only=False)
    return _Tagged(vocabulary, ids, offsets, tags, coded.dictionary.to_pylist())


def tagged_pieces(texts: pa.Array, mask_token: str, tagger: str | None, processes: int) -> Pieces:
    """Split all texts into pieces and tag them; the mask token is in the vocabulary, whether a text has it or not."""
    numbers: dict[str, int] = {mask_token: 0}
    tags: dict[str, int] = {}
    ids, sizes, tag_ids = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    slices = (texts.slice(start, BLOCK) for start in range(0, len(texts), BLOCK))
    step = partial(_tag_block, mask_token=mask_token, tagger=tagger)
    with progress("tagging" if tagger else "splitting", len(texts), unit="texts") as advance:
        for block in in_order(step, slices, processes if len(texts) > BLOCK else 1):
            known = [numbers.setdefault(piece, len(numbers)) for piece in block.vocabulary.to_pylist()]
            ids.append(np.array(known, np.int32)[block.ids])
            sizes.append(np.diff(block.offsets))
            # one more, for -1
            known_tags = [*(tags.setdefault(tag, len(tags)) for tag in block.tag_names), -1]
            tag_ids.append(np.array(known_tags, np.int32)[block.tags])
            advance(len(block.offsets) - 1)
    words = np.array([is_word(piece, mask_token) for piece in numbers], bool)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
    return Pieces(
        pa.array(list(numbers), pa.string()), np.concatenate(ids), offsets, np.concatenate(tag_ids), tuple(tags), words
    )

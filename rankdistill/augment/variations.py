"""What one process does: the variations of a block of examples, from arrays that all processes map into memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F64, I32, I64, U64, Bools
from rankdistill.augment.pieces import Pieces, joined
from rankdistill.augment.settings import AugmentSettings
from rankdistill.augment.tag_words import TagWords
from rankdistill.data.kernels.random import hash_ids

BLOCK = 2048
"""Examples that are varied at once, with draws of their own: the result depends on it."""
PIECES = 1 << 20
"""Pieces of the variations that are in memory at once, at most, but for a longer text: about 60 bytes each. The result
does not depend on it."""
MASK, POS, CONTEXT = 0, 1, 2
MODES = ("first", "second", "both")
"""Which text of a pair a round changes, in turn."""


VARIATIONS = pa.schema(
    [
        ("id", pa.large_string()),
        ("first", pa.large_string()),
        ("second", pa.large_string()),
        ("example", pa.int64()),
        ("round", pa.int64()),
    ]
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is done to the words of one text of some variations of a block.

    places: int64 (P,) of the pieces, text after text. offsets: int64 (variations + 1,). operation: int8 (P,), `MASK`,
    `POS`, `CONTEXT`, or another number where nothing is done. uniform: float64 (P,), which decides the new word.
    """

    places: I64
    offsets: I64
    operation: I32
    uniform: F64


@dataclass(frozen=True, eq=False)
class Varied:
    """All that a process needs to vary examples.

    columns: rows of texts, int64 (E,), for each text of an example. tag_words: None where none is replaced by tag.
    proposals: int32 (R, M), numbers of pieces or -1, for the places ``proposed``, int64 (R,), rising.
    """

    pieces: Pieces
    columns: tuple[I64, ...]
    ids: pa.Array
    mask_id: int
    settings: AugmentSettings
    tag_words: TagWords | None
    proposed: I64
    proposals: I32

    def drawn(self, number: int) -> Iterator[list[Drawn]]:
        """Draw what is done in block ``number``, of each text of some variations after the other, in their order.

        It depends on the seed, the block and the text's column alone.
        """
        rounds = self.settings.n_iter
        texts = [np.repeat(column[number * BLOCK : (number + 1) * BLOCK], rounds) for column in self.columns]
        sizes = [self.pieces.offsets[rows + 1] - self.pieces.offsets[rows] for rows in texts]
        # a block has one sequence of draws for what is done to its pieces, and then one for the new words
        draws = [self._generator(number, side, 0) for side in range(len(texts))]
        uniform = [self._generator(number, side, int(of.sum())) for side, of in enumerate(sizes)]
        bounds = _cuts(np.sum(sizes, axis=0))
        for start, stop in pairwise(bounds):
            turns = np.arange(start, stop) % rounds
            yield [
                self._operations(side, rows[start:stop], turns, draws[side], uniform[side])
                for side, rows in enumerate(texts)
            ]

    def _generator(self, number: int, side: int, drawn: int) -> np.random.Generator:
        """The generator of a block's text, after so many draws."""
        return np.random.Generator(np.random.PCG64([self.settings.seed, number, side]).advance(drawn))

    def _operations(
        self, side: int, rows: I64, turns: I64, draws: np.random.Generator, uniform: np.random.Generator
    ) -> Drawn:
        """Draw what is done to texts ``rows``, int64 (n,), which are the side of a pair in rounds ``turns``, from 0."""
        settings = self.settings
        bounds = np.cumsum([settings.p_mask, settings.p_pos, settings.p_context])
        places, offsets = self.pieces.places(rows)
        operation = np.searchsorted(bounds, draws.random(len(places)), side="right").astype(np.int32)
        if len(self.columns) == 2:
            mode = turns % len(MODES)
            is_changed = (mode == side) | (mode == 2)
            operation[np.repeat(~is_changed, np.diff(offsets))] = len(bounds)
        operation[~self.pieces.words[self.pieces.ids[places]]] = len(bounds)
        return Drawn(places, offsets, operation, uniform.random(len(places)))

    def applied(self, drawn: Drawn, counts: Counter[str]) -> tuple[I32, Bools]:
        """Pieces int32 (P,) after the changes, and which variations differ from their text."""
        ids = np.array(self.pieces.ids[drawn.places])
        new = ids.copy()
        new[drawn.operation == MASK] = self.mask_id
        counts["words masked"] += int((drawn.operation == MASK).sum())
        at = np.flatnonzero(drawn.operation == POS)
        if len(at) and self.tag_words is not None:
            words = self.tag_words.draw(self.pieces.tags[drawn.places[at]], ids[at], drawn.uniform[at])
            _put(new, at, words, counts, "words replaced by tag", "words without another of their tag")
        at = np.flatnonzero(drawn.operation == CONTEXT)
        if len(at):
            rows = self.proposals[np.searchsorted(self.proposed, drawn.places[at])]
            there = (rows >= 0).sum(axis=1)
            chosen = np.minimum((drawn.uniform[at] * there).astype(np.int64), np.maximum(there - 1, 0))
            words = np.where(there > 0, rows[np.arange(len(at)), chosen], -1)
            _put(new, at, words, counts, "words replaced in context", "words beyond what the language model reads")
        n = len(drawn.offsets) - 1
        of = np.repeat(np.arange(n), np.diff(drawn.offsets))
        return new, np.bincount(of, new != ids, n) > 0


def _cuts(sizes: I64) -> list[int]:
    """Cut variations of so many pieces each into runs of `PIECES` at most, or of one: their bounds."""
    bounds, held = [0], 0
    for place, size in enumerate(sizes.tolist()):
        if held and held + size > PIECES:
            bounds.append(place)
            held = 0
        held += size
    return [*bounds, len(sizes)]


def _put(new: I32, at: I64, words: I64 | I32, counts: Counter[str], done: str, not_done: str) -> None:
    found = words >= 0
    new[at[found]] = words[found]
    counts[done] += int(found.sum())
    counts[not_done] += int((~found).sum())


@dataclass(frozen=True, eq=False)
class Block:
    """Of the variations of a block that differ from their examples the keys that tell duplicates, and all counts."""

    keys: U64
    counts: Counter[str]


def write_block(number: int, work: Path) -> Block:
    """Vary a block and write its variations as an Arrow file: id, first, second, example and round."""
    varied = load(work)
    counts, keys, start = Counter[str](), [], number * BLOCK * varied.settings.n_iter
    with pa.ipc.new_file(str(work / f"{number:06}.arrow"), VARIATIONS) as file:
        for drawn in varied.drawn(number):
            table = _variations(varied, drawn, start, counts)
            start += len(drawn[0].offsets) - 1
            keys.append(content_keys(table["first"].combine_chunks(), table["second"].combine_chunks()))
            file.write_table(table)
    return Block(np.concatenate(keys), counts)


def _variations(varied: Varied, drawn: list[Drawn], start: int, counts: Counter[str]) -> pa.Table:
    """The variations that differ from their examples. start: number of the first one among all."""
    rounds = varied.settings.n_iter
    sides: list[pa.Array] = []
    n = len(drawn[0].offsets) - 1
    differ = np.zeros(n, bool)
    for each in drawn:
        new, changed = varied.applied(each, counts)
        differ |= changed
        sides.append(joined(varied.pieces.vocabulary, new, each.offsets).cast(pa.large_string()))
    counts["variations"] += n
    counts["unchanged"] += int((~differ).sum())
    second = sides[1] if len(sides) == 2 else pa.array([""] * n, pa.large_string())
    kept, places = pa.array(differ), start + np.flatnonzero(differ)
    example, turn = places // rounds, places % rounds + 1
    ids = pc.binary_join_element_wise(
        varied.ids.take(pa.array(example)), pa.array(turn).cast(pa.large_string()), pa.scalar("~", pa.large_string())
    )
    columns = [ids, sides[0].filter(kept), second.filter(kept), pa.array(example), pa.array(turn)]
    return pa.table(columns, schema=VARIATIONS)


def content_keys(firsts: pa.Array, seconds: pa.Array) -> U64:
    """Hash pairs of texts, 64 bits each: uint64 (N,)."""
    sides = (side.cast(pa.large_string()) for side in (firsts, seconds))
    return hash_ids(pc.binary_join_element_wise(*sides, pa.scalar("\n", pa.large_string())))


# -- between processes -------------------------------------------------------------------------------------------------


def save(varied: Varied, work: Path) -> None:
    """Write all that `load` reads."""
    pieces, words = varied.pieces, varied.tag_words
    arrays: dict[str, np.ndarray] = {
        "ids": pieces.ids,
        "offsets": pieces.offsets,
        "tags": pieces.tags,
        "words": pieces.words,
        "proposed": varied.proposed,
        "proposals": varied.proposals,
        **{f"column{side}": column for side, column in enumerate(varied.columns)},
        **({"keys": words.keys, "counts": words.counts} if words else {}),
    }
    for name, array in arrays.items():
        if not (isinstance(array, np.memmap) and (work / f"{name}.npy").exists()):
            np.save(work / f"{name}.npy", array)
    for name, column in (("vocabulary", pieces.vocabulary), ("example ids", varied.ids)):
        table = pa.table({name: column})
        with pa.ipc.new_file(str(work / f"{name}.ipc"), table.schema) as file:
            file.write_table(table)
    (work / "settings.json").write_text(_facts(varied), encoding="utf-8")


def _facts(varied: Varied) -> str:
    return json.dumps(
        {"settings": asdict(varied.settings), "mask_id": varied.mask_id, "tag_names": varied.pieces.tag_names}
    )


@cache
def load(work: Path) -> Varied:
    """Read what `save` wrote, arrays mapped into memory; once in a process."""
    facts = json.loads((work / "settings.json").read_text(encoding="utf-8"))
    names = tuple(facts["tag_names"])

    def array(name: str) -> np.ndarray:
        found: np.ndarray = np.load(work / f"{name}.npy", mmap_mode="r")
        return found

    def column(name: str) -> pa.Array:
        return pa.ipc.open_file(pa.memory_map(str(work / f"{name}.ipc"))).read_all()[name].combine_chunks()

    vocabulary = column("vocabulary")
    has_words = (work / "keys.npy").exists()
    return Varied(
        Pieces(vocabulary, array("ids"), array("offsets"), array("tags"), names, array("words")),
        tuple(array(path.stem) for path in sorted(work.glob("column?.npy"))),
        column("example ids"),
        facts["mask_id"],
        AugmentSettings(**facts["settings"]),
        TagWords(array("keys"), array("counts"), len(vocabulary), names) if has_words else None,
        array("proposed"),
        array("proposals"),
    )

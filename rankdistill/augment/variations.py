"""What one process does: the variations of a block of examples, from arrays that all processes map into memory."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
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
MASK, POS, CONTEXT = 0, 1, 2
MODES = ("first", "second", "both")
"""Which text of a pair a round changes, in turn."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is done to the words of one text of every variation of a block.

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

    def drawn(self, number: int) -> list[Drawn]:
        """Draw what is done in block ``number``: it depends on the seed, the block and the text's column alone."""
        settings, rounds = self.settings, self.settings.n_iter
        bounds = np.cumsum([settings.p_mask, settings.p_pos, settings.p_context])
        found = []
        for side, column in enumerate(self.columns):
            rows = np.repeat(column[number * BLOCK : (number + 1) * BLOCK], rounds)
            places, offsets = self.pieces.places(rows)
            rng = np.random.default_rng([settings.seed, number, side])
            draws, uniform = rng.random(len(places)), rng.random(len(places))
            operation = np.searchsorted(bounds, draws, side="right").astype(np.int32)
            if len(self.columns) == 2:
                mode = np.arange(len(rows)) % rounds % len(MODES)
                is_changed = (mode == side) | (mode == 2)
                operation[np.repeat(~is_changed, np.diff(offsets))] = len(bounds)
            operation[~self.pieces.words[self.pieces.ids[places]]] = len(bounds)
            found.append(Drawn(places, offsets, operation, uniform))
        return found

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
    rounds, counts = varied.settings.n_iter, Counter[str]()
    sides: list[pa.Array] = []
    differ = np.zeros(0, bool)
    for drawn in varied.drawn(number):
        new, changed = varied.applied(drawn, counts)
        differ = changed if not sides else differ | changed
        sides.append(joined(varied.pieces.vocabulary, new, drawn.offsets))
    n = len(differ)
    counts["variations"], counts["unchanged"] = n, int((~differ).sum())
    second = sides[1] if len(sides) == 2 else pa.array([""] * n, pa.string())
    kept = pa.array(differ)
    firsts, seconds = sides[0].filter(kept), second.filter(kept)
    example = number * BLOCK + np.arange(n)[differ] // rounds
    turn = np.arange(n)[differ] % rounds + 1
    ids = pc.binary_join_element_wise(
        varied.ids.take(pa.array(example)), pa.array(turn).cast(pa.large_string()), pa.scalar("~", pa.large_string())
    )
    table = pa.table(
        {
            "id": ids,
            "first": firsts.cast(pa.large_string()),
            "second": seconds.cast(pa.large_string()),
            "example": pa.array(example),
            "round": pa.array(turn),
        }
    )
    with pa.ipc.new_file(str(work / f"{number:06}.arrow"), table.schema) as file:
        file.write_table(table)
    return Block(content_keys(firsts, seconds), counts)


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

"""augment: a task's texts in, parts of their variations out; duplicates are found over all of them."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rankdistill.arrays import I32, I64, U64, Bools
from rankdistill.augment.pieces import Pieces
from rankdistill.augment.settings import AugmentSettings
from rankdistill.augment.tag_words import TagWords
from rankdistill.augment.tagged import tagged_pieces
from rankdistill.augment.taggers import identity, resolve
from rankdistill.augment.variations import (
    BLOCK,
    CONTEXT,
    MODES,
    Varied,
    content_keys,
    load,
    save,
    write_block,
)
from rankdistill.corpus.duplicates import repeated
from rankdistill.corpus.processes import check_guarded, in_order
from rankdistill.data.collection import Collection
from rankdistill.data.examples import SPLIT, Examples, examples_of
from rankdistill.data.pair_parts import PAIRS_PER_PART, with_mask_token, write_pair_part
from rankdistill.data.parts import check_made_of, seal_parts
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import write_facts
from rankdistill.files.lock import locked
from rankdistill.inputs.own_masks import with_mask
from rankdistill.progress import progress, say

if TYPE_CHECKING:  # it imports torch
    from rankdistill.augment.contextual import MaskedWords

REPORT = "augment.json"
"""File beside the parts: the settings, the task, what tagged the words, and what was counted."""
QUERIES = "queries.jsonl"
"""File beside the parts of a ranking: its varied queries, as `retrieve --queries` reads them."""
_WORK = ".work"


def augment(
    collection: Collection,
    out: str | Path,
    settings: AugmentSettings | None = None,
    *,
    split: str | None = None,
    base: str | Path | None = None,
    processes: int | None = None,
    pairs_per_part: int = PAIRS_PER_PART,
) -> dict[str, int]:
    """Write variations of a task's texts or pairs, or of a ranking's queries, as a new folder of Parquet parts.

    Columns are id (the example's, ``~`` and the round), first, second (empty for single texts) and label, which is the
    example's and need not hold for the variation. split: of the task (None: train; pairs without splits are taken
    whole). base: masked language model, for ``p_context``. processes: of this machine (None: one per core); the bytes
    written do not depend on it. Each runs the main script again as it starts, so that a script calls this under
    ``if __name__ == "__main__":``. What a base proposed is kept in a hidden folder beside ``out`` until the end, so
    that the same call goes on after a kill. Variations like their example, or like another text or pair, are left out.
    Returns what was counted. Raises `UsageError` where ``out`` is a folder that has anything else, for a script without
    that guard, and for a base without ``p_context`` or the other way round; `DataError` where no variation is left.
    Source: LSTM-KD §3.3 (docs/papers.md).
    """
    settings, out, processes = settings or AugmentSettings(), Path(out), processes or os.cpu_count() or 1
    check_guarded(processes)
    if (base is None) != (settings.p_context == 0):
        raise UsageError("p_context and base belong together: a masked language model, and how often it is asked")
    tagger = resolve(settings.tagger) if settings.p_pos else None
    examples = examples_of(with_mask(collection, settings.mask_token), split)
    model = _masked_words(base) if base is not None else None
    made_of: dict[str, Any] = {
        "task": collection.name,
        "split": split or (SPLIT if collection.splits or examples.are_queries else None),
        "settings": asdict(settings),
        "tagger": identity(tagger) if tagger else None,
        "base": str(base) if base else None,
        **({"weights": model.identity} if model is not None else {}),
    }
    check_made_of(out, REPORT, made_of)
    proposed = out.absolute().with_name(f".{out.name}.proposals")
    with locked(proposed) if model is not None else nullcontext(), atomic_path(out) as folder:
        work = folder / _WORK
        work.mkdir(parents=True)
        pieces = tagged_pieces(examples.texts, settings.mask_token, tagger, processes)
        varied = Varied(
            pieces,
            examples.columns,
            examples.ids,
            0,
            settings,
            unigrams(pieces, examples.columns) if tagger else None,
            np.zeros(0, np.int64),
            np.zeros((0, settings.context_words), np.int32),
        )
        if model is not None:
            varied = _with_proposals(varied, model, proposed, work)
        save(varied, work)
        try:
            keys, counts = _written(len(examples), work.absolute(), processes)
        finally:
            load.cache_clear()  # its arrays are maps of files that are deleted
        kept = _kept(examples, keys, settings, counts)
        if not counts["kept"]:
            told = ", ".join(f"{number:,} {what}" for what, number in counts.items())
            raise DataError(f"no variation of {collection.name} is left: {told}; raise p_mask or p_pos")
        masks = settings.mask_token if settings.p_mask > 0 or collection.mask_token is not None else None
        if examples.are_queries and masks is not None:
            say(
                f"masked words of the queries are written {masks}, and lists that are retrieved for {QUERIES} do not "
                "say so: models read it as text. Give --mask-token as the models have it, or --p-mask 0"
            )
        _write_parts(examples, work, kept, folder, pairs_per_part, masks, counts)
        write_facts(folder / REPORT, {**made_of, "counts": dict(counts)})
        shutil.rmtree(work)
        seal_parts(folder, out)
        if model is not None:
            shutil.rmtree(proposed)
    return dict(counts)


def unigrams(pieces: Pieces, columns: Sequence[I64]) -> TagWords:
    """Count how often each word has each tag, over all texts of the examples."""
    used = np.bincount(np.concatenate(columns), minlength=len(pieces.offsets) - 1)
    weights = np.repeat(used, np.diff(pieces.offsets))
    words = pieces.words[pieces.ids]
    return TagWords.count(
        pieces.tags[words], pieces.ids[words], weights[words], len(pieces.vocabulary), pieces.tag_names
    )


def _masked_words(base: str | Path) -> MaskedWords:
    from rankdistill.augment.contextual import MaskedWords  # it imports torch

    return MaskedWords(base)


def _with_proposals(varied: Varied, model: MaskedWords, kept: Path, work: Path) -> Varied:
    """Ask the masked language model for words at all places that some draw will need.

    kept: folder that keeps its rows, for the next call after a kill.
    """
    from rankdistill.augment.contextual import CHUNK, proposals  # it imports torch

    settings, pieces = varied.settings, varied.pieces
    places = [np.zeros(0, np.int64)]
    for number in range(-(-len(varied.ids) // BLOCK)):
        for some in varied.drawn(number):
            places += [np.unique(drawn.places[drawn.operation == CONTEXT]) for drawn in some]
    proposed: I64 = np.unique(np.concatenate(places))
    found = proposals(model, pieces, proposed, settings.context_words, kept)
    numbers = {piece: number for number, piece in enumerate(pieces.vocabulary.to_pylist())}
    of_text = np.array([numbers.setdefault(text, len(numbers)) for text in model.texts] + [-1], np.int32)
    rows: I32 = np.lib.format.open_memmap(work / "proposals.npy", "w+", np.int32, found.shape)
    for start in range(0, len(rows), CHUNK):
        rows[start : start + CHUNK] = of_text[found[start : start + CHUNK]]
    new = len(numbers) - len(pieces.vocabulary)
    grown = replace(
        pieces,
        vocabulary=pa.array(list(numbers), pa.string()),
        words=np.concatenate([pieces.words, np.ones(new, bool)]),
    )
    # keys of tags and words are by the size of the vocabulary
    again = unigrams(grown, varied.columns) if varied.tag_words else None
    return replace(varied, pieces=grown, tag_words=again, proposed=proposed, proposals=rows)


def _written(n: int, work: Path, processes: int) -> tuple[list[U64], Counter[str]]:
    """Vary all blocks: the keys of each, and what was counted."""
    counts, keys = Counter[str](examples=n), []
    blocks = -(-n // BLOCK)
    with progress("varying", n, unit="examples") as advance:
        for number, block in enumerate(
            in_order(partial(write_block, work=work), range(blocks), processes if blocks > 1 else 1)
        ):
            keys.append(block.keys)
            counts += block.counts
            advance(min(BLOCK, n - number * BLOCK))
    return keys, counts


def _kept(examples: Examples, keys: list[U64], settings: AugmentSettings, counts: Counter[str]) -> Bools:
    """Which variations are kept, bool (of all blocks,): no duplicates of examples and one another, then the sample."""
    sides = [examples.texts.take(pa.array(column)) for column in examples.columns]
    none = pa.array([""] * len(examples), pa.large_string())
    own = content_keys(sides[0], sides[1] if len(sides) == 2 else none)
    kept = ~repeated(np.concatenate([own, *keys]))[len(own) :]
    counts["duplicates"] = int((~kept).sum())
    rows = np.flatnonzero(kept)
    if settings.pairs is not None and len(rows) > settings.pairs:
        left_out = np.random.default_rng(settings.seed).permutation(len(rows))[settings.pairs :]
        kept[rows[left_out]] = False
        counts["not sampled"] = len(left_out)
    counts["kept"] = int(kept.sum())
    return kept


def _write_parts(
    examples: Examples,
    work: Path,
    kept: Bools,
    folder: Path,
    pairs_per_part: int,
    masks: str | None,
    counts: Counter[str],
) -> None:
    """Write the kept variations in order, as parts of a size; and of a ranking its queries.

    masks: what is written for masked words.
    """
    rest: pa.Table | None = None
    part = start = 0
    files = sorted(work.glob("[0-9]*.arrow"))
    with progress("variations", counts["kept"], unit="variations") as advance, (work / QUERIES).open("w") as queries:
        for number, file in enumerate(files):
            whole = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
            table = whole.filter(pa.array(kept[start : start + len(whole)]))
            start += len(whole)
            if len(examples.columns) == 2:
                for turn, mode in enumerate(MODES):
                    of_mode = (table["round"].to_numpy() - 1) % len(MODES) == turn
                    counts[f"kept, {mode} changed"] += int(of_mode.sum())
            if examples.are_queries:
                for key, text in zip(table["id"].to_pylist(), table["first"].to_pylist(), strict=True):
                    queries.write(json.dumps({"_id": key, "text": text}, ensure_ascii=False) + "\n")
            table = _labelled(table, examples)
            table = with_mask_token(table, masks) if masks is not None else table
            rest = table if rest is None else pa.concat_tables([rest, table])
            while len(rest) >= pairs_per_part or (number == len(files) - 1 and len(rest)):
                write_pair_part(rest.slice(0, pairs_per_part), folder / f"{part:05}.parquet")
                advance(min(len(rest), pairs_per_part))
                rest, part = rest.slice(pairs_per_part), part + 1
    if examples.are_queries:
        shutil.move(work / QUERIES, folder / QUERIES)


def _labelled(table: pa.Table, examples: Examples) -> pa.Table:
    """The table's texts with the label of each one's example, null where it has none."""
    texts = table.select(["id", "first", "second"])
    if examples.labels is None or np.isnan(examples.labels).all():
        return texts
    labels = examples.labels[table["example"].to_numpy()]
    return texts.append_column("label", pa.array(labels, pa.float32(), from_pandas=True))

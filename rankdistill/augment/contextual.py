"""Words that a masked language model proposes for a place, of many sentences in one forward pass.

Source: TinyBERT, section 3.2 (docs/papers.md). It masks words of one token, and takes neighbours of word vectors for
others. Here every word is masked as a whole, by one mask token, and the proposals are the model's own whole words.
"""

from __future__ import annotations

import hashlib
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rankdistill.arrays import I32, I64
from rankdistill.augment.pieces import Pieces, is_word, split
from rankdistill.errors import DataError
from rankdistill.files.facts import read_facts, write_facts
from rankdistill.inputs.batches import length_sorted_batches
from rankdistill.models.base import resolve_base
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.engines.threads import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS
from rankdistill.models.masked_lm import embeddings_of, load_masked_lm_head
from rankdistill.models.outputs import forward
from rankdistill.models.precision import default_device
from rankdistill.models.tokenizer import are_words
from rankdistill.progress import progress, say

CHUNK = 8192
"""Places whose texts are tokenised, and sorted by length, together."""

_DONE = "proposals.json"
"""File beside the rows that are kept: what they are made of, and how many are done."""


class MaskedWords:
    """A masked language model that proposes words for the place of another.

    base: folder or hub id of an encoder with the head of a masked language model. Raises `DataError` for one without a
    head, for a family that has none, and for a tokenizer without a mask token.
    """

    def __init__(self, base: str | Path) -> None:
        folder = resolve_base(base)
        encoder = CrossEncoder.from_base(folder)
        head = load_masked_lm_head(encoder.model, folder)
        if head is None:
            raise DataError(
                f"{folder} has no head of a masked language model, so that it proposes no words: give a base that was "
                "saved with it, as BERT's and RoBERTa's checkpoints are, or a folder that `rekindle` wrote"
            )
        self.tokenizer: Any = encoder.tokenizer
        if self.tokenizer.mask_token_id is None:
            raise DataError(f"{folder}: its tokenizer has no mask token, so that it proposes no words")
        self.device = default_device()
        self.model, self.head = encoder.model.to(self.device).eval(), head.to(self.device).eval()
        self.max_length = encoder.max_length
        self.identity = f"{encoder.fingerprint()} {head.fingerprint()}"
        self.token_ids, self.texts = whole_words(self.tokenizer, len(embeddings_of(self.model)))
        if not self.texts:
            raise DataError(f"{folder}: no token of its vocabulary is a whole word, so that it proposes none")
        self._rows_of: dict[str, list[int]] = {}
        for row, text in enumerate(self.texts):
            self._rows_of.setdefault(text.casefold(), []).append(row)

    def propose(self, befores: list[str], words: list[str], afters: list[str], number: int) -> I32:
        """Propose words for places: int32 (places, number), rows of ``texts``, the likeliest first, never the word.

        A place that is cut off, as the text is longer than the model reads, has -1; and so have places for which there
        are fewer words.
        """
        mask = self.tokenizer.mask_token
        texts = [before + mask + after for before, after in zip(befores, afters, strict=True)]
        encoded = self.tokenizer(texts, truncation=True, max_length=self.max_length, verbose=False)
        rows = encoded["input_ids"]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        found = np.full((len(texts), number), -1, np.int32)
        budget = GPU_BATCH_TOKENS if self.device.type == "cuda" else CPU_BATCH_TOKENS
        for batch in length_sorted_batches(lengths, budget):
            inputs = {
                name: value.to(self.device)
                for name, value in self.tokenizer.pad(
                    {name: [values[item] for item in batch] for name, values in encoded.items()}, return_tensors="pt"
                ).items()
            }
            masks = (inputs["input_ids"] == self.tokenizer.mask_token_id).cpu().numpy()
            earlier = np.array([befores[item].count(mask) for item in batch])
            at = (masks & (np.cumsum(masks, axis=1) == earlier[:, None] + 1)).argmax(axis=1)
            is_there = masks.sum(axis=1) > earlier
            kept = batch[is_there]
            if len(kept):
                found[kept] = self._likeliest(inputs, is_there, at[is_there], [words[item] for item in kept], number)
        return found

    @torch.inference_mode()
    def _likeliest(self, inputs: Any, rows: Any, at: I64, words: list[str], number: int) -> I32:
        hidden = forward(self.model, inputs, ("hidden",)).hidden[-1]
        states = hidden[torch.from_numpy(np.flatnonzero(rows)).to(self.device), torch.from_numpy(at).to(self.device)]
        logits = self.head(states, embeddings_of(self.model)).float().cpu()[:, self.token_ids]
        for row, word in enumerate(words):
            logits[row, self._rows_of.get(word.casefold(), [])] = -torch.inf
        best = logits.topk(min(number, logits.shape[1]))
        ids = best.indices.numpy().astype(np.int32)
        ids[~torch.isfinite(best.values).numpy()] = -1
        padded = np.full((len(words), number), -1, np.int32)
        padded[:, : ids.shape[1]] = ids
        return padded


def whole_words(tokenizer: Any, size: int) -> tuple[I64, list[str]]:
    """The tokens that are whole words: their ids, int64 (W,), rising, and the words.

    Such a token is what the tokenizer makes of the word after a blank: no special token, no part of a word, no
    punctuation. size: of the model's vocabulary.
    """
    special = set(tokenizer.all_special_ids)
    ids = [token for token in range(min(size, len(tokenizer))) if token not in special]
    texts = [text.strip() for text in tokenizer.batch_decode([[token] for token in ids])]
    mask = tokenizer.mask_token
    fit = [place for place, text in enumerate(texts) if text and split(text, mask) == [text] and is_word(text, mask)]
    whole = are_words(tokenizer, [ids[place] for place in fit], [texts[place] for place in fit])
    kept = list(compress(fit, whole))
    return np.array([ids[place] for place in kept], np.int64), [texts[place] for place in kept]


def proposals(model: MaskedWords, pieces: Pieces, places: I64, number: int, folder: Path) -> I32:
    """Propose words for places of the texts, int64 (R,): int32 (R, number), rows of the model's ``texts``, or -1.

    They are kept in ``folder``, a file that is mapped into memory, so that the same call goes on after a kill and ends
    with the same rows; what it has of another model or other texts is replaced.
    """
    kept, done = _kept(folder, {"model": model.identity, "places": _digest(pieces, places)}, (len(places), number))
    vocabulary = pieces.vocabulary.to_pylist()
    vocabulary[0] = model.tokenizer.mask_token  # the texts' own may be another model's
    with progress("proposing words", len(places), unit="places") as advance:
        advance(done)
        for start in range(done, len(places), CHUNK):
            befores, words, afters = [], [], []
            for place in places[start : start + CHUNK]:
                text = int(np.searchsorted(pieces.offsets, place, side="right")) - 1
                first, last = pieces.offsets[text], pieces.offsets[text + 1]
                befores.append("".join(vocabulary[piece] for piece in pieces.ids[first:place]))
                words.append(vocabulary[pieces.ids[place]])
                afters.append("".join(vocabulary[piece] for piece in pieces.ids[place + 1 : last]))
            kept[start : start + len(words)] = model.propose(befores, words, afters, number)
            kept.flush()
            write_facts(folder / _DONE, {**read_facts(folder / _DONE), "done": start + len(words)})
            advance(len(words))
    return kept


def _kept(folder: Path, made_of: dict[str, Any], shape: tuple[int, int]) -> tuple[np.memmap, int]:
    """The file of rows, int32 of this shape, and how many of them an earlier call has left."""
    facts, file, rows = {**made_of, "shape": list(shape)}, folder / _DONE, folder / "proposals.npy"
    known = read_facts(file)
    done = known.pop("done", 0)
    if known == facts and rows.is_file():
        if done:
            say(f"resuming: {done:,} of {shape[0]:,} places have words")
        return np.lib.format.open_memmap(rows, "r+"), done
    file.unlink(missing_ok=True)  # first, so that no kill leaves the facts of other rows
    opened = np.lib.format.open_memmap(rows, "w+", np.int32, shape)
    write_facts(file, {**facts, "done": 0})
    return opened, 0


def _digest(pieces: Pieces, places: I64) -> str:
    hashed = hashlib.blake2b("\n".join(pieces.vocabulary.to_pylist()).encode(), digest_size=16)
    for array in (pieces.ids, pieces.offsets, places):
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()

"""What masking each word of a task's text does to models: their labels and how sure they are.

Source: LSTM-KD §3.5, Figure 3.4 (docs/papers.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rankdistill.arrays import F32, F64
from rankdistill.augment.pieces import is_word, split
from rankdistill.augment.settings import AugmentSettings
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError
from rankdistill.models.contract import CLASSES
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.progress import say
from rankdistill.scoring.fits import read_for_task
from rankdistill.scoring.score import score_logits, score_with_report

TEXT_MASK = AugmentSettings().mask_token
"""What is no word in texts, as it stands for a masked one."""


@dataclass(frozen=True)
class Masked:
    """A text or pair with one word masked, or none."""

    side: int
    """Of the word: 0 in the first text, 1 in the second."""
    word: str
    """Empty where none is masked."""
    texts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Effect:
    """What a model says of each variant of a text."""

    labels: F32
    """Class by number, or similarity: float32 (V,)."""
    probabilities: F64 | None
    """Of the classes, float64 (V, C); None for a similarity."""

    @property
    def entropies(self) -> F64 | None:
        """Entropy of the classes, in nats, float64 (V,): 0 where a model is certain, ln C where it knows nothing."""
        if self.probabilities is None:
            return None
        shares = np.where(self.probabilities > 0, self.probabilities, 1)
        return -(shares * np.log(shares)).sum(axis=1) + 0.0


def masked_words(texts: tuple[str, ...], mask: str) -> list[Masked]:
    """The text or pair as it is, and then with each word masked in turn, those of the first text first.

    Which words there are does not depend on the mask, so that several models have the same ones.
    """
    found = [Masked(0, "", texts)]
    for side, text in enumerate(texts):
        pieces = split(text, TEXT_MASK)
        for place, piece in enumerate(pieces):
            if is_word(piece, TEXT_MASK):
                changed = "".join([*pieces[:place], mask, *pieces[place + 1 :]])
                found.append(Masked(side, piece, (*texts[:side], changed, *texts[side + 1 :])))
    return found


def texts_of(collection: Collection, pair_id: str) -> tuple[str, ...]:
    """The text or the two texts of a scored pair; `DataError` where the task has no such pair."""
    scored, pairs = collection.scored_pairs, collection.candidates
    if scored is None or pairs is None or pair_id not in collection.queries:
        raise DataError(
            f"{collection.name} has no text or pair {pair_id!r}: expected an id such as "
            f"{collection.queries.ids[0].as_py()!r}, the split and the row from 0"
        )
    row = pairs.take_queries([pair_id])
    first = collection.queries[pair_id]
    return (first,) if scored.n_texts == 1 else (first, collection.documents.take(row.doc_ids)[0])


def effect(model: CrossEncoder, texts: tuple[str, ...], scored: ScoredPairs, name: str) -> tuple[list[Masked], Effect]:
    """Mask each word by the model's own mask token, and let the model read all variants.

    name: of the model, for messages. Raises `DataError` where its tokenizer has neither a mask token nor one for
    unknown words, or where its head is not the task's.
    """
    model = read_for_task(model, scored, "the task", name)
    mask = model.tokenizer.mask_token or model.tokenizer.unk_token
    if not mask:
        raise DataError(f"{name}: its tokenizer has no mask token and no unknown token, so that no word can be masked")
    variants = masked_words(texts, mask)
    ids = [str(number) for number in range(len(variants))]
    seconds = [variant.texts[1] if len(texts) == 2 else "" for variant in variants]
    collection = Collection(
        name,
        Texts.from_pairs(ids, [variant.texts[0] for variant in variants]),
        Texts.from_pairs(ids, seconds),
        scored_pairs=scored,
    )
    rows = Candidates.from_rows(pa.array(ids), pa.array(ids))
    if model.contract.form != CLASSES:
        scores, report = score_with_report(model, rows, collection, description=name)
        _say_cut(name, model, report.n_truncated)
        return variants, Effect(scores, None)
    logits, report = score_logits(model, rows, collection, description=name)
    _say_cut(name, model, report.n_truncated)
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return variants, Effect(probabilities.argmax(axis=1).astype(np.float32), probabilities)


def _say_cut(name: str, model: CrossEncoder, n_truncated: int) -> None:
    if n_truncated:
        say(f"{name} reads {model.max_length} tokens, and the text is longer: words beyond are masked without effect")

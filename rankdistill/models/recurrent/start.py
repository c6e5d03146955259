"""Initial embeddings and layers of a student: from vectors, from a base's own, or at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from rankdistill.arrays import F32
from rankdistill.models.recurrent.network import UNKNOWN
from rankdistill.models.recurrent.vectors import WordVectors
from rankdistill.models.tokenizer import are_words
from rankdistill.retrieval.scripts import unparted_pattern

BROKEN = "\ufffd"
"""What a token of a part of a character's bytes is decoded to."""


def words_of_tokens(tokenizer: Any) -> dict[int, str]:
    """The words that tokens are by themselves: id -> word.

    A token that begins with a letter or digit is a word if the tokenizer makes it of its text after a blank: ``Ġgood``
    or ``▁good`` is the word "good", and ``good`` beside it is inside a word, as ``##good`` is. A mark is a word
    wherever it stands, and so is what begins with a letter of a script without blanks between words. Special tokens are
    what they are called.
    """
    ids = sorted(tokenizer.get_vocab().values())
    texts = [text.strip() for text in tokenizer.batch_decode([[token] for token in ids])]
    unparted = unparted_pattern()
    return {
        token: text
        for token, text, is_word in zip(ids, texts, are_words(tokenizer, ids, texts), strict=True)
        if text and BROKEN not in text and (is_word or not text[0].isalnum() or unparted.match(text))
    }


def embeddings_by_words(tokenizer: Any, vectors: WordVectors, seed: int) -> tuple[F32, int]:
    """Give every token of a vocabulary its word's vector, float32 (V, D), and count those that have one.

    The words are those of `words_of_tokens`. Others are drawn evenly from -`UNKNOWN` to `UNKNOWN`, the same for the
    same seed; the padding token's is 0.
    """
    width = vectors.vectors.shape[1]
    n_rows = max(tokenizer.get_vocab().values()) + 1
    matrix = np.random.default_rng(seed).uniform(-UNKNOWN, UNKNOWN, (n_rows, width)).astype(np.float32)
    rows = {word: row for row, word in enumerate(vectors.words)}
    places = [(token, rows[word]) for token, word in words_of_tokens(tokenizer).items() if word in rows]
    if places:
        to, of = map(np.array, zip(*places, strict=True))
        matrix[to] = vectors.vectors[of]
    matrix[tokenizer.pad_token_id] = 0
    return matrix, len(places)


def projected(matrix: F32, width: int) -> F32:
    """Project embeddings (V, D) to their ``width`` principal directions, scaled as random ones are; D or less is kept.

    The signs of the directions are fixed, so that the same matrix gives the same result.
    """
    values = matrix.astype(np.float64)
    if width < values.shape[1]:
        centred = values - values.mean(0)
        _, directions = np.linalg.eigh(centred.T @ centred)
        directions = directions[:, ::-1][:, :width]
        largest = np.abs(directions).argmax(0)
        directions *= np.sign(directions[largest, np.arange(width)])
        values = centred @ directions
    deviation = values.std()
    return (values * (UNKNOWN / 3**0.5 / deviation if deviation > 0 else 1.0)).astype(np.float32)


def set_embeddings(model: Any, matrix: F32) -> None:
    """Set a student's embeddings, in both channels where it has two; rows beyond ``matrix`` stay as they are."""
    channels = [model.get_input_embeddings(), *([model.frozen] if hasattr(model, "frozen") else [])]
    with torch.no_grad():
        for channel in channels:
            channel.weight[: len(matrix)] = torch.from_numpy(matrix)


def copy_first_layers(source: nn.Module, model: Any) -> None:
    """Copy a BERT's embeddings and first layers, as many as the student has, which are of the same width."""
    wanted = model.bert.state_dict()
    weights = source.state_dict()
    model.bert.load_state_dict({name: weights[name] for name in wanted})

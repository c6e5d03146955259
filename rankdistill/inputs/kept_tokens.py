"""KeptTokens: the token ids of the texts that came last, so that a document of many queries is tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rankdistill.arrays import I32
from rankdistill.data.offsets import offsets_of
from rankdistill.inputs.tokens import TokenizedTexts
from rankdistill.lru_cache import LRUCache


class KeptTokens:
    """Token ids of at most ``most`` texts by one tokenizer, each cut to ``max_tokens`` tokens."""

    def __init__(self, most: int, max_tokens: int) -> None:
        self._max_tokens = max_tokens
        self._known: LRUCache[str, tuple[I32, int]] = LRUCache(most)

    def tokenize(self, tokenizer: Any, texts: Sequence[str]) -> TokenizedTexts:
        """Tokenise the texts that are not known; see `TokenizedTexts.from_texts`."""
        found = self._known.of(texts)
        new = list(dict.fromkeys(text for text, known in zip(texts, found, strict=True) if known is None))
        made = TokenizedTexts.from_texts(tokenizer, new, self._max_tokens)
        tokens = {text: (made[row].copy(), int(made.lengths[row])) for row, text in enumerate(new)}
        self._known.keep(tokens.keys(), tokens.values())
        all_of = [tokens[text] if known is None else known for text, known in zip(texts, found, strict=True)]
        return TokenizedTexts(
            np.concatenate([np.zeros(0, np.int32), *(ids for ids, _ in all_of)]),
            offsets_of(np.array([len(ids) for ids, _ in all_of], np.int64)),
            np.array([length for _, length in all_of], np.int64),
        )

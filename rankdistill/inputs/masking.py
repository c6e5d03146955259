"""Mask tokens for a masked language model: which are to be predicted, and what stands in their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from rankdistill.arrays import F64, I64, Bools
from rankdistill.errors import DataError, UsageError

SHARE = 0.15
MASKED, RANDOM = 0.8, 0.1
"""Of the tokens to be predicted: the share that is replaced by the mask token, and by a random token; others stay."""


class TokenMasker:
    """Chooses tokens to be predicted, and replaces most of them, in a whole batch at once.

    tokenizer: whose mask token and vocabulary are used; its special tokens are never chosen. share: of the other
    tokens, each chosen alone with this probability. Random tokens are drawn from the whole vocabulary, as BERT's were.
    Raises `DataError` for a tokenizer without a mask token. Source: Devlin et al. 2019, §3.1 (docs/papers.md).
    """

    def __init__(self, tokenizer: Any, share: float = SHARE) -> None:
        if not 0 < share < 1:
            raise UsageError(f"the share of masked tokens must be above 0 and below 1, got {share}")
        if tokenizer.mask_token_id is None:
            raise DataError(
                f"{type(tokenizer).__name__} has no mask token: masked language modelling needs a base whose tokenizer "
                "has one, as BERT's and RoBERTa's"
            )
        self.share = share
        self.mask_id = int(tokenizer.mask_token_id)
        self.vocabulary = len(tokenizer)
        special = np.zeros(self.vocabulary, bool)
        special[[token for token in tokenizer.all_special_ids if token < self.vocabulary]] = True
        self._special = special

    def __call__(self, ids: I64, attention_mask: I64, draws: F64) -> tuple[I64, Bools]:
        """Mask a batch: ids and attention_mask int64 (P, L) -> the replaced ids, and which are to be predicted.

        draws: float64 (P, L), uniform from 0 to 1; each decides all of its token. The ids given are left as they are.
        """
        chosen = (draws < self.share) & (attention_mask == 1) & ~self._special[ids]
        kind = draws / self.share  # uniform again where a token is chosen
        masked = ids.copy()
        masked[chosen & (kind < MASKED)] = self.mask_id
        randomly = chosen & (kind >= MASKED) & (kind < MASKED + RANDOM)
        which = (kind[randomly] - MASKED) / RANDOM  # and again
        masked[randomly] = np.minimum((which * self.vocabulary).astype(np.int64), self.vocabulary - 1)
        return masked, chosen

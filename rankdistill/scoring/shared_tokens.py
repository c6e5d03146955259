"""SharedTokens: the texts of candidates tokenised once for all models whose tokenizers are the same."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rankdistill.files.facts import digest
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.texts import PairTexts
from rankdistill.inputs.tokens import GrowingTexts, TokenizedTexts

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.ready import ReadyModel

Tokens = tuple[TokenizedTexts, GrowingTexts]


class SharedTokens:
    """Token ids of the queries and documents of some candidates, for several models that score them one by one.

    Models share them where tokenizers and what is put around texts are the same, whatever their lengths: as many tokens
    of a text are kept as the longest of them reads. Nothing is tokenised before a model asks.
    """

    def __init__(self, texts: PairTexts, models: Iterable[CrossEncoder]) -> None:
        self.texts = texts
        by_room = sorted(models, key=lambda model: model.assembler.room)
        self._longest: dict[str, PairAssembler] = {_same_tokens(model): model.assembler for model in by_room}
        self._tokens: dict[str, Tokens] = {}

    @property
    def n_tokenizations(self) -> int:
        """How often the texts were tokenised so far."""
        return len(self._tokens)

    def of(self, model: CrossEncoder | ReadyModel, check: bool) -> Tokens:
        """Token ids for one of the models; check: look every document up first, see `ChunkScorer.tokenize`."""
        key = _same_tokens(model)
        if key not in self._tokens:
            if check:
                deque(self.texts.documents(), maxlen=0)
            assembler, n_documents = self._longest[key], len(self.texts.document_ids)
            self._tokens[key] = (
                assembler.tokenize_queries(model.tokenizer, self.texts.queries()),
                assembler.growing_documents(model.tokenizer, n_documents, self.texts.documents()),
            )
        return self._tokens[key]


def _same_tokens(model: CrossEncoder | ReadyModel) -> str:
    """Hash of what makes the tokens of a text: the tokenizer without its cutting and padding, and what is around it."""
    tokenizer = json.loads(model.tokenizer.backend_tokenizer.to_str())
    for setting in ("truncation", "padding"):
        tokenizer.pop(setting, None)
    return digest([tokenizer, model.assembler.around])

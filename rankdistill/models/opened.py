"""Opened: a folder with a cross-encoder, or a base of one, told apart by its kind before its weights are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rankdistill.errors import DataError
from rankdistill.inputs.asking import Asking
from rankdistill.inputs.prompted import PromptAssembler
from rankdistill.models.base import checked_folder, resolve_base, resolve_folder
from rankdistill.models.causal.chat import in_plain_text
from rankdistill.models.causal.contract import PromptContract
from rankdistill.models.causal.load import head_in_float32, load_causal, loading_dtype
from rankdistill.models.causal.stated import base_contract, contract_of, is_causal
from rankdistill.models.causal.tokens import with_ids
from rankdistill.models.contract import ENTRY, entry_of
from rankdistill.models.length import stated_length
from rankdistill.models.load import checked_config, load_classifier
from rankdistill.models.sentence.chain import is_chain
from rankdistill.models.sentence.classifier import load_chain
from rankdistill.models.sentence.listed import transformer_folder
from rankdistill.models.stated import Stated
from rankdistill.models.tokenizer import load_tokenizer
from rankdistill.models.untrained import warn_of_untrained_head

Loaded = tuple[Any, list[str]]
"""A model, and the names of the weights that its folder lacks."""


@dataclass(frozen=True)
class Opened:
    """What a folder states: a classifier, a chain of sentence-transformers' modules, or a causal language model.

    stated: settings of sentence-transformers. asked: the prompt that the two
    texts are put in, its tokens with their ids (None: they are read as a pair).
    """

    folder: str
    is_chain: bool
    stated: Stated
    tokenizer: Any
    asked: PromptContract | None
    reads_tokens: bool
    """Whether the score is that of tokens of a causal language model."""

    @classmethod
    def trained(cls, path: str | Path, asking: Asking) -> Opened:
        """Open a trained cross-encoder; raise `DataError` for a folder that is damaged, or not read here.

        asking: how a causal language model is asked, where its folder does not say, or otherwise.
        """
        folder, chain = _whole_folder(path)
        return cls._of(folder, chain, None if chain else contract_of(folder, asking), asks_tokens=True)

    @classmethod
    def base(cls, path: str | Path, n_logits: int, n_texts: int) -> Opened:
        """Open what a model of so many logits and texts starts from; raise as `trained` does."""
        folder, chain = _whole_folder(path)
        asked = base_contract(folder) if n_texts == 2 and not chain else None
        return cls._of(folder, chain, asked, asks_tokens=n_logits == 1 and asked is not None and asked.has_tokens)

    @classmethod
    def _of(cls, folder: str, chain: bool, asked: PromptContract | None, asks_tokens: bool) -> Opened:
        stated = Stated.by(folder, asked)
        tokenizer = load_tokenizer(transformer_folder(Path(folder)), stated.lower_case)
        asked = asked and in_plain_text(asked, tokenizer, folder, stated.opens_answer)
        reads_tokens = asked is not None and asks_tokens and is_causal(folder)
        if asked is not None and reads_tokens:
            asked = with_ids(asked, tokenizer, folder)
        return cls(folder, chain, stated, tokenizer, asked, reads_tokens)

    def prompt_assembler(self) -> PromptAssembler | None:
        """What puts texts in the prompt, made without the weights; None where there is no prompt.

        Raises `UsageError` where the prompt leaves no room for texts.
        """
        prompt = None if self.asked is None else self.asked.asked()
        if prompt is None:
            return None
        config = checked_config(self.folder)
        length = self.agreed("max_length", entry_of(config), self.stated.max_length)
        return PromptAssembler(self.tokenizer, length or stated_length(config, self.tokenizer), prompt)

    def trained_model(self, engine: str, dtype: str | None) -> Loaded:
        """Read the model as it is; weights of decoders in the dtype that is asked for, or stored."""
        kept = loading_dtype(transformer_folder(Path(self.folder)), engine, dtype)
        if self.is_chain:
            return load_chain(Path(self.folder), dtype=kept)
        if self.asked is not None and self.reads_tokens:
            return load_causal(self.folder, self.asked, kept), []
        model, missing = load_classifier(self.folder, dtype=kept)
        warn_of_untrained_head(self.folder, model.config)
        head_in_float32(self.folder, model)
        return model, missing

    def base_model(self, n_logits: int) -> Loaded:
        """Read a model of so many logits, in float32; its head is missing where the folder has another, or none."""
        if self.is_chain:
            return load_chain(Path(self.folder), n_logits)
        if self.asked is not None and self.reads_tokens:
            return load_causal(self.folder, self.asked, torch.float32), []
        return load_classifier(self.folder, n_logits)

    def agreed(self, name: str, entry: dict[str, Any], stated: Any) -> Any:
        """What our config entry notes, else what sentence-transformers' files state; `DataError` where they differ."""
        if stated is not None and entry.get(name, stated) != stated:
            raise DataError(
                f"{self.folder}: config.json notes the {name} {entry[name]!r}, sentence-transformers' files state "
                f"{stated!r}: delete the one that does not hold ({name!r} in config.json's entry {ENTRY!r} is ours)"
            )
        return entry.get(name, stated)


def _whole_folder(name_or_path: str | Path) -> tuple[str, bool]:
    """The folder that a cross-encoder is read from, the whole one where it is of several modules, and if it is."""
    whole = resolve_folder(name_or_path)
    if is_chain(whole):
        checked_folder(transformer_folder(whole))
        return str(whole), True
    folder = resolve_base(name_or_path)
    checked_config(folder)
    return folder, False

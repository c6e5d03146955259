"""Write a prompt into the files of a classifier's folder, so that other libraries read the same text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rankdistill.errors import DataError
from rankdistill.inputs.borders import Borders
from rankdistill.inputs.prompt import Prompt
from rankdistill.models.causal.chat import template_of
from rankdistill.models.causal.contract import PromptContract


def spelled_out(contract: PromptContract, borders: Borders, tokenizer: Any) -> PromptContract:
    """Return a contract whose prompt holds the special tokens that the tokenizer puts around it, as text.

    Raises `DataError` where that text has other tokens.
    """
    prompt = contract.asked()
    if prompt is None or not contract.special_tokens:
        return contract
    added = borders.start, borders.end[len(borders.end) - borders.n_added :]
    begin, end = ("".join(tokenizer.convert_ids_to_tokens(ids.tolist())) for ids in added)
    written = replace(contract, prompt=f"{begin}{contract.prompt}{end}", special_tokens=False)
    spelled = written.asked()
    if spelled is None or _ids(tokenizer, prompt) != _ids(tokenizer, spelled):
        raise DataError(
            f"the tokens {begin!r} and {end!r} that the tokenizer puts around a text cannot be spelled out in the "
            "prompt: its tokens would be others. Give a prompt that begins with the token for its begin"
        )
    return written


def _ids(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The tokens of a prompt around two words."""
    special = prompt.takes_special_tokens(tokenizer)
    return list(tokenizer(prompt.format("a", "a"), add_special_tokens=special, verbose=False)["input_ids"])


def state_prompt(contract: PromptContract, tokenizer: Any, config: Any) -> None:
    """Give a tokenizer the chat template of a prompt, and tokenizer and config a token for padding.

    The roles are those that sentence-transformers has for a pair, query and document. transformers finds a text's last
    token by that of padding, which must not end the prompt. Raises `DataError` where no token will do.
    """
    prompt = contract.asked()
    if prompt is not None:
        tokenizer.chat_template = template_of(prompt)
        ends = tokenizer(prompt.suffix, add_special_tokens=False, verbose=False)["input_ids"][-1:]
        if tokenizer.pad_token_id is None or [tokenizer.pad_token_id] == ends:
            known = (tokenizer.eos_token, tokenizer.unk_token, *tokenizer.all_special_tokens)
            usable = [token for token in known if token and [tokenizer.convert_tokens_to_ids(token)] != ends]
            if not usable:
                raise DataError(
                    "the tokenizer has no special token for padding beside the one that ends the prompt: add one"
                )
            tokenizer.pad_token = usable[0]
    if tokenizer.pad_token_id is not None:
        config.pad_token_id = int(tokenizer.pad_token_id)
